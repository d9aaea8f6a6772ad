"""Tests of the pages about the plant."""
