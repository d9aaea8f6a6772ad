"""How often somebody may try to sign in: growing delays, which never keep out whom they are to protect.

Strangers share the delays of an account. From a network in which he has signed in before, somebody has delays of
his own: whoever guesses elsewhere does not keep him out.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from monitor.web.allowance import Allowance

__all__ = ["SignIns"]

_FREE: Final = 3
"""Failures before the first delay."""
_LONGEST_S: Final = 900.0
_FORGOTTEN_S: Final = 3600.0
_MOST: Final = 4000
_OWN, _ALL = 10, 120
"""Tries a minute: of one network and of all that nobody knows."""


class SignIns:
    """Judges tries. `monotonic`: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._strange = Allowance(_OWN, _ALL, monotonic)
        self._known = Allowance(_OWN, _ALL, monotonic)

    def wait(self, login: str, network: str, known: Sequence[str]) -> int:
        """Seconds to wait before somebody may try; 0: he may, and it counts as a failure until `succeeded`.

        `known`: the networks from which this account has signed in.
        """
        key, now = _key(login, network, known), self._monotonic()
        count, last = self._failures.get(key, (0, now))
        if now - last > _FORGOTTEN_S:
            count = 0
        left = last + _delay(count) - now
        if left > 0:
            return math.ceil(left)
        allowance = self._known if network in known else self._strange
        if not allowance.take(network):
            return 60
        self._failures[key] = (count + 1, now)
        self._failures.move_to_end(key)
        if len(self._failures) > _MOST:
            self._failures.popitem(last=False)
        return 0

    def succeeded(self, login: str, network: str, known: Sequence[str]) -> None:
        """It was the right password."""
        self._failures.pop(_key(login, network, known), None)


def _delay(failures: int) -> float:
    return 0.0 if failures < _FREE else min(_LONGEST_S, 2.0 ** (failures - _FREE))


def _key(login: str, network: str, known: Sequence[str]) -> bytes:
    """As long for each login that somebody may think of."""
    place = network if network in known else ""
    return hashlib.sha256(f"{place} {login}".encode(errors="replace")).digest()[:16]
