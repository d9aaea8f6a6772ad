"""What stands between a TCP port and the app: who asks, from where, under which name, and what every answer says.

A request over TCP is never of the socket: it has a session's cookie, a token, or is a stranger's.
"""

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.accounts.audit import Row
from monitor.accounts.book import Accounts
from monitor.accounts.people import hashed
from monitor.accounts.roles import Role
from monitor.site import ConsoleSettings
from monitor.web.allowance import Allowance, client_key
from monitor.web.callers import Caller, Via
from monitor.web.ending import Ending
from monitor.web.problems import problem
from monitor.web.server import is_here
from monitor.web.shapes import PREFIX
from monitor.web.whence import is_within, names_of_this_machine, plain

__all__ = ["Door", "Gate", "csrf_of", "door_of"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LARGEST_HEAD: Final = 16 * 1024
_MOST_HEADERS: Final = 100
_WRONG, _ALL_WRONG = 30, 600
"""Tokens that are none, a minute: of one client and of all."""
_AT_ONCE: Final = 40
"""Requests that are answered at a time, of a person, a token at one address, or a stranger: a fifth of the
connections. Behind a proxy all of them come from one address."""
_LOOK_S: Final = 10.0
"""Seconds between two looks whether who is told something that goes on still may."""
_BACKGROUND: Final = "x-background"
"""The header of what a page loads again by itself."""
_BY_THEMSELVES: Final = ("/api/v1/live", "/readings/stream", ".svg", ".css", ".js")
"""What pages load without anybody doing anything, by the ends of the paths."""
_WAYS_OUT: Final = {
    400: "send the request once more, as HTTP/1.1 has it",
    403: "send a token of the API, or the X-CSRF-Token of the session from a page of the console",
    421: "ask under the name of the console",
    429: "wait, then ask again; `facility-monitor token add` makes a token that is known",
    431: "send fewer and shorter headers",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    # Not no-referrer: with it browsers say of a form only that it comes from `null`.
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"x-robots-tag": b"noindex, nofollow",
    b"cache-control": b"no-store",
}
_STRICT: Final = {b"strict-transport-security": b"max-age=31536000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How a request came in. `secure`: nobody reads along between the browser and us, or its proxy."""

    secure: bool
    address: str
    agent: str = ""
    secret: str = field(default="", repr=False)
    """What its cookie carries."""
    mark: str = field(default="", repr=False)
    """The sign of a browser in which somebody has signed in (`monitor.web.signin.mark_of`)."""

    @property
    def network(self) -> str:
        """What counts as one place."""
        return client_key(self.address)

    @property
    def cookie(self) -> str:
        """What the cookie of a session is called here."""
        return _cookie_of(secure=self.secure)

    @property
    def mark_cookie(self) -> str:
        """What the cookie of that sign is called here."""
        return _cookie_of("browser", secure=self.secure)


def door_of(request: object) -> Door | None:
    """How a request came in; None: over the socket."""
    door: Door | None = getattr(request.state, "door", None)  # type: ignore[attr-defined]
    return door


def csrf_of(secret: str) -> str:
    """What the forms of a session carry: known to nobody who has not its cookie, and kept nowhere."""
    return hashed(f"csrf {secret}")


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Gate:
    """The app around the app, for what comes over TCP. `monotonic`: seconds."""

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        settings: ConsoleSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._has_tls = settings.certificate is not None
        base = urlsplit(settings.base)
        self._base_origin = f"{base.scheme}://{base.netloc}".lower() if settings.base else ""
        self._base_host = base.netloc.lower()
        self._path = base.path
        self._port = settings.port
        self._is_secure = self._has_tls or base.scheme == "https"
        self._proxies = tuple(ip_network(each) for each in settings.proxies)
        self._names = names_of_this_machine(settings.host)
        self._wrong = Allowance(_WRONG, _ALL_WRONG, monotonic)
        self._headers = [*_HEADERS.items(), *(_STRICT.items() if self._is_secure else ())]
        self._answering: Counter[str] = Counter()
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._with_headers(message.get("headers", ()))}
            await send(message)

        try:
            inside = await self._judge(scope)
            whose = self._refuse_many(inside)
        except _Refused as refused:
            self.refused += 1
            await _told(scope["path"], refused)(scope, receive, guarded)
            return
        self._answering[whose] += 1
        try:
            await self._answer(inside, receive, guarded)
        finally:
            self._answering[whose] -= 1
            if not self._answering[whose]:
                del self._answering[whose]

    def _refuse_many(self, scope: Scope) -> str:
        """What counts as one who asks. Raises _Refused where he has as many requests under way as he may."""
        whose = self._whose(scope)
        if self._answering[whose] >= _AT_ONCE:
            raise _Refused(429, "too many requests at once: wait until some of them are answered")
        return whose

    def _whose(self, scope: Scope) -> str:
        """What counts as one who asks; strangers whom a proxy does not tell apart are all others."""
        caller: Caller | None = scope["state"]["caller"]
        door: Door = scope["state"]["door"]
        if caller is not None and caller.via is Via.SESSION:
            return f"session {caller.name}"
        if caller is None and self.is_shared(door.address):
            return f"stranger {id(scope)}"
        return f"{'' if caller is None else caller.name} {door.network}"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer; what goes on ends when the session or the token does, at once where it is fed."""
        may_go_on = self._going_on(scope)
        ending, loop = Ending(), asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal timer
            if may_go_on():
                timer = loop.call_later(_LOOK_S, look)
            else:
                ending.end()

        async def watched(message: Message) -> None:
            nonlocal timer
            if message["type"] == "http.response.start":
                timer = loop.call_later(_LOOK_S, look)
            elif message.get("more_body") and not may_go_on():
                ending.end()
                message = {**message, "body": b""}
            await send(message)

        try:
            await ending.run(self._app, scope, receive, watched)
        finally:
            if timer is not None:
                timer.cancel()

    def _going_on(self, scope: Scope) -> Callable[[], bool]:
        """Whether who asked may still: a long answer ends when his session or token does."""
        caller: Caller | None = scope["state"]["caller"]
        if caller is None:
            return _always
        if caller.via is Via.TOKEN:
            secret = _secret_of(Headers(scope=scope))
            return lambda: self._accounts.tokens.find(secret, is_used=False) is not None
        cookie = scope["state"]["door"].secret
        return lambda: self._accounts.session(cookie, is_used=False) is not None

    def _with_headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        said = list(given)
        names = {name.lower() for name, _ in said}
        return said + [header for header in self._headers if header[0] not in names]

    async def _judge(self, scope: Scope) -> Scope:
        """The request as the app is to see it; raises _Refused."""
        raw: Sequence[tuple[bytes, bytes]] = scope["headers"]
        if len(raw) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in raw) > _LARGEST_HEAD:
            raise _Refused(431, "the headers of the request are too large")
        headers = Headers(raw=list(raw))
        if "transfer-encoding" in headers and "content-length" in headers:
            raise _Refused(400, "a body has one length")  # a proxy might see another request in it than we do
        peer = plain(str((scope.get("client") or ("", 0))[0]))
        is_proxied = self._is_proxy(peer)
        address = self._address(headers, peer) if is_proxied else peer
        said = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower() if is_proxied else ""
        scheme = "https" if self._has_tls or said == "https" else "http"
        origin = self._origin(scope, headers, scheme)
        cookies = cookie_parser(headers.get("cookie", ""))
        door = Door(
            secure=self._is_secure,
            address=address,
            agent=headers.get("user-agent", "")[:200],
            secret=cookies.get(_cookie_of(secure=self._is_secure), ""),
            mark=cookies.get(_cookie_of("browser", secure=self._is_secure), ""),
        )
        inside = {**scope, **self._places(scope), "scheme": scheme, "client": (address, 0)}
        caller = self._caller(headers, door, is_used=_is_use(scope, headers))
        inside["state"] = {"caller": caller, "door": door}
        if scope["method"] not in _SAFE and not (caller is not None and caller.via is Via.TOKEN):
            await self._refuse_foreign(inside, headers, caller, origin)
        return inside

    # Whence ----------------------------------------------------------------------------------------------

    def is_shared(self, address: str) -> bool:
        """Whether others stand behind an address: one of the proxies, or a tunnel to this machine."""
        return is_here(address) or self._is_proxy(plain(address))

    def _is_proxy(self, address: str) -> bool:
        return is_within(address, self._proxies)

    def _address(self, headers: Headers, peer: str) -> str:
        """The last address that none of our proxies has: what stands before it anybody can have written."""
        for written in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
            try:
                address = str(ip_address(written.strip()))
            except ValueError:
                return peer
            if not self._is_proxy(address):
                return address
        return peer

    def _origin(self, scope: Scope, headers: Headers, scheme: str) -> str:
        """The origin that the browser has to be on. Raises _Refused for a name that is none of ours."""
        given = headers.getlist("host")
        host = given[0].lower() if len(given) == 1 else ""
        if self._base_host and host == self._base_host:
            return self._base_origin
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            name, port = "", None
        here = plain(str((scope.get("server") or ("", 0))[0]))
        port = port or (443 if scheme == "https" else 80)
        if name in self._names | {here} and port == self._port and parts.netloc == host and "@" not in host:
            return f"{scheme}://{host}"
        raise _Refused(421, "this is not the name of the console: see `console.base` in the site file")

    def _places(self, scope: Scope) -> dict[str, object]:
        """The path and what of it is before ours, whether a proxy takes that away or not."""
        path = scope["path"]
        if not self._path:
            return {"root_path": "", "path": path}
        if path == self._path or path.startswith(f"{self._path}/"):
            return {"root_path": self._path, "path": path if path != self._path else f"{path}/"}
        return {"root_path": self._path, "path": f"{self._path}{path}"}

    # Who -------------------------------------------------------------------------------------------------

    def _caller(self, headers: Headers, door: Door, *, is_used: bool) -> Caller | None:
        if headers.get("authorization", ""):
            return self._by_token(headers, door)
        known = self._accounts.session(door.secret, is_used=is_used) if door.secret else None
        if known is None:
            return None
        session, account = known
        return Caller(
            name=account.name,
            role=account.role,
            via=Via.SESSION,
            person=account.person,
            language=account.language,
            session=session.id,
            csrf=csrf_of(door.secret),
        )

    def _by_token(self, headers: Headers, door: Door) -> Caller | None:
        secret = _secret_of(headers)
        token = self._accounts.tokens.find(secret) if secret else None
        if token is None:
            if not self._wrong.take(door.network):
                raise _Refused(429, "too many tokens that are none: wait a minute")
            return None
        return Caller(name=f"token {token.name}", role=Role.VIEWER, via=Via.TOKEN, scopes=token.scopes)

    async def _refuse_foreign(self, scope: Scope, headers: Headers, caller: Caller | None, origin: str) -> None:
        """Refuse what another site has a browser send. Forms carry a word besides; for the API it is a header."""
        fetched, said = headers.get("sec-fetch-site", ""), headers.get("origin", "").lower()
        why = ""
        if fetched not in {"", "same-origin", "none"} or (said and said != origin):
            why = "this was sent from another site"
        elif (
            caller is not None
            and scope["path"].removeprefix(self._path).startswith(PREFIX)
            and not hmac.compare_digest(headers.get("x-csrf-token", "").encode(), caller.csrf.encode())
        ):
            why = "the header x-csrf-token is missing or of another session"
        if not why:
            return
        row = Row(
            time=0,
            by="" if caller is None else caller.name,
            via="" if caller is None else str(caller.via),
            address=str(scope["client"][0]),
            action="sent_from_elsewhere",
            target=scope["method"][:10],
            outcome=403,
        )
        await self._accounts.audit.note(row)
        raise _Refused(403, why)


def _told(path: str, refused: _Refused) -> Response:
    """What a stranger or a page is told as text, a program as it is told of everything."""
    headers = {"connection": "close"}
    if f"{PREFIX}/" not in path:
        return PlainTextResponse(f"{refused}\n", refused.status, headers)
    return problem(refused.status, str(refused), _WAYS_OUT[refused.status], headers=headers)


def _cookie_of(kind: str = "session", *, secure: bool) -> str:
    """What a cookie of ours is called; the prefix keeps all others from setting it."""
    return f"__Host-{kind}" if secure else kind


def _is_use(scope: Scope, headers: Headers) -> bool:
    """Whether somebody did something: what an open page loads by itself does not keep a session alive."""
    is_loaded = _BACKGROUND in headers or scope["path"].endswith(_BY_THEMSELVES)
    return scope["method"] not in _SAFE or not is_loaded


def _always() -> bool:
    return True


def _secret_of(headers: Headers) -> str:
    """What is sent as a token; empty for anything else."""
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""
