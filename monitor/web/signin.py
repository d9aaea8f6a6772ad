"""How often somebody may try to sign in. Whoever guesses is slowed down, and nobody is kept out by it.

Four budgets, each for something else:

* **A browser** in which somebody has signed in before has a sign of that (`mark_of`). With it only his own
  failures on this browser count: whoever guesses from the same flat, office or proxy does not keep him out.
* **A name at an address** waits after three failures: 1 s, 2 s, 4 s … 15 min. One who guesses the name of the
  administrator at one address makes him wait nowhere else, and nobody else at that address.
* **A name**, from all addresses at which nobody has ever signed in, has 24 tries, and one more each 2.5 min.
* **An address** has 10 tries a minute for all names, and all addresses together 120; those at which somebody
  has signed in before have 120 of their own. A try that succeeds gives back what it took.

Nothing of it depends on whether there is somebody of that name: what is known of an address is known for all.

What that allows of guesses at one account. A name at an address: the first three and then ten more in
1 + 2 + … + 512 s = 17 min, then one in 15 min: 96 a day. Who lets an hour pass each time, or has the 4000 that
are remembered pushed out by others (at 120 a minute 33 minutes), gets 13 in 33 minutes: less than 600 a day,
for each known address at which he is. From everywhere else together: 24 + 24 * 24 = 600 a day. A browser of
somebody's, once it is stolen: 600 a day. So a botnet has about 220,000 guesses a year, less than 2^18, at
passwords of 12 letters that are none of the usual ones; who lives in the house as many again.

What is kept: 4000 failures and 2000 addresses in each allowance, the newest, each as a hash or a short text.
"""

import hashlib
import hmac
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor.accounts.people import Account
from monitor.web.allowance import Allowance

__all__ = ["SignIns", "Try", "mark_of", "number_of"]

_FREE: Final = 3
"""Failures before the first delay."""
_LONGEST_S: Final = 900.0
_FORGOTTEN_S: Final = 3600.0
_MOST: Final = 4000
_OWN, _ALL = 10, 120
"""Tries a minute: of one address and of all."""
_OF_NAME: Final = 24
"""Tries an hour of one name, from addresses where nobody has signed in."""
_ANY: Final = 1_000_000
_NUMBER: Final = 16
"""Random bytes of a browser's sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """Somebody who wants to sign in. `network`: what counts as one address; `browser`: the number of its sign.

    `is_known`: somebody, whoever it was, has signed in from this network before.
    """

    login: str
    network: str
    is_known: bool = False
    browser: str = ""


class SignIns:
    """Judges tries. `monotonic`: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._addresses = {is_known: Allowance(_OWN, _ALL, monotonic) for is_known in (False, True)}
        self._names = Allowance(_OF_NAME, _ANY, lambda: monotonic() / 60)  # what it calls a minute is an hour

    def wait(self, tried: Try) -> int:
        """Seconds to wait before somebody may try; 0: he may, and it counts as a failure until `succeeded`."""
        key, now = _key(tried), self._monotonic()
        count, last = self._failures.get(key, (0, now))
        if now - last > _FORGOTTEN_S:
            count = 0
        left = last + _delay(count) - now
        if left > 0:
            return math.ceil(left)
        if not tried.browser:
            if not self._addresses[tried.is_known].take(tried.network):
                return 60 // _OWN
            if not tried.is_known and not self._names.take(_name(tried)):
                return 60 * 60 // _OF_NAME
        self._failures[key] = (count + 1, now)
        self._failures.move_to_end(key)
        if len(self._failures) > _MOST:
            self._failures.popitem(last=False)
        return 0

    def succeeded(self, tried: Try) -> None:
        """It was the right password."""
        self._failures.pop(_key(tried), None)
        if not tried.browser:
            self._addresses[tried.is_known].give(tried.network)
            if not tried.is_known:
                self._names.give(_name(tried))


def mark_of(account: Account, number: str = "") -> str:
    """The sign of a browser in which somebody has signed in: a number (a new one where none is given), its proof.

    The proof is made with the hash of his password, which nothing but the state has: with another password
    browsers are strange again. It lets nobody in.
    """
    number = number or secrets.token_hex(_NUMBER)
    return f"{number}.{_proof(account.password, number)}"


def number_of(account: Account | None, mark: str) -> str:
    """The number of a sign; nothing when it is none of his. It takes as long for somebody whom there is not."""
    number, _, proof = mark.partition(".")
    password = account.password if account is not None and not account.disabled else ""
    agrees = hmac.compare_digest(proof.encode(), _proof(password, number).encode())
    return number if agrees and password and len(number) == 2 * _NUMBER else ""


def _proof(password: str, number: str) -> str:
    return hmac.new(password.encode(), f"browser {number}".encode(), hashlib.sha256).hexdigest()[:32]


def _delay(failures: int) -> float:
    return 0.0 if failures < _FREE else min(_LONGEST_S, 2.0 ** (failures - _FREE))


def _name(tried: Try) -> str:
    """As long for each login that somebody may think of."""
    return hashlib.sha256(tried.login.encode(errors="replace")).hexdigest()


def _key(tried: Try) -> bytes:
    place = f"browser {tried.browser}" if tried.browser else tried.network
    return hashlib.sha256(f"{place} {tried.login}".encode(errors="replace")).digest()[:16]
