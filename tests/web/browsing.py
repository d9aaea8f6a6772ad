"""The console on a real port of loopback, over a real state: who asks is known by a cookie or a token."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from monitor.accounts.book import Accounts
from monitor.accounts.passwords import Passwords
from monitor.accounts.roles import Role, Scope
from monitor.app.listening import listening
from monitor.journal.state import State
from monitor.site import ConsoleSettings
from monitor.web.api import make_api
from monitor.web.gate import Gate
from monitor.web.live import LiveState
from monitor.web.parts import Parts
from monitor.web.server import run_bound
from tests.clock import ManualClock
from tests.servers.ports import free_port

__all__ = ["PASSWORD", "Browser", "Front", "accounts_of", "front"]

PASSWORD = "seven quiet meters hum"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


def quick() -> Passwords:
    """Hashes that cost next to nothing."""
    return Passwords(memory_kib=8, rounds=1)


async def accounts_of(state: State, clock: ManualClock, *, idle: float = 3600.0) -> Accounts:
    accounts = Accounts(state, clock.now, idle=idle, longest=86400.0, passwords=quick())
    await accounts.load()
    return accounts


@dataclass
class Browser:
    """A client that keeps cookies, and sends forms as a browser does from a page of the same site."""

    http: httpx.AsyncClient
    origin: str
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(f"{self.origin}{path}", **more)

    async def post(self, path: str, form: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin", **more.pop("headers", {})}
        return await self.http.post(f"{self.origin}{path}", data=form or {}, headers=headers, **more)

    async def csrf(self, path: str = "/account") -> str:
        found = _CSRF.search((await self.get(path)).text)
        assert found is not None
        return found[1]

    async def send(self, path: str, **form: Any) -> httpx.Response:
        """Send a form that carries what it has to."""
        return await self.post(path, {"csrf": await self.csrf(), **form})

    async def sign_in(self, login: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
        return await self.post("/login", {"login": login, "password": password, **more})

    @property
    def secret(self) -> str:
        """What the cookie of the session carries."""
        return next((each.value or "" for each in self.http.cookies.jar if each.name.endswith("session")), "")


@dataclass
class Front:
    """A console that is served, and what is behind it."""

    port: int
    accounts: Accounts
    gate: Gate
    parts: Parts
    origin: str

    @asynccontextmanager
    async def browser(self, **more: Any) -> AsyncIterator[Browser]:
        """One browser, which has no cookies yet."""
        verify = more.pop("verify", False)
        async with httpx.AsyncClient(trust_env=False, verify=verify, timeout=60, **more) as http:
            yield Browser(http, more.get("base_url") or self.origin)

    async def add(self, login: str, role: Role = Role.VIEWER, password: str = PASSWORD) -> None:
        """Somebody with a password."""
        await self.accounts.add(login, name=login.title(), role=role, by="test")
        await self.accounts.set_password(login, password)

    async def token(self, *scopes: Scope) -> str:
        """The secret of a token."""
        secret, _ = await self.accounts.tokens.add(
            f"t{len(self.accounts.tokens.all())}", scopes, expires_at=None, by=""
        )
        return secret


@asynccontextmanager
async def front(
    parts: Parts,
    accounts: Accounts,
    settings: ConsoleSettings | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    clients: int = 200,
    is_shared: Callable[[str], bool] | None = None,
) -> AsyncIterator[Front]:
    """Serve until the block ends; the port of the settings is a free one."""
    port = free_port()
    settings = replace(settings or ConsoleSettings(), port=port)
    parts = replace(parts, accounts=accounts, site=replace(parts.site, console=settings))
    live = LiveState(parts.site, parts.journal)
    gate = Gate(make_api(parts, live), accounts, settings)
    scheme = "http" if tls is None else "https"
    bound = listening("127.0.0.1", port)
    tasks = [
        asyncio.create_task(live.run()),
        asyncio.create_task(
            run_bound(
                gate,
                bound,
                clients=clients,
                tls=tls,
                believes_proxies=False,
                is_shared=is_shared or gate.is_shared,
            )
        ),
    ]
    try:
        yield Front(port, accounts, gate, parts, f"{scheme}://127.0.0.1:{port}")
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        accounts.passwords.close()
