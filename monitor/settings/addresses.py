"""Addresses in settings: where this machine listens, and how people reach it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from monitor.fields import is_http

__all__ = ["is_base", "is_safe", "listens"]


def listens(given: object) -> tuple[str, int]:
    """An address of this machine and a port; raises ValueError that says what may be written."""
    text = given if isinstance(given, str) else ""
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname or "", parts.port or 0
        address = str(ip_address("127.0.0.1" if host == "localhost" else host))
    except ValueError:
        address, port = "", 0
    if not port or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("write an address of this machine and a port, such as `127.0.0.1:9100` or `[::1]:9100`")
    return address, port


def is_base(text: str) -> str:
    """How people reach pages, without a `/` at its end; raises ValueError that says what may be written."""
    parts = urlsplit(text)
    if (
        not is_http(text)
        or any(letter.isspace() for letter in text)
        or "?" in text
        or "#" in text
        or parts.username
    ):
        raise ValueError("write how people reach it, such as `https://house.example.org/fm`")
    return text.rstrip("/")


def is_safe(base: str) -> bool:
    """Whether nobody between a browser and us can read an address: TLS, or this machine alone."""
    parts = urlsplit(base)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
