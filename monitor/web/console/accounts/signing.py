"""The pages to sign in, to sign out, and to choose a password by a one-time link."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.accounts.book import Accounts
from monitor.accounts.people import Account, fault_of_login
from monitor.errors import TooManyAsk
from monitor.notify.languages import LANGUAGES
from monitor.web.allowance import Allowance
from monitor.web.callers import caller_of, known_caller
from monitor.web.console.forms import form_of, read_form
from monitor.web.console.page import LANGUAGE_COOKIE, Pages, address
from monitor.web.gate import Door, door_of
from monitor.web.signin import SignIns, Try, mark_of, number_of
from monitor.web.trail import note_of
from monitor.wording import say

__all__ = ["Signing", "first", "iso", "keep_language", "own_path"]

_YEAR: Final = 366 * 86_400
_WRONG, _ALL_WRONG = 10, 300
"""Links that are none, a minute: of one client and of all."""
_LONGEST_FIELD: Final = 1000


def own_path(given: str) -> str:
    """Where to go on: a path of the console, without what is before ours; anything else is the home page.

    A path with `.` or `..` in it could lead browsers out of the console, to what else the same proxy serves.
    """
    try:
        parts = urlsplit(given)
    except ValueError:
        return "/"
    is_ours = (
        given.startswith("/")
        and not given.startswith("//")
        and "\\" not in given
        and given.isascii()
        and given.isprintable()
        and not parts.scheme
        and not parts.netloc
        and not {".", ".."} & set(unquote(parts.path).split("/"))
    )
    return given if is_ours else "/"


def first(form: Mapping[str, Sequence[str]], name: str) -> str:
    """What a form says under a name."""
    return next(iter(form.get(name, ())), "")[:_LONGEST_FIELD]


def iso(ms: int) -> str:
    """A time (UTC ms) for programs."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def keep_language(answer: Response, request: Request, language: str) -> None:
    """Have the browser remember a language."""
    door = door_of(request)
    is_secure = door is not None and door.secure
    answer.set_cookie(
        LANGUAGE_COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax", secure=is_secure, path="/"
    )


