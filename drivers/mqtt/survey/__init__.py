"""What a technician asks of a broker by hand: what is said on it, and what a message means."""
