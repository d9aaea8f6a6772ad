"""The API, and later the console."""
