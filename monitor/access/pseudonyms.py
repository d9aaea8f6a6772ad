"""Keyed pseudonyms: the only form in which credentials reach the journal.

A pseudonym is HMAC-SHA-256 under a key that never leaves the box, so that nobody can find the number of a card
by trying all numbers without also having the key. 96 bits of it are kept: two of a million credentials coincide
with a probability below 1e-16, and a tag of 24 characters stays short in every database.
"""

import contextlib
import hmac
import os
import stat
import unicodedata
from pathlib import Path

from monitor.errors import SettingsError

__all__ = ["Pseudonyms"]

_FILE = "pseudonym.key"
_KEY_BYTES = 32
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
        path = state_dir / _FILE
        try:
            if not path.exists():
                _make(path)
            return cls(_read(path))
        except OSError as error:
            raise SettingsError(f"the key of the pseudonyms, {path}, cannot be used: {error.strerror}") from error

    def __call__(self, credential: str) -> str:
        """Answer the pseudonym of a credential; nothing for nothing."""
        canonical = unicodedata.normalize("NFC", credential).strip()
        if not canonical:
            return ""
        return hmac.digest(self.__key, canonical.encode("utf-8", "surrogatepass"), "sha256").hex()[:_CHARACTERS]

    def __reduce__(self) -> str:
        raise TypeError("the key of the pseudonyms stays where it is")


def _make(path: Path) -> None:
    """Write a new key beside its place and link it there: whoever comes second uses the first one's key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        key = file.read(_KEY_BYTES + 1)
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise SettingsError(f"others can read the key of the pseudonyms: run `chmod 600 {path}`")
    if len(key) != _KEY_BYTES:
        raise SettingsError(
            f"{path} is not a key of {_KEY_BYTES} bytes; restore it from a copy "
            "(a new key would give every credential a new pseudonym)"
        )
    return key
