"""Who hears of an alarm, when, and over what: routing, outbox, messages, channels."""
