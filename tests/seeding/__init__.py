"""Tests of a past that is filled in."""
