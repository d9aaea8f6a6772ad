"""Rules on trial: tapes of what devices say and what has to come of it."""
