"""Binds `notify.links`: links in messages that acknowledge."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from monitor.documents.node import Node
from monitor.settings.binding import Binding
from monitor.settings.shape import LinksKeys
from monitor.staff import Links

__all__ = ["bind_links"]

_PATH: Final = "notify.links"


def bind_links(binding: Binding, notify: Node) -> Links | None:
    """Bind the section; None where there is none, or where it is wrong."""
    node = notify.get("links")
    if node is None:
        return None
    keys = binding.check(LinksKeys, node, _PATH)
    if keys is None:
        return None
    if not _is_safe(keys.base):
        binding.findings.warning(
            node.get("base") or node,
            f"{_PATH}.base",
            "without `https://` whoever reads along on the network can use these links",
        )
    host, port = keys.listen
    return Links(base=keys.base, host=host, port=port, lives=keys.lives)


def _is_safe(base: str) -> bool:
    """Whether nobody between a browser and us can read an address: TLS, or this machine alone."""
    parts = urlsplit(base)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
