"""Files that people write (YAML and CSV), read with the place of everything, and what is wrong with them."""
