"""The terminal that the daemon runs in: for the demo and for trying things out."""

from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from monitor.errors import ChannelRejected, ChannelUnavailable
from monitor.ports import Message

__all__ = ["TerminalChannel", "check"]

_COLOURS: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_ADDRESSES: Final = frozenset({"terminal:", "terminal://"})


def check(address: str) -> str | None:
    """Say what is wrong with an address of this scheme."""
    return None if address.strip().lower() in _ADDRESSES else "write `terminal:` and nothing behind it"


class TerminalChannel:
    """Prints each message in a frame on standard output."""

    async def send(self, address: str, message: Message) -> None:
        """Print; a terminal that is gone may come back, so that is worth another try."""
        if wrong := check(address):
            raise ChannelRejected(wrong)
        colour = _COLOURS.get(message.severity, "white")
        frame = Panel(
            Text(message.text), title=Text(message.title, style=colour), title_align="left", border_style=colour
        )
        try:
            Console().print(frame)
        except (OSError, ValueError) as error:
            raise ChannelUnavailable("the terminal cannot be written to") from error
