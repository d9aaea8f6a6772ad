"""The routes about users, tokens and the audit trail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from monitor.accounts.book import Accounts
from monitor.accounts.people import Token
from monitor.accounts.roles import Role, Scope
from monitor.accounts.tokens import NotThere
from monitor.errors import RequestRefused
from monitor.site import ConsoleSettings
from monitor.web.callers import Via, caller_of
from monitor.web.parts import Parts
from monitor.web.peer import who_asks
from monitor.web.problems import problems
from monitor.web.routes import NotKnown
from monitor.web.shapes import PREFIX, Body, Time
from monitor.web.trail import note_of
from monitor.wording import Sentence

__all__ = ["console_address", "make_user_router"]

_PAGE = 50
_Login = Annotated[str, Field(min_length=1, max_length=64)]
_Role = Annotated[Role, Field(strict=False)]  # of JSON it comes as a text
_Scope = Annotated[Scope, Field(strict=False)]
_Name = Annotated[str, Field(max_length=100)]


class WhoAmIOut(BaseModel):
    """Who asks: a login on the socket, a person who signed in, or a token, whose `scopes` say what it may."""

    name: str
    role: Role
    via: Via
    person: str
    language: str
    scopes: list[Scope]


class UserIn(Body):
    """Somebody who may use the console; `person`: his id among the people of the site file."""

    login: _Login
    name: _Name = ""
    role: _Role
    person: _Name = ""


class UserChangeIn(Body):
    """What becomes otherwise; the rest stays."""

    role: _Role | None = None
    disabled: bool | None = None
    person: _Name | None = None


class UserOut(BaseModel):
    """Somebody who may use the console. Times are UTC ms; `signed_in`: when he last did."""

    login: str
    name: str
    role: Role
    person: str
    language: str
    created_at: int
    created_by: str
    signed_in: int | None
    disabled: bool
    has_password: bool


class LinkOut(BaseModel):
    """A link with which somebody chooses a password, once, until `expires_at` (UTC ms). It is told only here."""

    login: str
    url: str
    expires_at: int


class TokenIn(Body):
    """A token of a program; `expires_at`: UTC ms, null: never."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[_Scope], Field(min_length=1, max_length=len(Scope))]
    expires_at: Time | None = None


