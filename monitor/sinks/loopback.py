"""Whether a server is on this machine, by the host of its address alone: no name is looked up."""

from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["is_on_loopback"]


def is_on_loopback(url: str) -> bool:
    """Whether the host of a URL is `localhost` or an address of 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
