"""Takes the names apart that devices give to what they say. Pure."""

import re

__all__ = ["slug", "words"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST = 40


def words(name: str) -> list[str]:
    """The words of a name, in small letters: `flowTemperature_c2` -> flow, temperature, c, 2."""
    return [word.lower() for word in _WORD.findall(name)]


def slug(text: str, fallback: str, *, joint: str = "-") -> str:
    """An id (or with the joint `_` a name) made of a text; the fallback where it has no letter or digit."""
    made = re.sub(r"[^a-z0-9]+", joint, text.lower()).strip(joint)[:_LONGEST].rstrip(joint)
    return made or fallback
