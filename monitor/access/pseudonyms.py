"""Keyed pseudonyms: the only form in which credentials reach the journal.

A pseudonym is HMAC-SHA-256 under a key that never leaves the box, so that nobody can find the number of a card
by trying all numbers without also having the key. 96 bits of it are kept: two of a million credentials coincide
with a probability below 1e-16, and a tag of 24 characters stays short in every database.
"""

import hmac
import unicodedata
from pathlib import Path

from monitor.keyfile import open_key

__all__ = ["Pseudonyms"]

_FILE = "pseudonym.key"
_CHARACTERS = 24


class Pseudonyms:
    """Turns a credential in the form its driver gives into its pseudonym: 24 hexadecimal digits.

    The same credential gives the same pseudonym for as long as the key file lives. Nothing but Unicode's
    composition and spaces at the ends is evened out: what is the same card is for the driver to know.
    """

    __slots__ = ("__key",)

    def __init__(self, key: bytes) -> None:
        self.__key = key

    @classmethod
    def open(cls, state_dir: Path) -> "Pseudonyms":
        """Read the key of a state folder, made at the first start.

        Raises SettingsError when others may read the key, or when it is no key.
        """
        lost = "restore it from a copy (a new key would give every credential a new pseudonym)"
        return cls(open_key(state_dir / _FILE, "the key of the pseudonyms", lost=lost))

    def __call__(self, credential: str) -> str:
        """Answer the pseudonym of a credential; nothing for nothing."""
        canonical = unicodedata.normalize("NFC", credential).strip()
        if not canonical:
            return ""
        return hmac.digest(self.__key, canonical.encode("utf-8", "surrogatepass"), "sha256").hex()[:_CHARACTERS]

    def __reduce__(self) -> str:
        raise TypeError("the key of the pseudonyms stays where it is")
