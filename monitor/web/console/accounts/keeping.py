"""The pages on which administrators keep users and tokens, and read the audit trail."""

import re
from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.accounts.book import Accounts
from monitor.accounts.roles import Role, Scope
from monitor.errors import RequestRefused
from monitor.web.callers import caller_of
from monitor.web.console.accounts.signing import first, iso
from monitor.web.console.forms import form_of
from monitor.web.console.page import Pages, address
from monitor.web.parts import Parts
from monitor.web.trail import note_of
from monitor.web.userroutes import console_address
from monitor.wording import Sentence, say

__all__ = ["Keeping"]

_PAGE: Final = 50
_DAY_MS: Final = 86_400_000
_NUMBER: Final = re.compile(r"\d{1,18}")
_LIVES: Final = (30, 90, 365)
"""Days for which a token may be made; or it is made for ever."""


class Keeping:
    """Answers them."""

    def __init__(self, parts: Parts, accounts: Accounts, pages: Pages) -> None:
        self._parts = parts
        self._accounts = accounts
        self._pages = pages

    def routes(self) -> Sequence[BaseRoute]:
        """Make the routes."""
        return [
            Route("/users", self.users, methods=["GET"]),
            Route("/users", self.add, methods=["POST"]),
            Route("/users/{login}/{action}", self.change, methods=["POST"]),
            Route("/tokens", self.tokens, methods=["GET"]),
            Route("/tokens", self.add_token, methods=["POST"]),
            Route("/tokens/{ident}/remove", self.remove_token, methods=["POST"]),
            Route("/audit", self.audit, methods=["GET"]),
        ]

    # Users -----------------------------------------------------------------------------------------------

    def _users(self, request: Request, *, status: int = 200, **facts: object) -> Response:
        known: dict[str, object] = {"why": "", "link": "", "invited": "", "typed": {}}
        return self._pages.draw(
            request,
            "accounts/users.html.j2",
            status=status,
            users=self._accounts.people(),
            people=self._parts.site.notify.people,
            roles=list(Role),
            done=request.query_params.get("done", ""),
            iso=iso,
            **(known | facts),
        )

    async def users(self, request: Request) -> Response:
        """Show who may use the console."""
        return self._users(request)

    async def add(self, request: Request) -> Response:
        """Add somebody, and show the link for his first password, this once."""
        form = await form_of(request)
        typed = {name: first(form, name) for name in ("login", "name", "role", "person")}
        note_of(request).target = typed["login"][:64]
        try:
            role = _role(typed["role"])
            self._refuse_unknown(typed["person"])
            await self._accounts.add(
                typed["login"], name=typed["name"], role=role, person=typed["person"], by=caller_of(request).name
            )
        except RequestRefused as error:
            return self._users(request, status=422, why=error.said(self._pages.words(request)), typed=typed)
        return await self._link(request, typed["login"])

    def _refuse_unknown(self, person: str) -> None:
        if person and person not in self._parts.site.notify.people:
            raise RequestRefused(
                Sentence("there is no person {person} under `notify.people` of the site file", person=person[:100])
            )

    async def _link(self, request: Request, login: str) -> Response:
        secret, _ = await self._accounts.invite(login, by=caller_of(request).name)
        settings = self._parts.site.console
        before = "" if settings is None else console_address(settings)
        return self._users(request, link=f"{before}/welcome/{secret}", invited=login)

    async def change(self, request: Request) -> Response:
        """Give somebody another role or a new link, disable, enable or remove him."""
        login, action = (str(request.path_params[name]) for name in ("login", "action"))
        form = await form_of(request)
        accounts = self._accounts
        try:
            if action == "link":
                return await self._link(request, login)
            if action == "role":
                await accounts.change(login, role=_role(first(form, "role")))
            elif action == "disable":
                await accounts.change(login, disabled=True)
            elif action == "enable":
                await accounts.change(login, disabled=False)
            elif action == "remove":
                if first(form, "sure") != login:
                    why = self._pages.words(request)(say("to remove somebody, type his login"))
                    return self._users(request, status=422, why=why)
                await accounts.remove(login)
            else:
                raise HTTPException(404, say("there is no such action"))
        except RequestRefused as error:
            return self._users(request, status=422, why=error.said(self._pages.words(request)))
        return RedirectResponse(address(request, "/users", done=action), 303)

    # Tokens ----------------------------------------------------------------------------------------------

    def _tokens(self, request: Request, *, status: int = 200, **facts: object) -> Response:
        known: dict[str, object] = {"why": "", "secret": "", "typed": {}}
        return self._pages.draw(
            request,
            "accounts/tokens.html.j2",
            status=status,
            tokens=self._accounts.tokens.all(),
            scopes=list(Scope),
            lives=_LIVES,
            done=request.query_params.get("done", ""),
            iso=iso,
            **(known | facts),
        )

    async def tokens(self, request: Request) -> Response:
        """Show the tokens of programs."""
        return self._tokens(request)

    async def add_token(self, request: Request) -> Response:
        """Make one, and show its secret, this once."""
        form = await form_of(request)
        typed = {"name": first(form, "name"), "scopes": form.get("scope", []), "days": first(form, "days")}
        note_of(request).target = f"{typed['name']}: {', '.join(sorted(set(typed['scopes'])))}"
        lives = {str(days): self._parts.now() + days * _DAY_MS for days in _LIVES}
        try:
            scopes = [_scope(each) for each in typed["scopes"]]
            secret, _ = await self._accounts.tokens.add(
                str(typed["name"]), scopes, expires_at=lives.get(str(typed["days"])), by=caller_of(request).name
            )
        except RequestRefused as error:
            return self._tokens(request, status=422, why=error.said(self._pages.words(request)), typed=typed)
        return self._tokens(request, secret=secret)

    async def remove_token(self, request: Request) -> Response:
        """Take one out."""
        await form_of(request)
        try:
            await self._accounts.tokens.remove(str(request.path_params["ident"]))
        except RequestRefused as error:
            return self._tokens(request, status=422, why=error.said(self._pages.words(request)))
        return RedirectResponse(address(request, "/tokens", done="remove"), 303)

    # The trail -------------------------------------------------------------------------------------------

    async def audit(self, request: Request) -> Response:
        """Show what was done by whom, fifty lines at a time."""
        asked = {name: request.query_params.get(name, "").strip()[:200] for name in ("by", "action", "refused")}
        before = request.query_params.get("before", "")
        rows = await self._accounts.audit.look(
            by=asked["by"],
            action=asked["action"],
            refused=bool(asked["refused"]),
            before=int(before) if _NUMBER.fullmatch(before) else None,
            limit=_PAGE,
        )
        older = rows[-1]["number"] if len(rows) == _PAGE else None
        return self._pages.draw(request, "accounts/audit.html.j2", rows=rows, asked=asked, older=older, iso=iso)


def _role(written: str) -> Role:
    try:
        return Role(written)
    except ValueError:
        raise RequestRefused(Sentence("there is no such role")) from None


def _scope(written: str) -> Scope:
    try:
        return Scope(written)
    except ValueError:
        raise RequestRefused(Sentence("there is no such scope")) from None
