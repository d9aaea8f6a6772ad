"""Tests of what writes the journal out."""
