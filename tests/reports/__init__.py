"""Reports: what they say, what they look like, and when they are mailed."""
