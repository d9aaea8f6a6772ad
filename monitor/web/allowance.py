"""How often somebody may ask: so many a minute, and some at once."""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

__all__ = ["Allowance", "client_key"]

_MOST_CLIENTS: Final = 2000
_HOUSEHOLD: Final = 64
"""Bits of an IPv6 address that one household has in common."""


class Allowance:
    """A bucket for each client and one for all, filled with `per_minute` and `all_per_minute`; both begin full.

    The clients that asked longest ago are forgotten first: then theirs is full again. `monotonic`: seconds.
    """

    def __init__(self, per_minute: int, all_per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._all_per_minute = all_per_minute
        self._monotonic = monotonic
        self._all = (float(all_per_minute), monotonic())
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> bool:
        """Take one from both, if there is one in each."""
        now = self._monotonic()
        whole = _filled(*self._all, now, self._all_per_minute)
        known = self._clients.pop(client, None)
        own = float(self._per_minute) if known is None else _filled(*known, now, self._per_minute)
        may = own >= 1 and whole >= 1
        self._clients[client] = (own - may, now)
        self._all = (whole - may, now)
        if len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        return may

    def give(self, client: str) -> None:
        """Give one back that was taken."""
        left, at = self._all
        self._all = (min(float(self._all_per_minute), left + 1), at)
        if client in self._clients:
            own, since = self._clients[client]
            self._clients[client] = (min(float(self._per_minute), own + 1), since)


def _filled(left: float, at: float, now: float, per_minute: int) -> float:
    return min(float(per_minute), left + (now - at) * per_minute / 60)


def client_key(host: str) -> str:
    """What counts as one client: an address, or the network of a household in IPv6."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:  # of a socket for both kinds
        address = address.ipv4_mapped
    return str(address) if address.version == 4 else str(ip_network((address, _HOUSEHOLD), strict=False))  # noqa: PLR2004
