"""Databases as older versions left them, and their way to the newest schema."""
