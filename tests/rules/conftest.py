"""The house that tests of alarms have in common."""

from tests.alarms.household import house

__all__ = ["house"]
