"""Tests of the pages of alarms."""
