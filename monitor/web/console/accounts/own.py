"""The page about one's own account: password, language, sessions."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.accounts.book import Accounts
from monitor.accounts.people import Account
from monitor.notify.languages import LANGUAGES
from monitor.web.callers import Caller, Via, caller_of
from monitor.web.console.accounts.signing import Signing, first, iso, keep_language, own_path
from monitor.web.console.forms import form_of
from monitor.web.console.page import Pages, address
from monitor.web.gate import door_of
from monitor.web.trail import note_of

__all__ = ["Own"]


class Own:
    """Answers it. `words`: what no password may be."""

    def __init__(self, accounts: Accounts, pages: Pages, signing: Signing, words: Sequence[str]) -> None:
        self._accounts = accounts
        self._pages = pages
        self._signing = signing
        self._words = words

    def routes(self) -> Sequence[BaseRoute]:
        """Make the routes."""
        return [
            Route("/account", self.show, methods=["GET"]),
            Route("/account/password", self.password, methods=["POST"]),
            Route("/account/language", self.language, methods=["POST"]),
            Route("/account/sessions", self.sessions, methods=["POST"]),
        ]

    def _account(self, caller: Caller) -> Account | None:
        """His, or nobody's: on the socket people have none."""
        return next((each for each in self._accounts.people() if each.name == caller.name), None)

    def _page(self, request: Request, *, status: int = 200, why: str = "", wait: int = 0) -> Response:
        caller = caller_of(request)
        account = self._account(caller) if caller.via is Via.SESSION else None
        answer = self._pages.draw(
            request,
            "accounts/account.html.j2",
            status=status,
            account=account,
            sessions=() if account is None else self._accounts.sessions(account.login),
            why=why,
            wait=wait,
            iso=iso,
            done=request.query_params.get("done", ""),
        )
        if wait:
            answer.headers["retry-after"] = str(wait)
        return answer

    async def show(self, request: Request) -> Response:
        """Show it."""
        return self._page(request)

    async def password(self, request: Request) -> Response:
        """Change the password, which ends all sessions; a new one begins here."""
        note_of(request).action = "change_password"
        form = await form_of(request)
        caller, door = caller_of(request), door_of(request)
        account = self._account(caller)
        if account is None or door is None or caller.via is not Via.SESSION:
            return self._page(request, status=409)
        knows, wait = await self._signing.check_again(request, account.login, first(form, "current"))
        if wait:
            return self._page(request, status=429, wait=wait)
        if not knows:
            return self._page(request, status=422, why="wrong")
        password = first(form, "password")
        if password != first(form, "again"):
            return self._page(request, status=422, why="differ")
        weak = self._accounts.weakness(account.login, password, self._words)
        if weak:
            return self._page(request, status=422, why=weak)
        account = await self._accounts.set_password(account.login, password)
        answer = RedirectResponse(address(request, "/account", done="password"), 303)
        return await self._signing.enter(door, account, answer)

    async def language(self, request: Request) -> Response:
        """Speak another language, on the page where it was chosen."""
        note_of(request).is_trifle = True
        form = await form_of(request)
        chosen = first(form, "language")
        path, _, query = own_path(first(form, "back") or "/account").partition("?")
        asked = {**dict(parse_qsl(query)), "done": "language"} if path == "/account" else dict(parse_qsl(query))
        answer = RedirectResponse(address(request, path, **asked), 303)
        if chosen in LANGUAGES:
            account = self._account(caller_of(request))
            if account is not None:
                await self._accounts.change(account.login, language=chosen)
            keep_language(answer, request, chosen)
        return answer

    async def sessions(self, request: Request) -> Response:
        """End all sessions but this one."""
        noted = note_of(request)
        noted.action, noted.is_trifle = "end_other_sessions", True
        await form_of(request)
        caller = caller_of(request)
        account = self._account(caller)
        if account is not None and caller.session:
            await self._accounts.end_others(account.login, caller.session)
        return RedirectResponse(address(request, "/account", done="sessions"), 303)
