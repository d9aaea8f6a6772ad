"""The shell of the rules engine: state, timers, positions; the only writer of alarm state."""

from monitor.alarms.shell import Alarms

__all__ = ["Alarms"]
