"""The console asked as somebody of a role: over ASGI, past the door where people sign in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.api import make_api
from monitor.web.callers import Caller, Role, Via
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["CSRF", "asking", "somebody"]

CSRF = "what-the-forms-of-this-session-carry"


def somebody(
    role: Role = Role.ADMINISTRATOR, *, name: str = "Ana", person: str = "ana", language: str = "en"
) -> Caller:
    """Somebody who has signed in."""
    return Caller(
        name=name, role=role, via=Via.SESSION, person=person, language=language, session="s-1", csrf=CSRF
    )


@asynccontextmanager
async def asking(parts: Parts, caller: Caller | None, *, root_path: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API and the console of these parts, as a caller; None: as nobody known.

    The live state is empty but for what is appended meanwhile.
    """
    app: ASGIApp = make_api(parts, LiveState(parts.site, parts.journal))

    async def as_caller(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"caller": caller}}, receive, send)

    transport = httpx.ASGITransport(app=as_caller, root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://monitor{root_path}") as client:
        yield client
