"""The one spelling of a credential: what readers print in many ways is one card, and so one pseudonym."""

import re
from typing import Final

__all__ = ["FORMS", "SEPARATORS", "canonical"]

FORMS: Final = ("hex", "hex_unpadded", "decimal", "text")
"""How readers spell a credential."""

SEPARATORS = re.compile(r"[\s:.\-]")
"""What stands between the digits of a number that is printed for people."""


def canonical(text: str, form: str) -> str:
    """The one spelling of a credential that its pseudonym is made of.

    hex: lower case without separators and `0x`; hex_unpadded: the same, as the reader prints it (bytes below
    0x10 have one digit, which cannot be undone); decimal: without leading zeros; text: stripped. What does not
    fit its form is taken as stripped text: one card still has one pseudonym.
    """
    text = text.strip()
    if form in {"hex", "hex_unpadded"}:
        digits = SEPARATORS.sub("", text).lower().removeprefix("0x")
        return digits if digits and re.fullmatch(r"[0-9a-f]+", digits) else text
    if form == "decimal" and text.isascii() and text.isdigit():
        return text.lstrip("0") or "0"
    return text
