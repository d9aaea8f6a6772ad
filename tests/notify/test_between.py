"""Where the parts of the notifications meet: each test is of two or three of them together, on the real state."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from monitor.alarms.keep import put
from monitor.duty import Override, Roster
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.direct import Direct
from monitor.notify.messages import render
from monitor.notify.outage import Outages
from monitor.ports import NoticeKind
from monitor.site import Site
from monitor.staff import Step
from tests.notify.house import MINUTE, NOW, person, rows, site

ANA, BEN = person("ana", mail="terminal:"), person("ben", mail="terminal:")


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    opened = State.open(tmp_path / "state.db")
    yield opened
    await opened.close()


def on_duty(made: Site, *overrides: Override) -> Site:
    team = replace(made.notify.teams["house"], escalation=(Step(after=0, notify=("duty",)),))
    rosters = {"duty": Roster(id="duty", overrides=overrides)}
    return replace(made, notify=replace(made.notify, rosters=rosters, teams={"house": team}))


def shift(who: str, start: int, end: int) -> Override:
    return Override(roster="duty", person=who, starts=NOW + start * MINUTE, ends=NOW + end * MINUTE)


def test_that_nothing_can_be_recorded_is_told_to_who_is_on_call_by_then(journal: SqliteJournal) -> None:
    house = on_duty(site(ANA, BEN), shift("ben", -60, 60))
    said: list[Override] = []
    direct = Direct(house, Channels(), lambda: said)
    outages = Outages(house, journal, failing=lambda: "", direct=direct, now=lambda: NOW)

    assert [one.person for one in outages._people(NOW)] == ["ben"]

    said.append(shift("ana", -10, 10))
    assert [one.person for one in outages._people(NOW)] == ["ana"]


@pytest.mark.parametrize("odd", [{"x": "\ud800"}, {"x": 2**70}, {"x": {1: math.nan}}, {"x": math.inf}])
async def test_what_json_does_not_know_stops_no_message(state: State, odd: dict[str, object]) -> None:
    made = rows(site(ANA), NoticeKind.RAISE, value=math.nan, facts=odd)
    await state.transact(lambda db: put(db, made, NOW))

    (row,) = await state.query("SELECT body, json_extract(body, '$.rule.id') AS rule FROM outbox")
    assert row["rule"] == "undervoltage"
    body = orjson.loads(row["body"])
    assert "value" not in body
    assert "Undervoltage" in render("raise", "en", body).title
