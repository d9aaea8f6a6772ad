"""Channels: how a message leaves the house, chosen by the scheme of a person's address.

A scheme that is not in the table belongs to Apprise (`mailto:`, `json:`, `tgram:` and a hundred more).
"""

import re
from importlib import import_module
from typing import Final, cast
from urllib.parse import parse_qs, urlsplit

from monitor.ports import Channel

__all__ = ["CHANNELS", "MAIL", "OTHERS", "Channels", "check_address", "is_mail", "scheme_of", "service_of"]

CHANNELS: Final[dict[str, str]] = {
    "terminal": "monitor.notify.channels.terminal:TerminalChannel",
}
"""Scheme -> `module:class` of the channel, and beside it a function `check`."""

OTHERS: Final = "monitor.notify.channels.services:AppriseChannel"
"""The channel of every other scheme."""

MAIL: Final = frozenset({"mailto", "mailtos"})
"""Schemes of mail over SMTP, which carries HTML and attachments."""

_NAMES_A_HOST: Final = MAIL | {
    *("apprise", "apprises", "form", "forms", "http", "https", "json", "jsons", "mqtt", "mqtts", "ntfy", "ntfys"),
    *("gotify", "gotifys", "mmost", "mmosts", "nctalk", "nctalks", "rocket", "rockets", "signal", "signals"),
    *("smseagle", "smseagles", "synology", "synologys", "workflow", "workflows", "xml", "xmls", "xmpp", "xmpps"),
}
"""Schemes whose addresses name a host where others have a secret: each host is a service of its own."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")


class Channels:
    """Answers the channel of an address; makes each once, when it is first needed (Apprise is heavy)."""

    def __init__(self) -> None:
        self._made: dict[str, Channel] = {}

    def __call__(self, address: str) -> Channel:
        """Answer the channel that delivers to `address`."""
        path = CHANNELS.get(scheme_of(address), OTHERS)
        if path not in self._made:
            module, _, name = path.partition(":")
            self._made[path] = cast("Channel", getattr(import_module(module), name)())
        return self._made[path]

    def hung(self) -> int:
        """How many deliveries still run although nobody waits for them any more."""
        return sum(getattr(channel, "hung", 0) for channel in self._made.values())


def scheme_of(address: str) -> str:
    """What stands before the first `:`, in lower case; empty without one."""
    found = _SCHEME.match(address.strip())
    return found[1].lower() if found else ""


def is_mail(address: str) -> bool:
    """Whether an address is one of mail, which carries HTML and attachments."""
    return scheme_of(address) in MAIL


def service_of(address: str) -> str:
    """Which service an address belongs to: its scheme, and host and port where it names one; never a secret."""
    scheme = scheme_of(address)
    if scheme not in _NAMES_A_HOST:
        return scheme
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return scheme
    if scheme in {"ntfy", "ntfys"} and not parts.path.strip("/"):
        return "ntfy"  # what looks like a host is a topic of the public server
    if scheme in MAIL:
        host = (parse_qs(parts.query).get("smtp") or [host])[0]
    return f"{scheme}://{host}{f':{port}' if port else ''}"


def check_address(address: str) -> str | None:
    """Say what is wrong with an address, without repeating it; None when a channel can be made of it."""
    if not scheme_of(address):
        return "an address begins with a scheme and a colon, such as `mailto://` or `terminal:`"
    module = CHANNELS.get(scheme_of(address), OTHERS).partition(":")[0]
    return cast("str | None", import_module(module).check(address))
