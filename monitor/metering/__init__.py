"""Metering: counters into what was used, what it cost, and how far that can be trusted."""
