"""A real SMTP server on loopback that keeps what it takes, and can be told to refuse, put off or hang."""
# ruff: noqa: N802, ARG002 - the names and parameters are those of aiosmtpd

import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.ports import free_port

__all__ = ["MailServer", "plain_text"]


def plain_text(message: EmailMessage) -> str:
    """What a mail says in plain text, whatever else it carries."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


class MailServer:
    """`answers` is what the next deliveries get, oldest first ("550 no", or None: take it); then `otherwise`.

    While `hang` is set, the server takes a message's text and does not answer. `attempts` counts the texts
    that arrived in full, whatever became of them. `users`: name -> password of those who may send (none: all).
    `tls`: it speaks TLS, from the beginning or, with `starttls`, after STARTTLS.
    """

    def __init__(
        self, *, users: dict[str, str] | None = None, tls: ssl.SSLContext | None = None, starttls: bool = False
    ) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.attempts = 0
        self.answers: list[str | None] = []
        self.otherwise: str | None = None
        self.refused_recipients: dict[str, str] = {}
        self.released = threading.Event()
        self.hang = False
        self._users = users or {}
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ready_timeout=60,
            ssl_context=None if starttls else tls,
            tls_context=tls if starttls else None,
            require_starttls=starttls,
            authenticator=self._authenticate,
            auth_require_tls=False,
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._controller.stop()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        known = isinstance(data, LoginPassword) and self._users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=known, handled=False)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if self._users and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.attempts += 1
        if self.hang:
            await server.loop.run_in_executor(None, self.released.wait)
            return "451 too late"
        answer = self.answers.pop(0) if self.answers else self.otherwise
        if answer is not None:
            return answer
        self.messages.append(
            message_from_bytes(bytes(envelope.content), _class=EmailMessage, policy=policy.default)
        )
        return "250 OK"

    def texts(self) -> list[str]:
        """The plain texts of what was taken, decoded."""
        return [plain_text(message) for message in self.messages]

    def pages(self) -> list[str]:
        """The pages of what was taken and has one, decoded."""
        bodies = [message.get_body(("html",)) for message in self.messages]
        return [str(body.get_content()) for body in bodies if body is not None]

    def subjects(self) -> list[str]:
        """The subjects of what was taken, decoded."""
        return [str(message["Subject"]) for message in self.messages]
