"""What the audit trail notes of requests: whatever changes something, and reads of what is private."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.accounts.audit import Audit, Row
from monitor.web.callers import known_caller

__all__ = ["NOTED", "Noted", "Trail", "note_of"]

NOTED: Final = "noted"
"""Where a request carries what is to be noted of it."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST: Final = 200
_REFUSED: Final = 400
"""From this status on nothing was done: what was asked about may be nothing of ours, such as a person's name."""


@dataclass(slots=True, kw_only=True)
class Noted:
    """What becomes a line of the trail: filled in by whoever knows more. `is_private`: reads are noted, too.

    `is_trifle`: once in ten minutes is enough, so that nobody drives out with it what others did.
    """

    action: str = ""
    target: str = ""
    by: str = ""
    is_private: bool = False
    is_trifle: bool = False


def note_of(request: Any) -> Noted:
    """What is to be noted of a request; where nothing is, what nobody reads."""
    noted: Noted | None = getattr(request.state, NOTED, None)
    return noted or Noted()


class Trail:
    """Notes each request before its answer goes out."""

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted = Noted()
        scope = {**scope, "state": {**scope.get("state", {}), NOTED: noted}}
        is_noted = False

        async def noting(message: Message) -> None:
            nonlocal is_noted
            if message["type"] == "http.response.start" and not is_noted:
                is_noted = True
                await self._note(scope, noted, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            if not is_noted:
                await self._note(scope, noted, 500)
            raise

    async def _note(self, scope: Scope, noted: Noted, status: int) -> None:
        is_read = scope["method"] in _SAFE
        if is_read and not noted.is_private:
            return
        caller = known_caller(Request(scope))
        client = scope.get("client") or ("", 0)
        row = Row(
            time=0,
            by=noted.by or ("" if caller is None else caller.name),
            via="" if caller is None else str(caller.via),
            address="" if caller is not None and caller.via == "socket" else str(client[0] or "")[:_LONGEST],
            action=noted.action or f"{scope['method'][:10]} (no such page)",
            target=_clean(noted.target) if status < _REFUSED else "",
            outcome=status,
        )
        await self._audit.note(row, is_read=is_read or noted.is_trifle)


def _clean(text: str) -> str:
    """A part of it that can be printed."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:_LONGEST])
