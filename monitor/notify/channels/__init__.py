"""Channels: how a message leaves the house, chosen by the scheme of a person's address.

A scheme that is not in the table belongs to Apprise (`mailto:`, `json:`, `tgram:` and a hundred more).
"""

import re
from importlib import import_module
from typing import Final, cast

from monitor.ports import Channel

__all__ = ["CHANNELS", "MAIL", "OTHERS", "Channels", "check_address", "is_mail", "scheme_of"]

CHANNELS: Final[dict[str, str]] = {
    "terminal": "monitor.notify.channels.terminal:TerminalChannel",
}
"""Scheme -> `module:class` of the channel, and beside it a function `check`."""

OTHERS: Final = "monitor.notify.channels.services:AppriseChannel"
"""The channel of every other scheme."""

MAIL: Final = frozenset({"mailto", "mailtos"})
"""Schemes of mail over SMTP, which carries HTML and attachments."""

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


def scheme_of(address: str) -> str:
    """What stands before the first `:`, in lower case; empty without one."""
    found = _SCHEME.match(address.strip())
    return found[1].lower() if found else ""


def is_mail(address: str) -> bool:
    """Whether an address is one of mail, which carries HTML and attachments."""
    return scheme_of(address) in MAIL


def check_address(address: str) -> str | None:
    """Say what is wrong with an address, without repeating it; None when a channel can be made of it."""
    if not scheme_of(address):
        return "an address begins with a scheme and a colon, such as `mailto://` or `terminal:`"
    module = CHANNELS.get(scheme_of(address), OTHERS).partition(":")[0]
    return cast("str | None", import_module(module).check(address))
