"""What a technician asks of a broker by hand: what is said on it, what devices it makes, what a message means."""
