"""The console for browsers, made and joined: who may use it, and the port it is served on."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import structlog

from monitor.accounts.book import Accounts
from monitor.app.listening import Certificate, Listener
from monitor.journal.state import State
from monitor.model import Value
from monitor.site import ConsoleSettings, Site

__all__ = ["ConsoleParts"]

_LOG = structlog.get_logger()
_CLIENTS: Final = 200


class ConsoleParts:
    """Keeps the accounts, which there are without a port, too, and serves where the site wants it."""

    def __init__(self, site: Site, state: State, now: Callable[[], int]) -> None:
        settings = site.console or ConsoleSettings()
        self.accounts = Accounts(state, now, idle=settings.idle, longest=settings.longest)
        self._settings = site.console
        self._listener: Listener | None = None
        self._refused: Callable[[], int] = lambda: 0

    def facts(self) -> Mapping[str, Value]:
        """Whether it is served, and how many people, sessions and tokens there are."""
        if self._settings is None:
            return {}
        people, tokens = self.accounts.people(), self.accounts.tokens.all()
        sessions = sum(len(self.accounts.sessions(each.login)) for each in people)
        return {
            "listening": self._listener is not None and self._listener.is_there,
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
        certificate = None
        if settings.certificate is not None and settings.key is not None:
            certificate = Certificate(settings.certificate, settings.key)
        self._listener = Listener(
            settings.host,
            settings.port,
            lambda: self._gated(api, settings),
            failed=_failed,
            served=lambda address: _LOG.info("console_served", address=address),
            certificate=certificate,
        )
        await self._listener.run()

    def _gated(self, api: Any, settings: ConsoleSettings) -> tuple[Any, Any, int]:
        from monitor.web.gate import Gate
        from monitor.web.server import run_bound

        gate = Gate(api, self.accounts, settings)
        self._refused = lambda: gate.refused
        run = partial(run_bound, believes_proxies=False, is_shared=gate.is_shared)  # the gate knows the proxies
        return gate, run, _CLIENTS


def _failed(address: str, error: str) -> None:
    _LOG.error(
        "console_not_served",
        address=address,
        error=error,
        what_to_do="free the port, write another `console.listen`, or mend the certificate; the commands work as "
        "before",
    )
