"""The pages of alarms: what is there, what is done about it, who is told of it."""
