"""Who may not see people sees nobody: every page and route that reads is searched for who came and went."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.accounts.roles import Role, Scope
from monitor.web.permits import PERMITS
from tests.web.browsing import Browser, accounts_of, front
from tests.web.houses import NOON, PSEUDONYMS, House, said
from tests.web.wholehouse import whole

CARDS = ("1001", "1002", "1003")
NAME = "Ottilie Wunderlich"
SHOWN = 987_654
"""What a reader says of a card that lies on it."""
_STREAMS = frozenset({"/api/v1/devices/{device}/readings/stream", "/api/v1/live"})
_ROLL = frozenset({"/rollcall", "/api/v1/access/rollcall"})
"""Operators call the roll; there are no names in it for them."""
QUERIES = {
    "/api/v1/search": [f"?q={word}" for word in (PSEUDONYMS("1001")[:12], "Ottilie", "1001", "front", "shown")],
    "/search": [f"?q={word}" for word in (PSEUDONYMS("1001")[:12], "Ottilie", "1001", "front", "shown")],
    "/api/v1/events": ["", "?limit=1000", "?kind=card", "?kind=passage&limit=5", "?device=front-in&limit=5"],
    "/api/v1/devices/{device}/history": ["?point=present", "?point=present,luid&width=10"],
    "/api/v1/devices/{device}/readings": ["?last=1000"],
    "/devices/{device}/trend.svg": ["", "?point=open", "?point=present"],
    "/devices/{device}": ["", "?point=present", "?point="],
    "/api/v1/reports/{kind}": ["?period=today"],
    "/reports/{kind}": [f"?period=today&form={form}" for form in ("html", "csv", "json")],
    "/rollcall": ["", "?names=1"],
    "/api/v1/access/rollcall": ["", "?names=true"],
    "/api/v1/access/events": ["", "?names=true"],
    "/alarms": ["", "?state=all", "?state=over"],
}
KINDS = ("access", "alarms", "notifications", "usage")


def _paths(alarms: list[str]) -> Iterator[tuple[str, str]]:
    """The route, and what is asked for."""
    places = {
        "{device}": ("front", "front-in", "server-in", "pump-1"),
        "{occurrence}": alarms[:6],
        "{kind}": KINDS,
        "{rule}": ("shown", "denied"),
        "{name}": ("console.css",),
        "{token}": ("nobody",),
    }
    for path, methods in PERMITS.items():
        if "GET" not in methods or path in _STREAMS:
            continue
        word = next((each for each in places if each in path), "")
        for value in places.get(word, ("",)):
            for query in QUERIES.get(path, [""]):
                yield path, (path.replace(word, value) if word else path) + query


async def _alarms(house: House) -> list[str]:
    rows = await house.files.state.query("SELECT occurrence FROM alarm ORDER BY occurrence")
    return [row["occurrence"] for row in rows]


async def _seen(browser: Browser, alarms: list[str], left_out: frozenset[str] = frozenset()) -> list[str]:
    """Where somebody is seen, and who."""
    words = (*(PSEUDONYMS(card) for card in CARDS), NAME, "Wunderlich", str(SHOWN))
    found = []
    for route, path in _paths(alarms):
        if route in left_out:
            continue
        answer = await browser.get(path)
        assert answer.status_code < 500 or answer.status_code == 503, (path, answer.text)
        found += [f"{path}: {word}" for word in words if word in answer.text or word in str(answer.headers)]
    return found


@pytest.fixture
def scopes() -> list[Scope]:
    """Of a token that may everything but see people."""
    return [each for each in Scope if each is not Scope.ACCESS]


async def test_who_may_not_see_people_sees_nobody_anywhere(tmp_path: Path, scopes: list[Scope]) -> None:
    async with whole(tmp_path) as (house, parts):
        assert parts.access is not None
        await parts.access.put_name(PSEUDONYMS("1001"), NAME, "")
        await house.keep(said("front-in", NOON, present=True, luid=SHOWN))
        alarms = await _alarms(house)
        async with front(parts, await accounts_of(house.files.state, house.clock)) as served:
            for role in Role:
                await served.add(role.value, role)
            seen = {}
            for role in (Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR):
                async with served.browser() as browser:
                    await browser.sign_in(role.value)
                    seen[role] = await _seen(browser, alarms, _ROLL if role is Role.OPERATOR else frozenset())
                    if role is Role.OPERATOR:
                        roll = [(await browser.get(f"{path}?names=1")).text for path in sorted(_ROLL)]
            headers = {"authorization": f"Bearer {await served.token(*scopes)}"}
            async with served.browser(headers=headers) as browser:
                by_token = await _seen(browser, alarms)
                live = await browser.get("/api/v1/live?topics=readings&device=front-in")
                stream = await browser.get("/api/v1/devices/front-in/readings/stream?last=9")
            status = json.dumps([dict(parts.people()), dict(await parts.notify())])

    assert len(alarms) > 5
    assert len({each.partition(": ")[2] for each in seen[Role.SUPERVISOR]}) > 4  # they are there to be seen
    assert (seen[Role.VIEWER], seen[Role.OPERATOR], by_token) == ([], [], [])
    assert NAME not in "".join(roll)
    assert (live.status_code, stream.status_code) == (403, 403)
    assert NAME not in status
