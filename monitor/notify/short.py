"""Texts for what carries little: a text message, a pager. Cut between words, never within a number."""

from collections.abc import Sequence
from typing import Final

__all__ = ["fitted", "room", "shorten", "squeeze"]

_PLAIN: Final = 160
_TWO_PARTS: Final = 134
"""Characters of one text message in GSM's alphabet, and of two in any script (67 each, as they are joined).

Source: 3GPP TS 23.040 §9.2.3.24.1; alphabet: 3GPP TS 23.038 §6.2.1.
"""
_LONGEST_WORD: Final = 40
"""Signs of a word that is rather cut than left out whole."""
_ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_OF_TWO: Final = frozenset("^{}\\[~]|€")
"""Signs of the alphabet that take the room of two."""
_PLAINER: Final = str.maketrans(
    {
        "³": "3",
        "²": "2",
        "°": "",
        "\u2026": "...",
        "\u2013": "-",
        "\u2014": "-",
        "\u2019": "'",
        "\u202f": " ",
        "\xa0": " ",
    }
)
"""Signs outside of the alphabet -> how people write them in text messages."""


def squeeze(lines: Sequence[str], joint: str = ". ") -> str:
    """Put together what fits into a text message.

    Each line begins with its rank, and a tab: what has the greatest goes first when there is no room. The first is
    never left out, and is shortened when it alone is too long. `joint` stands between two of them.
    """
    parts = [(int(rank), text.strip()) for rank, tab, text in (line.partition("\t") for line in lines) if tab]
    parts = [(rank, _plainer(text)) for rank, text in parts if text]
    while len(parts) > 1 and room(_joined(parts, joint)) < 0:
        least = max(range(1, len(parts)), key=lambda at: (parts[at][0], at))
        del parts[least]
    return fitted(_joined(parts, joint), None)


def fitted(text: str, most: int | None) -> str:
    """Shorten a text to so many characters; None: to what a text message holds."""
    if most is not None:
        return shorten(text, most, "...")
    length = len(text)
    while room(text) < 0:
        length = min(length - 1, len(text) - 1)
        text = shorten(text, length, "...")
    return text


def room(text: str) -> int:
    """How many characters a text message has left over; negative when it is too long."""
    signs = set(text)
    if signs <= _ALPHABET | _OF_TWO:
        return _PLAIN - len(text) - sum(text.count(sign) for sign in _OF_TWO & signs)
    return _TWO_PARTS - len(text.encode("utf-16-le")) // 2


def shorten(text: str, most: int, mark: str = "…") -> str:
    """Cut a text to `most` characters, the mark included: between words, or where a script has none."""
    if len(text) <= most:
        return text
    end = max(0, most - len(mark))
    cut = next(
        (at for at in range(end, max(0, end - _LONGEST_WORD), -1) if _may_part(text[at - 1], text[at])), end
    )
    return text[:cut].rstrip(" ,;:.(\uff08") + mark


def _plainer(text: str) -> str:
    """What can be said in GSM's alphabet is: a single sign outside of it halves the room."""
    plain = text.translate(_PLAINER)
    return plain if set(plain) <= _ALPHABET | _OF_TWO else text


def _joined(parts: Sequence[tuple[int, str]], joint: str) -> str:
    return joint.join(text for _, text in parts)


def _may_part(before: str, after: str) -> bool:
    """Whether a text may be cut between two signs: not within a word of letters or a number."""
    if before.isspace() or after.isspace():
        return True
    return not (_holds(before) and _holds(after))


def _holds(sign: str) -> bool:
    """Whether a sign belongs to the words and numbers that may not be cut; ideographs may."""
    return (sign.isalnum() and not "\u2e80" <= sign <= "\u9fff") or sign in ".,-_/+:@%"