class TokenOut(BaseModel):
    """A token, without its secret. Times are UTC ms."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: int
    created_by: str
    expires_at: int | None
    used_at: int | None


class NewTokenOut(TokenOut):
    """A token that was made, and its secret, which is told only here."""

    secret: str


class AuditOut(BaseModel):
    """One line of the audit trail. `time`: UTC ms; `outcome`: the status of the answer."""

    number: int
    time: int
    by: str
    via: str
    address: str
    action: str
    target: str
    outcome: int


def console_address(settings: ConsoleSettings) -> str:
    """Where people reach the console: its `base`, else where it listens."""
    if settings.base:
        return settings.base
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'http' if settings.certificate is None else 'https'}://{host}:{settings.port}"


def make_user_router(parts: Parts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix=PREFIX, responses=problems(404, 409, 422, 503))

    @router.get("/whoami")
    async def whoami(request: Request) -> WhoAmIOut:
        """Answer who asks."""
        caller = caller_of(request)
        return WhoAmIOut(
            name=caller.name,
            role=caller.role,
            via=caller.via,
            person=caller.person,
            language=caller.language,
            scopes=sorted(caller.scopes),
        )

    if parts.accounts is not None:
        _add_users(router, parts, parts.accounts)
        _add_tokens(router, parts.accounts)
        _add_audit(router, parts.accounts)
    return router


@contextmanager
def _known(what_to_do: str) -> Iterator[None]:
    try:
        yield
    except NotThere as error:
        raise NotKnown(str(error), what_to_do) from error


def _add_users(router: APIRouter, parts: Parts, accounts: Accounts) -> None:
    known = f"GET {PREFIX}/users lists them"

    @router.get("/users")
    async def users() -> list[UserOut]:
        """Answer who may use the console."""
        return [UserOut(**each.as_json()) for each in accounts.people()]

    @router.post("/users", status_code=201)
    async def add(wish: UserIn, request: Request) -> UserOut:
        """Add somebody; a link gives him his first password."""
        note_of(request).target = wish.login
        _refuse_unknown(parts, wish.person)
        added = await accounts.add(
            wish.login, name=wish.name, role=wish.role, person=wish.person, by=who_asks(request)
        )
        return UserOut(**added.as_json())

    @router.post("/users/{login}")
    async def change(login: str, wish: UserChangeIn) -> UserOut:
        """Give somebody another role or person, disable or enable him; another role ends his sessions."""
        _refuse_unknown(parts, wish.person or "")
        with _known(known):
            changed = await accounts.change(login, role=wish.role, disabled=wish.disabled, person=wish.person)
        return UserOut(**changed.as_json())

    @router.post("/users/{login}/remove")
    async def remove(login: str) -> UserOut:
        """Take somebody out; the last administrator stays."""
        with _known(known):
            removed = accounts.account(login)
            await accounts.remove(login)
        return UserOut(**removed.as_json())

    @router.post("/users/{login}/link")
    async def link(login: str, request: Request) -> LinkOut:
        """Make a link with which somebody chooses a password; where nobody has an account, the first one.

        That one becomes an administrator.
        """
        settings = parts.site.console
        if settings is None:
            raise RequestRefused(
                Sentence("the console is not served: write `console:` into the site file, and reload")
            )
        if not accounts.has_users:
            await accounts.add(login, role=Role.ADMINISTRATOR, by=who_asks(request))
        with _known(known):
            secret, invited = await accounts.invite(login, by=who_asks(request))
        url = f"{console_address(settings)}/welcome/{secret}"
        return LinkOut(login=login, url=url, expires_at=invited.expires_at)


def _refuse_unknown(parts: Parts, person: str) -> None:
    if person and person not in parts.site.notify.people:
        raise RequestRefused(
            Sentence("there is no person {person} under `notify.people` of the site file", person=person)
        )


def _add_tokens(router: APIRouter, accounts: Accounts) -> None:
    @router.get("/tokens")
    async def tokens() -> list[TokenOut]:
        """Answer the tokens, without their secrets."""
        return [_token(each) for each in accounts.tokens.all()]

    @router.post("/tokens", status_code=201)
    async def add(wish: TokenIn, request: Request) -> NewTokenOut:
        """Make a token; its secret is told this once."""
        note_of(request).target = f"{wish.name}: {', '.join(sorted(set(wish.scopes)))}"
        secret, token = await accounts.tokens.add(
            wish.name, wish.scopes, expires_at=wish.expires_at, by=who_asks(request)
        )
        return NewTokenOut(**token.as_json(), secret=secret)

    @router.post("/tokens/{ident}/remove")
    async def remove(ident: str) -> TokenOut:
        """Take a token out, by its id or its name: it is refused from now on."""
        with _known(f"GET {PREFIX}/tokens lists them"):
            return _token(await accounts.tokens.remove(ident))


def _token(token: Token) -> TokenOut:
    return TokenOut(**token.as_json())


def _add_audit(router: APIRouter, accounts: Accounts) -> None:
    @router.get("/audit")
    async def audit(  # noqa: PLR0913, PLR0917 - its filters
        request: Request,
        response: Response,
        by: Annotated[str, Query(max_length=200)] = "",
        action: Annotated[str, Query(max_length=200)] = "",
        refused: bool = False,  # noqa: FBT001, FBT002 - a word of the query
        cursor: Annotated[str, Query(pattern=r"^\d{0,18}$")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = _PAGE,
    ) -> list[AuditOut]:
        """Answer what was done by whom, the newest first; the header `Link` leads to what is older.

        `action`: a part of it; `refused`: only what was refused.
        """
        before = int(cursor) if cursor else None
        found = await accounts.audit.look(by=by, action=action, refused=refused, before=before, limit=limit)
        if len(found) == limit:
            older = request.url.include_query_params(cursor=found[-1]["number"])
            response.headers["link"] = f'<{older.path}?{older.query}>; rel="next"'
        return [AuditOut(**each) for each in found]
