"""Commissioning: finding the units of a bus and looking at their registers. Only reads."""
