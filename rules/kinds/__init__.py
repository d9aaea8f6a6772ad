"""Rule kinds, one module each."""
