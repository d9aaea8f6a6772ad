"""A mail server on loopback that keeps what it gets in a Maildir: a caretaker's mailbox for the demo."""

import mailbox
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Mailbox"]


class Mailbox:
    """Accepts every mail for anybody on one loopback port, until stopped."""

    def __init__(self, folder: Path, port: int) -> None:
        self._maildir = mailbox.Maildir(folder, create=True)
        self._server = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one mail; aiosmtpd calls it."""
        del server, session
        content = envelope.content or b""
        self._maildir.add(content if isinstance(content, bytes) else content.encode())
        return "250 kept"

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self._server.start()

    def stop(self) -> None:
        """Stop listening; safe to call where it never began."""
        self._server.stop(no_assert=True)
