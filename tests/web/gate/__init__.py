"""Tests of what stands between a port and the app."""
