"""Whence a request comes, and under which names this machine may be asked."""

import socket
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

__all__ = ["is_within", "names_of_this_machine", "plain"]


def plain(address: str) -> str:
    """An IPv4 address as such, also where it came through a socket for both kinds."""
    return address.removeprefix("::ffff:") if "." in address else address


@lru_cache(maxsize=1024)
def is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether an address is in one of these networks; what is none is in none."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in networks)


def names_of_this_machine(host: str) -> frozenset[str]:
    """Under which names it may be asked for where it listens; the address that was reached comes to these."""
    if ip_address(host).is_loopback:
        return frozenset({host, "localhost"})
    name = socket.gethostname().lower()
    return frozenset({host, name, name.partition(".")[0], f"{name.partition('.')[0]}.local", "localhost"})
