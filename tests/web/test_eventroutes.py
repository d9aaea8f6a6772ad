"""Events of the journal in pages, and who may see which."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event
from monitor.ports import Batch
from monitor.web.callers import Caller, Role, Scope, Via
from tests.clock import ManualClock
from tests.web.console.asking import asking, somebody
from tests.web.houses import House
from tests.web.serving import make_parts, serving

PERSON = "0123456789abcdef01234567"


def _event(number: int, kind: str = "tamper", device: str = "main", **attributes: str) -> Event:
    return Event(
        device=device, kind=kind, time=number, arrived=number, id=f"{kind}-{number}", attributes=attributes
    )


async def _all(client: httpx.AsyncClient, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """Every page, the first first."""
    answer = await client.get(path, params=query)
    pages = [answer.json()]
    while following := answer.links.get("next"):
        answer = await client.get(httpx.URL(str(answer.request.url)).join(following["url"]))
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
    return pages


async def test_pages_go_back_in_time_and_miss_nothing(journal: SqliteJournal, clock: ManualClock) -> None:
    kept = [_event(number // 3, device=f"d-{number % 4}", n=str(number)) for number in range(200)]
    await journal.append([Batch(entries=kept)])
    async with asking(make_parts(journal, clock), somebody()) as client:
        pages = await _all(client, "/api/v1/events", limit=7)
        of_one = await _all(client, "/api/v1/events", limit=7, device="d-1", since=10, until=40)

    assert {len(page) for page in pages[:-1]} == {7}
    told = [one for page in pages for one in reversed(page)]
    assert len(told) == len(kept)
    assert len({one["attributes"]["n"] for one in told}) == len(kept)
    assert [one["time"] for one in told] == sorted((one.time for one in kept), reverse=True)
    wanted = [one.time for one in kept if one.device == "d-1" and 10 <= one.time < 40]
    assert sorted(one["time"] for page in of_one for one in page) == wanted


async def test_without_anything_said_the_newest_are_answered_newest_last(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    async with serving(make_parts(journal, clock), tmp_path / "api.sock") as client:
        await journal.append([Batch(entries=[_event(number) for number in range(5)])])
        async with asyncio.timeout(60):
            while len(found := (await client.get("events?last=3")).json()) < 3:  # noqa: ASYNC110 - over a socket
                await asyncio.sleep(0.01)

    assert [one["time"] for one in found] == [2, 3, 4]


@pytest.mark.parametrize("query", [{}, {"limit": 50}, {"device": "front-in"}, {"kind": "card"}, {"since": 0}])
@pytest.mark.parametrize("may", [False, True])
async def test_who_may_not_see_people_sees_no_movements(house: House, query: dict[str, Any], *, may: bool) -> None:
    await house.keep(_event(1, "tamper", credential=PERSON))
    who = somebody(Role.SUPERVISOR if may else Role.OPERATOR)
    live = house.client
    del live
    async with asking(house.parts, who) as client:
        pages = await _all(client, "/api/v1/events", **query)

    told = [one for page in pages for one in page]
    if query and may:
        assert any(one["kind"] == "card" for one in told)
    if not may:
        assert not [one for one in told if one["kind"] in {"card", "passage"}]
        assert "credential" not in str(told)
        assert PERSON not in str(told)


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (somebody(Role.VIEWER), 403),
        (somebody(Role.OPERATOR), 403),
        (somebody(Role.SUPERVISOR), 404),
        (Caller(name="t", role=Role.VIEWER, via=Via.TOKEN, scopes=frozenset({Scope.READ})), 403),
        (Caller(name="t", role=Role.VIEWER, via=Via.TOKEN, scopes=frozenset({Scope.READ, Scope.ACCESS})), 404),
    ],
)
async def test_the_report_about_access_is_for_those_who_may_see_people(
    journal: SqliteJournal, clock: ManualClock, caller: Caller, status: int
) -> None:
    async with asking(make_parts(journal, clock), caller) as client:
        report = await client.get("/api/v1/reports/access")
        other = await client.get("/api/v1/reports/usage")

    assert report.status_code == status
    assert other.status_code == 404  # nothing is metered in this house


@pytest.mark.parametrize("query", [{"cursor": "x"}, {"limit": 0}, {"limit": 5000}, {"since": "now"}])
async def test_what_cannot_be_understood_is_refused(
    journal: SqliteJournal, clock: ManualClock, query: dict[str, Any]
) -> None:
    async with asking(make_parts(journal, clock), somebody()) as client:
        answer = await client.get("/api/v1/events", params=query)

    assert answer.status_code == 422
