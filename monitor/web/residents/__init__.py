"""Residents report what is wrong by a code on the wall, and follow by a link what becomes of it."""
