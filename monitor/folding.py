"""Texts as they are compared where people look for something."""

import unicodedata

__all__ = ["plain"]


def plain(text: str) -> str:
    """A text without case, accents and forms of width: of `Aufzüge`, as of wide `AUFZUGE`, `aufzuge`."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
