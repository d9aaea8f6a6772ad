"""The console for browsers, made and joined: who may use it, and the port it is served on."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from monitor.accounts.book import Accounts
from monitor.app.listening import listening
from monitor.journal.state import State
from monitor.model import Value
from monitor.site import ConsoleSettings, Site

__all__ = ["ConsoleParts"]

_LOG = structlog.get_logger()
_TRY_AGAIN: Final = 60.0
_CLIENTS: Final = 200


class ConsoleParts:
    """Keeps the accounts, which there are without a port, too, and serves where the site wants it."""

    def __init__(self, site: Site, state: State, now: Callable[[], int]) -> None:
        settings = site.console or ConsoleSettings()
        self.accounts = Accounts(state, now, idle=settings.idle, longest=settings.longest)
        self._settings = site.console
        self._listens = False
        self._refused: Callable[[], int] = lambda: 0

    def facts(self) -> Mapping[str, Value]:
        """Whether it is served, and how many people, sessions and tokens there are."""
        if self._settings is None:
            return {}
        people, tokens = self.accounts.people(), self.accounts.tokens.all()
        sessions = sum(len(self.accounts.sessions(each.login)) for each in people)
        return {
            "listening": self._listens,
            "users": len(people),
            "sessions": sessions,
            "tokens": len(tokens),
            "refused": self._refused(),
            "audit_rows": self.accounts.audit.kept,
        }

    async def serve(self, api: Any) -> None:
        """Serve an app until cancelled; a port that is taken is logged once and tried again each minute."""
        settings = self._settings
        if settings is None:
            return
        if not self.accounts.has_users:
            _LOG.warning(
                "console_has_no_users",
                what_to_do="on this machine, `facility-monitor user link` makes the first administrator, or "
                "`facility-monitor user add NAME --role administrator`, then `user link NAME`",
            )
        is_failing = False
        while True:
            try:
                bound, context = _open(settings)
            except OSError as error:
                if not is_failing:
                    _LOG.error(
                        "console_not_served",
                        address=f"{settings.host}:{settings.port}",
                        error=error.strerror or str(error),
                        what_to_do="free the port, write another `console.listen`, or mend the certificate; the "
                        "commands work as before",
                    )
                is_failing = True
                await asyncio.sleep(_TRY_AGAIN)
                continue
            if is_failing:
                _LOG.info("console_served", address=f"{settings.host}:{settings.port}")
            is_failing = False
            await self._serve(api, settings, bound, context)

    async def _serve(
        self, api: Any, settings: ConsoleSettings, bound: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        from monitor.web.gate import Gate
        from monitor.web.server import run_bound

        gate = Gate(api, self.accounts, settings)
        self._refused = lambda: gate.refused
        self._listens = True
        try:
            with contextlib.closing(bound):
                await run_bound(
                    gate,
                    bound,
                    clients=_CLIENTS,
                    tls=context,
                    believes_proxies=False,
                    is_shared=gate.is_shared,
                )
        finally:
            self._listens = False


def _open(settings: ConsoleSettings) -> tuple[socket.socket, ssl.SSLContext | None]:
    """Bind the port and read the certificate. Raises OSError; ssl.SSLError is one."""
    context = None
    if settings.certificate is not None and settings.key is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(settings.certificate, settings.key, password="")
    return listening(settings.host, settings.port), context
