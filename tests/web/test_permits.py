"""Nobody does anything without the right role or scope: every route, asked by everybody, on a real port."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.routing import Route

from monitor.accounts.roles import Role, Scope
from monitor.web.api import make_api
from monitor.web.live import LiveState
from monitor.web.parts import Parts
from monitor.web.permits import OPEN, PERMITS, guard
from tests.web.browsing import Front, accounts_of, front
from tests.web.wholehouse import whole

_PLACE = re.compile(r"\{\w+(:path)?\}")
_STREAMS = frozenset({"/api/v1/devices/{device}/readings/stream", "/api/v1/live"})
"""What does not end by itself; of these only refusals are asked for."""
CALLS = [(path, method) for path, methods in PERMITS.items() for method in methods]
"""Every call there is."""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Front]:
    """A console behind which every desk is."""
    async with (
        whole(tmp_path) as (house, parts),
        front(parts, await accounts_of(house.files.state, house.clock)) as made,
    ):
        yield made


def _asked(path: str) -> str:
    return _PLACE.sub("nobody", path)


def _served(parts: Parts) -> set[tuple[str, str]]:
    """The calls that a site has."""
    app = make_api(parts, LiveState(parts.site, parts.journal))
    routes = [route for route in app.routes if isinstance(route, Route)]
    return {(route.path, method) for route in routes for method in route.methods or () if method != "HEAD"}


@dataclass
class _Judge:
    """What was answered to whom, and what of it is wrong."""

    wrong: list[str] = field(default_factory=list)
    count: int = 0

    def see(self, who: str, call: tuple[str, str], status: int, *, may: bool) -> None:
        """Somebody asked; what is refused is 401 or 403, and nothing else is."""
        self.count += 1
        if may == (status in {401, 403}):
            self.wrong.append(f"{who}: {call[1]} {call[0]}: {status}")


async def _ask_as(role: Role, here: Front, judge: _Judge) -> None:
    async with here.browser() as browser:
        await browser.sign_in(role.value)
        csrf = await browser.csrf()
        for path, method in CALLS:
            permit = PERMITS[path][method]
            may = permit is OPEN or role.covers(permit.role)
            if may and (permit is OPEN or path in _STREAMS):
                continue
            if path.startswith("/api/") or method == "GET":
                headers = {"origin": here.origin, "x-csrf-token": csrf}
                body = None if method == "GET" else {}
                answer = await browser.http.request(
                    method, f"{here.origin}{_asked(path)}", headers=headers, json=body
                )
            else:
                answer = await browser.post(_asked(path), {"csrf": csrf})
            judge.see(role, (path, method), answer.status_code, may=may)


async def _ask_with(scope: Scope, here: Front, judge: _Judge) -> None:
    headers = {"authorization": f"Bearer {await here.token(scope)}"}
    async with here.browser(headers=headers) as browser:
        for path, method in CALLS:
            permit = PERMITS[path][method]
            is_for_programs = path.startswith("/api/") or path == "/metrics"
            may = permit is OPEN or (is_for_programs and permit.scope in {None, scope})
            if may and (permit is OPEN or path in _STREAMS):
                continue
            body = None if method == "GET" else {}
            answer = await browser.http.request(method, f"{here.origin}{_asked(path)}", json=body)
            judge.see(f"token {scope}", (path, method), answer.status_code, may=may)


async def test_every_role_and_every_scope_may_what_the_table_says_and_no_more(here: Front) -> None:
    judge = _Judge()
    for role in Role:
        await here.add(role.value, role)
    for role in Role:
        await _ask_as(role, here, judge)
    for scope in Scope:
        await _ask_with(scope, here, judge)

    assert judge.wrong == []
    assert judge.count > 9 * len(CALLS)
    assert len(here.accounts.people()) == len(Role)


async def test_strangers_may_nothing_but_what_is_open(here: Front) -> None:
    calls = [call for call in CALLS if PERMITS[call[0]][call[1]] is not OPEN]
    wrong = []
    async with here.browser() as browser:
        for path, method in calls:
            answer = await browser.http.request(method, f"{here.origin}{_asked(path)}")
            if answer.status_code != (401 if path.startswith(("/api/", "/metrics")) else 303):
                wrong.append(f"{method} {path}: {answer.status_code}")

    assert wrong == []


async def test_no_entry_is_without_a_route(here: Front) -> None:
    assert set(CALLS) == _served(here.parts)


def test_a_route_without_an_entry_cannot_be_served() -> None:
    async def nothing(_: object) -> None:
        """Never called."""

    with pytest.raises(KeyError):
        guard([Route("/forgotten", nothing)])
    with pytest.raises(KeyError):
        guard([Route("/users", nothing, methods=["DELETE"])])


async def test_what_is_open_is_a_short_list() -> None:
    assert {call for call in CALLS if PERMITS[call[0]][call[1]] is OPEN} == {
        ("/static/{name}", "GET"),
        ("/healthz", "GET"),
        ("/readyz", "GET"),
        ("/login", "GET"),
        ("/login", "POST"),
        ("/logout", "POST"),
        ("/welcome/{token}", "GET"),
        ("/welcome/{token}", "POST"),
    }
