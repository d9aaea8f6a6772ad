"""Binds `notify.links`: links in messages that acknowledge."""

from typing import Final

from monitor.documents.node import Node
from monitor.settings.addresses import is_safe
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
    if not is_safe(keys.base):
        binding.findings.warning(
            node.get("base") or node,
            f"{_PATH}.base",
            "without `https://` whoever reads along on the network can use these links",
        )
    host, port = keys.listen
    return Links(base=keys.base, host=host, port=port, lives=keys.lives)
