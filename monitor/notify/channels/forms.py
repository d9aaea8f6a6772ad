"""Which form of a message a service gets: all of it, or the short text, by how much the service carries."""

from dataclasses import dataclass
from typing import Any, Final

from monitor.notify.short import fitted
from monitor.ports import Message

__all__ = ["Form", "choose_form"]

_SMALL: Final = 600
"""Characters up to which a service counts as one of text messages or pagers, whatever it may carry."""
_GATEWAYS: Final = frozenset(
    {
        "cm",
        "exotel",
        "kaleyra",
        "mobilemessage",
        "notifyre",
        "octopush",
        "smpp",
        "smseagle",
        "smstunnel",
        "sns",
        "telesign",
        "twilio",
    }
)
"""Modules of Apprise for gateways of text messages that take several parts: each part costs."""
_BETWEEN: Final = 8
"""Characters that a service may put between a title and a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is handed to a service. Without a title, the body says all."""

    title: str
    body: str
    is_html: bool = False


def choose_form(message: Message, service: Any) -> Form:
    """Choose for a service of Apprise's: the whole text where it has room for it."""
    most = int(service.body_maxlen)
    module = type(service).__module__.split("plugins.")[-1].partition(".")[0]
    if module not in _GATEWAYS and most > _SMALL and len(message.title) + len(message.text) + _BETWEEN <= most:
        return Form(title=message.title, body=message.text)
    return Form(title="", body=fitted(message.short or message.title, most))
