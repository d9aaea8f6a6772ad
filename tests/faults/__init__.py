"""Faults done to a whole running site, and what must still be true afterwards."""
