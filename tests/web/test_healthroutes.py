"""What supervisors of processes ask: without signing in, and without learning anything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Value
from monitor.web.callers import Caller, Role, Scope, Via
from tests.clock import ManualClock
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts


async def test_whoever_asks_is_told_that_it_lives_and_works(journal: SqliteJournal, clock: ManualClock) -> None:
    async with asking(make_parts(journal, clock), None) as client:
        lives = await client.get("/healthz")
        works = await client.get("/readyz")

    assert (lives.status_code, lives.text) == (200, "it lives\n")
    assert (works.status_code, works.json()) == (200, {"ready": True, "reasons": []})


@pytest.mark.parametrize(
    ("stats", "judging", "reason"),
    [
        ({"failing": True, "moved_aside": "/srv/secret"}, {}, "the journal takes nothing"),
        ({"alive": False}, {}, "the journal takes nothing"),
        ({"waiting_s": 61.0}, {}, "the journal is slow"),
        ({}, {"lag_s": 61.0}, "the rules are behind"),
    ],
)
async def test_whoever_asks_is_told_why_it_does_not_work(  # noqa: PLR0917 - a house, and what is wrong
    journal: SqliteJournal,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    stats: Mapping[str, Value],
    judging: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.setattr(journal, "stats", lambda: stats)
    async with asking(replace(make_parts(journal, clock), judging=lambda: judging), None) as client:
        works = await client.get("/readyz")

    assert (works.status_code, works.json()) == (503, {"ready": False, "reasons": [reason]})


async def test_metrics_are_for_those_who_may_see_them(journal: SqliteJournal, clock: ManualClock) -> None:
    token = Caller(name="t", role=Role.VIEWER, via=Via.TOKEN, scopes=frozenset({Scope.METRICS}))
    told = []
    for caller in (None, token, somebody(Role.VIEWER)):
        async with asking(make_parts(journal, clock), caller) as client:
            told.append(await client.get("/metrics"))

    assert [answer.status_code for answer in told] == [401, 200, 200]
    assert told[0].headers["content-type"] == "application/problem+json"
    assert "facility_monitor_start_time_seconds" in told[1].text
