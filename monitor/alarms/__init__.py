"""The shell of the rules engine: state, timers, positions; the only writer of alarm state."""
