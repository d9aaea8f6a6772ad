"""Ports for the demo: the shipped ones, or free ones where those are taken."""

import re
import socket

__all__ = ["with_free_ports"]

_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=port: )\d+")


def with_free_ports(site: str) -> str:
    """Replace each loopback port of a site file that somebody listens on by one that is free."""
    taken = {port: str(_free_port()) for port in set(_PORT.findall(site)) if not _is_free(int(port))}

    def chosen(found: re.Match[str]) -> str:
        return taken.get(found[0], found[0])

    return _PORT.sub(chosen, site)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