def _go(request: Request, path: str) -> RedirectResponse:
    """On to a page of ours, with its query as it was written."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", 303)


class Signing:
    """Answers them. `words`: what no password may be; `monotonic`: seconds."""

    def __init__(
        self,
        accounts: Accounts,
        pages: Pages,
        words: Sequence[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._pages = pages
        self._words = words
        self._signins = SignIns(monotonic)
        self._links = Allowance(_WRONG, _ALL_WRONG, monotonic)

    def routes(self) -> Sequence[BaseRoute]:
        """Make the routes."""
        return [
            Route("/login", self.show_login, methods=["GET"]),
            Route("/login", self.sign_in, methods=["POST"]),
            Route("/logout", self.sign_out, methods=["POST"]),
            Route("/welcome/{token}", self.show_welcome, methods=["GET"]),
            Route("/welcome/{token}", self.choose, methods=["POST"]),
        ]

    # To sign in ------------------------------------------------------------------------------------------

    async def show_login(self, request: Request) -> Response:
        """Show the form, in the language that is asked for."""
        back = own_path(request.query_params.get("next", ""))
        if known_caller(request) is not None:
            return _go(request, back)
        language = request.query_params.get("language", "")
        if language in LANGUAGES:
            again = RedirectResponse(address(request, "/login", next=back if back != "/" else ""), 303)
            keep_language(again, request, language)
            return again
        return self._form(request, back)

    def _form(  # noqa: PLR0913 - what it shows
        self, request: Request, back: str, login: str = "", *, status: int = 200, why: str = "", wait: int = 0
    ) -> HTMLResponse:
        answer = self._pages.draw(
            request,
            "accounts/login.html.j2",
            status=status,
            next=back,
            login=login,
            why=why,
            wait=wait,
            has_users=self._accounts.has_users,
        )
        if wait:
            answer.headers["retry-after"] = str(wait)
        return answer

    async def sign_in(self, request: Request) -> Response:
        """Begin a session for who says his password; another one of this browser is over."""
        noted = note_of(request)
        noted.action = "sign_in"
        form = await read_form(request)
        login, back = first(form, "login").strip().casefold(), own_path(first(form, "next"))
        door = door_of(request)
        if door is None:
            raise HTTPException(403, say("over the socket it is known who asks: there is nothing to sign in to"))
        account = self._accounts.find(login)
        noted.by = "" if account is None else account.name
        tried = Try(
            login=login,
            network=door.network,
            is_known=self._accounts.knows(door.network),
            browser=number_of(account, door.mark),
        )
        wait = self._signins.wait(tried)
        shown = "" if fault_of_login(login) else login
        if wait:
            return self._form(request, back, shown, status=429, wait=wait)
        try:
            found = await self._accounts.check(login, first(form, "password"))
        except TooManyAsk:
            return self._form(request, back, shown, status=503, wait=2)
        if found is None:
            return self._form(request, back, shown, status=422, why="wrong")
        self._signins.succeeded(tried)
        return await self.enter(door, found, _go(request, back))

    async def enter(self, door: Door, account: Account, answer: Response) -> Response:
        """Begin a session with a secret of its own, whatever the browser had before; that is over.

        `account`: as it was when the password was said. Raises RequestRefused where it has changed since.
        """
        before = self._accounts.session(door.secret) if door.secret else None
        if before is not None:
            await self._accounts.end(before[0].id)
        secret, begun = await self._accounts.begin(
            account, address=door.address, network=door.network, browser=door.agent
        )
        answer.set_cookie(
            door.cookie,
            secret,
            max_age=(begun.expires_at - begun.begun_at) // 1000,
            path="/",
            secure=door.secure,
            httponly=True,
            samesite="lax",  # not strict: a link of a mail has to find who has signed in
        )
        answer.set_cookie(
            door.mark_cookie,
            mark_of(self._accounts.account(account.login), number_of(account, door.mark)),
            max_age=_YEAR,
            path="/",
            secure=door.secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def check_again(self, request: Request, login: str, password: str) -> tuple[bool, int]:
        """Whether somebody who has signed in knows his password, and the seconds to wait before he may say it."""
        door, session = door_of(request), caller_of(request).session
        # Whoever else guesses his password does not keep him from changing it.
        tried = Try(login=login, network="" if door is None else door.network, browser=f"of {session}")
        wait = self._signins.wait(tried)
        if wait or await self._accounts.check(login, password) is None:
            return False, wait
        self._signins.succeeded(tried)
        return True, 0

    async def sign_out(self, request: Request) -> Response:
        """End this session."""
        note_of(request).action = "sign_out"
        await form_of(request)
        caller, door = known_caller(request), door_of(request)
        answer = RedirectResponse(address(request, "/login"), 303)
        if caller is not None and caller.session:
            await self._accounts.end(caller.session)
        if door is not None:
            answer.delete_cookie(door.cookie, path="/", secure=door.secure, httponly=True, samesite="lax")
        return answer

    # To choose a password --------------------------------------------------------------------------------

    async def show_welcome(self, request: Request) -> Response:
        """Show the form of a link. That uses nothing up: mail gateways open every link they see."""
        return await self._welcome(request)

    async def _welcome(self, request: Request, why: str = "") -> Response:
        invited = await self._accounts.invited(str(request.path_params["token"]))
        if invited is None:
            return self._no_link(request)
        answer = self._pages.draw(
            request, "accounts/welcome.html.j2", status=422 if why else 200, login=invited.login, why=why
        )
        # Its address is a secret: what the page loads must not say it into the log of a proxy. Not no-referrer,
        # with which browsers say of a form only that it comes from `null`.
        answer.headers["referrer-policy"] = "strict-origin"
        return answer

    def _no_link(self, request: Request) -> Response:
        door = door_of(request)
        if not self._links.take("" if door is None else door.network):
            raise HTTPException(429, say("too many links that are none: wait a minute"), {"retry-after": "60"})
        return self._pages.draw(request, "accounts/nolink.html.j2", status=404)

    async def choose(self, request: Request) -> Response:
        """Use the link up: set the password, and sign in."""
        noted = note_of(request)
        noted.action = "choose_password"
        token = str(request.path_params["token"])
        form = await read_form(request)
        password = first(form, "password")
        invited = await self._accounts.invited(token)
        if invited is None:
            return self._no_link(request)
        noted.target = invited.login
        if password != first(form, "again"):
            return await self._welcome(request, "differ")
        weak = self._accounts.weakness(invited.login, password, self._words)
        if weak:
            return await self._welcome(request, weak)
        account = await self._accounts.accept(token, password)
        if account is None:
            return self._no_link(request)
        noted.by = account.name
        door, answer = door_of(request), _go(request, "/")
        return answer if door is None else await self.enter(door, account, answer)
