"""Passwords: what is refused as one (NIST SP 800-63B), and argon2 hashes of those that are taken."""

import asyncio
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from monitor.errors import TooManyAsk
from monitor.wording import Sentence

__all__ = ["LONGEST", "SHORTEST", "Passwords", "weakness"]

T = TypeVar("T")

SHORTEST: Final = 12
LONGEST: Final = 256
_MEMORY_KIB: Final = 19 * 1024
_ROUNDS: Final = 3
"""OWASP asks for 19 MiB and 2 rounds at least. One round more costs a Raspberry Pi a tenth of a second; more
memory would be felt there, with two of these beside what the monitor has."""
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 12
_WRITTEN: Final = """\
    password password1 password12 password123 password1234 passw0rd passwort passwort1 passwort123 qwerty
    qwertyuiop qwerty123 qwerty123456 qwertyuiop123 1q2w3e4r5t6y 1qaz2wsx3edc 123456 1234567 12345678
    123456789 1234567890 12345678910 123456789012 1234567890123
    0123456789 012345678910 987654321 0987654321 111111 111111111111
    000000000000 aaaaaaaaaaaa abcdefghijkl abc123456789 abcd12345678 iloveyou iloveyou1234 letmein letmein12345
    welcome welcome1 welcome123 welcome12345 admin admin123 admin1234 administrator administrator1 adminadminadmin
    rootrootroot changeme changeme123 changeme1234 secretsecret mypassword123 correcthorsebatterystaple
    facilitymonitor facilitymonitor1 facilitymanager hausmeister hausmeister1 hausmeister123 building123 sommer2026
    winter2026 monkeymonkey dragondragon sunshine1234 princess1234 football1234 baseball1234 trustno1trustno1
    woaini1314520 woaini1314 5201314 a123456789 asdfghjkl asdfghjkl123 zxcvbnm zxcvbnm123456 asdfghjklqwe
    """
_USUAL: Final = frozenset(_WRITTEN.split())
"""The most usual ones of published lists, and what suggests itself here; compared without case and signs."""


def weakness(password: str, words: Iterable[str] = ()) -> str:
    """Why this is no password: short, long, usual or name; empty when it is one.

    `words`: what everybody would try: the login, the name, the site. There are no rules on which signs it has.
    """
    password = _plain(password)
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    bare = _bare(password)
    if bare in _USUAL or len(set(bare)) < 3:  # noqa: PLR2004 - aaaa, abababab
        return "usual"
    known = {_bare(word) for word in words} - {""}
    if any(bare.strip("0123456789").replace(word, "") == "" or bare == word for word in known):
        return "name"
    return ""


def _plain(password: str) -> str:
    """The same, however a keyboard puts its letters together; nobody means the spaces around it."""
    return unicodedata.normalize("NFKC", password).strip()


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


class Passwords:
    """Hashes and compares, two at once at most, in threads of its own."""

    def __init__(self, *, memory_kib: int = _MEMORY_KIB, rounds: int = _ROUNDS) -> None:
        self._hasher = PasswordHasher(
            time_cost=rounds, memory_cost=memory_kib, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0
        self.compared = 0
        """How often a password was compared with a hash."""

    async def hash(self, password: str) -> str:
        """The hash of a password, with its salt and parameters. Raises TooManyAsk."""
        return await self._do(self._hasher.hash, _plain(password))

    async def agrees(self, password: str, hashed: str) -> bool:
        """Whether it is the password of a hash; with an empty one it takes as long, and is not."""
        self.compared += 1
        return await self._do(self._agrees, _plain(password[: LONGEST + 1]), hashed)

    def is_old(self, hashed: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody's")

    def _agrees(self, password: str, hashed: str) -> bool:
        try:
            agrees = self._hasher.verify(hashed or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return agrees and bool(hashed)

    async def _do(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= _MOST_WAITING:
            raise TooManyAsk(Sentence("too many sign in at once: try again in a moment"))
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1
