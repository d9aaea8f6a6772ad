"""Doors, credentials and their pseudonyms."""
