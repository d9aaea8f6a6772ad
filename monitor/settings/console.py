"""Binds `console`: where browsers reach the console and the API."""

from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from monitor.documents.node import Node
from monitor.settings.addresses import is_safe
from monitor.settings.binding import Binding
from monitor.settings.consoleshape import ConsoleKeys
from monitor.site import ConsoleSettings

__all__ = ["bind_console"]

_PATH: Final = "console"
_SMALL: Final = {4: 24, 6: 64}
"""Bits of networks that may be of proxies alone."""
_HERE: Final = ("127.0.0.0/8", "::1/128")


def bind_console(binding: Binding, root: Node) -> ConsoleSettings | None:
    """Bind the section; None where there is none, or where it is wrong. `console:` alone is all as it is usual."""
    node = root.get(_PATH)
    if node is None:
        return None
    if node.kind == "scalar" and node.scalar is None:
        node = Node("mapping", node.file, node.line, node.column)
    keys = binding.check(ConsoleKeys, node, _PATH)
    if keys is None:
        return None
    host, port = keys.listen
    base = keys.base or ""
    if keys.tls is None and not _is_private(host, base):
        binding.findings.warning(
            node.get("anywhere") or node,
            f"{_PATH}.anywhere",
            "without TLS whoever reads along on the network gets passwords and sessions: give it `tls`, or write "
            "the `base` of a proxy with TLS",
        )
    elif base and not is_safe(base):
        binding.findings.warning(
            node.get("base") or node,
            f"{_PATH}.base",
            "without `https://` whoever reads along on the network gets passwords and sessions",
        )
    for network in keys.proxies or ():
        if _is_wide(network):
            binding.findings.warning(
                node.get("proxies") or node,
                f"{_PATH}.proxies",
                f"whoever has an address of {network} can say that he is somebody else, in the audit trail "
                "too, and shares his limits with all others there: write the addresses of your proxies alone",
            )
    return ConsoleSettings(
        host=host,
        port=port,
        base=base,
        certificate=None if keys.tls is None else keys.tls.certificate,
        key=None if keys.tls is None else keys.tls.key,
        proxies=keys.proxies if keys.proxies is not None else (_HERE if base else ()),
        idle=keys.session.idle,
        longest=keys.session.longest,
    )


def _is_wide(text: str) -> bool:
    """Whether others than proxies may have addresses of a network: it is no small one."""
    network = ip_network(text)
    return not network.is_loopback and network.prefixlen < _SMALL[network.version]


def _is_private(host: str, base: str) -> bool:
    """Whether only this machine connects, or people come by a proxy with TLS."""
    return ip_address(host).is_loopback or urlsplit(base).scheme == "https"
