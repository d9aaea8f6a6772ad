"""The route that explains who would be told: the words of the command, typed, with who stands in by command."""

from dataclasses import replace
from datetime import date

import pytest

from monitor.alarms.booking import book
from monitor.duty import Layer, Roster
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Severity
from monitor.notify.explaining import explain
from monitor.site import Source
from monitor.staff import Route, Step, Team
from monitor.web.callers import Role
from monitor.web.dutydesk import DutyDesk
from monitor.web.explainroutes import ExplainedOut
from monitor.web.paging import dumped
from monitor.web.parts import Parts
from tests.clock import ManualClock
from tests.notify.house import NOW, person, rule, site
from tests.web.console.asking import asking, somebody
from tests.web.serving import make_parts

HOUR = 3_600_000
PATH = "/api/v1/notify/explain"
DUTY = Roster(id="duty", layers=(Layer(people=("ben", "ana"), begins=date(2026, 11, 16)),))
STEPS = (Step(after=0, notify=("duty",)), Step(after=900, notify=("ana",)))
ANA, BEN = person("ana", mail="mailto://secret@a.invalid"), person("ben", phone="json://secret.invalid")
PLAIN = site(
    ANA,
    BEN,
    teams=[Team(id="away", members=("ana",), escalation=(Step(after=0, notify=("ana",)),))],
    routes=[Route(team="away", match={"building": ("B",)}), Route(team="house")],
)
METER = PLAIN.devices["main-electricity"]
SOURCES = tuple(Source(device=name, point="voltage_l1_v") for name in ("main-electricity", "sub", "far"))
SITE = replace(
    PLAIN,
    devices=PLAIN.devices | {"sub": replace(METER, id="sub"), "far": replace(METER, id="far", building="B")},
    rules={"undervoltage": replace(rule(), sources=SOURCES)},
    notify=replace(
        PLAIN.notify,
        rosters={"duty": DUTY},
        teams=PLAIN.notify.teams | {"house": Team(id="house", members=("duty",), escalation=STEPS)},
    ),
)


def _parts(journal: SqliteJournal, clock: ManualClock, state: State) -> Parts:
    return replace(make_parts(journal, clock), site=SITE, duty=DutyDesk(state, SITE, clock.now))


async def test_it_is_what_the_command_says_and_alarms_that_are_told_alike_come_together(
    journal: SqliteJournal, clock: ManualClock, state: State
) -> None:
    async with asking(_parts(journal, clock, state), somebody(Role.VIEWER)) as client:
        answer = await client.get(PATH, params={"alarm": "undervoltage", "at": NOW})
        one = await client.get(PATH, params={"alarm": "undervoltage/far", "severity": "low"})
    told = ExplainedOut.model_validate_json(answer.content, strict=True)

    assert told.model_dump(mode="json") == answer.json()
    assert (told.rule, told.severity, told.at, told.overrides_known) == ("undervoltage", Severity.HIGH, NOW, True)
    assert [each.sources for each in told.alarms] == [
        ["main-electricity/voltage_l1_v", "sub/voltage_l1_v"],
        ["far/voltage_l1_v"],
    ]
    for each, source in zip(told.alarms, (SOURCES[0], SOURCES[2]), strict=True):
        said = explain(SITE, SITE.rules["undervoltage"], source, severity="high", at=NOW)
        assert dumped({"sources": each.sources, **said.as_json()}) == dumped(each.model_dump())
    assert (one.json()["at"], one.json()["severity"]) == (clock.now(), "low")
    assert [message["person"] for message in one.json()["alarms"][0]["messages"]] == ["ana"]
    assert "secret" not in answer.text + one.text


async def test_who_stands_in_by_command_is_heeded_and_without_that_it_says_so(
    journal: SqliteJournal, clock: ManualClock, state: State
) -> None:
    clock.time = NOW
    parts = _parts(journal, clock, state)
    assert parts.duty is not None
    said = await parts.duty.override("duty", "ana", starts=None, ends=NOW + HOUR, by="ben", reason="a train")
    await state.transact(lambda db: book(db, [said]))
    found = []
    for each in (parts, replace(parts, duty=None)):
        async with asking(each, somebody(Role.VIEWER)) as client:
            answer = (await client.get(PATH, params={"alarm": "undervoltage/sub"})).json()
        found.append((answer["overrides_known"], answer["alarms"][0]["messages"][0]["why"]))

    assert found == [(True, "ana stands in, said ben: a train"), (False, "ben's turn")]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"alarm": "undervoltag"}, 404, "did you mean undervoltage?"),
        ({"alarm": "undervoltage/subb/voltage_l1_v"}, 404, "did you mean sub/voltage_l1_v?"),
        ({"alarm": "undervoltage", "severity": "hihg"}, 422, "severity"),
        ({"alarm": "undervoltage", "at": -1}, 422, "at"),
        ({}, 422, "alarm"),
    ],
)
async def test_what_cannot_be_explained_is_refused_in_words(
    journal: SqliteJournal, clock: ManualClock, query: dict[str, object], status: int, words: str
) -> None:
    async with asking(replace(make_parts(journal, clock), site=SITE), somebody(Role.VIEWER)) as client:
        answer = await client.get(PATH, params=query)  # type: ignore[arg-type]

    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
