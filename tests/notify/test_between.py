"""Where the parts of the notifications meet: each test is of two or three of them together, on the real state."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from monitor.alarms import casebook
from monitor.alarms.keep import put
from monitor.duty import Override
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command
from monitor.notices import Notice, NoticeKind, OutboxRow
from monitor.notify import store
from monitor.notify.attempt import Attempt
from monitor.notify.channels import Channels
from monitor.notify.desk import ChannelDesk
from monitor.notify.direct import Direct
from monitor.notify.explaining import explain
from monitor.notify.fallback import fall_back
from monitor.notify.messages import render
from monitor.notify.outage import Outages
from monitor.notify.outbox import Notifier
from monitor.notify.results import Outcome
from monitor.notify.routing import make_router
from monitor.notify.sending import Sent
from monitor.periods import DAY
from monitor.site import Rule, Source
from monitor.staff import REMINDERS, Grouping, Person
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, Params, notice, person, rows, site
from tests.notify.virtual import HOUR, NOON, OnCall, Virtual, on_duty, quiet
from tests.notify.virtual import house as virtual_house
from tests.servers.ports import free_port

ANA, BEN = person("ana", mail="terminal:"), person("ben", mail="terminal:")


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    opened = State.open(tmp_path / "state.db")
    yield opened
    await opened.close()


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


OVER = {"medium": ("mail",), "high": ("phone",)}
OF_TWO = Person(id="ana", name="Ana", language="en", channels={"mail": "json://a", "phone": "json://p"}, over=OVER)


class Refusing:
    """What the notifier does with a refusal: the rest of the person's channels are tried."""

    def __init__(self, it: Virtual, *channels: str) -> None:
        self.it, self.channels = it, channels

    def __call__(self, attempt: Attempt) -> str:
        if attempt.lane[1] not in self.channels:
            return "sent"
        fall_back(self.it.db, self.it.site.notify.people, attempt, "refused", self.it.now)
        return "dead"


def test_what_falls_back_after_the_end_comes_with_its_end() -> None:
    it = Virtual(virtual_house(OF_TWO, grouping=Grouping(wait=30, pace=0)), answer=lambda _: "failed")
    name = it.rises("d0", "medium")
    it.passes(10_000)
    it.gets_worse(name)
    it.passes(31_000)
    it.clears(name)
    it.passes(5_000)
    it.answer = Refusing(it, "phone")
    it.passes(10 * MINUTE)

    assert [text.partition(" ")[2] for text in it.messages()] == ["severity o0 and its end"]


def test_of_many_that_expire_at_once_none_is_given_up_without_its_next_channel() -> None:
    over = {"low": ("mail",), "medium": ("mail",)}
    ana = replace(OF_TWO, over=over)
    it = Virtual(virtual_house(ana, grouping=Grouping(wait=0, pace=0)))
    for number in range(1200):
        it.rises(f"d{number % 6}", "low" if number < 600 else "medium")
    it.db.execute("UPDATE outbox SET attempts = 1, state = 'failed', next_at = :at, expires = :at", {"at": it.now})
    for _ in range(9):  # looks of the notifier, in which nothing more is sent
        store.take(it.db, now=it.now, busy=(("ana", "phone"),), most=16, standing=it.standing, site=it.site)

    assert len(it.rows(channel="mail", state="dead")) == 1200
    assert len(it.rows(channel="phone", state="queued")) == 1200


@pytest.mark.parametrize("told", ["phone", "both"])
def test_an_end_that_its_channel_refuses_comes_over_the_next_unless_it_is_known(told: str) -> None:
    ana = OF_TWO if told == "phone" else replace(OF_TWO, over={})
    it = Virtual(virtual_house(ana, grouping=Grouping(wait=0, pace=0)))
    name = it.rises("d0", "high")
    it.passes(MINUTE)
    it.answer = Refusing(it, "phone")
    it.clears(name)
    it.passes(MINUTE)

    ends = [(one.attempt.kind, one.attempt.lane[1]) for one in it.told if one.attempt.kind == "clear"]
    assert ends == [("clear", "mail")]


@pytest.mark.parametrize("days", [20_000, -20_000])
def test_reminders_go_on_after_the_clock_was_set(days: int) -> None:
    settings = virtual_house(ANA, grouping=Grouping(wait=0, pace=0), reminders=REMINDERS)
    it = Virtual(settings, now=NOON - max(days, 0) * DAY)
    it.rises("d0", "critical")
    it.passes(MINUTE)
    it.clock_is_set(days * DAY)
    it.passes(2 * DAY)

    reminders = [one.steady for one in it.told if one.attempt.kind == "remind"]
    assert len(reminders) == 97
    assert reminders[-1] - it.told[0].steady <= DAY


@pytest.mark.parametrize("body", ["{}", "[]", "{", '{"value": NaN}', '{"rule": "x"}'])
def test_a_row_that_cannot_be_read_keeps_no_other(body: str) -> None:
    it = Virtual(virtual_house(ANA, grouping=Grouping(wait=0, pace=0)))
    it.rises("d0", "high")
    it.rises("d2", "high")
    it.db.execute("UPDATE outbox SET body = ? WHERE occurrence = 'o0'", (body,))
    it.passes(MINUTE)

    assert [row["state"] for row in it.rows()] == ["dead", "sent"]


def test_what_waited_for_the_morning_is_a_digest_for_who_is_on_call_by_then() -> None:
    evening, morning = NOON + 11 * HOUR, NOON + 19 * HOUR
    turns = [("ana", NOON, morning), ("ben", morning, morning + DAY)]
    made = on_duty(
        virtual_house(quiet(ANA), quiet(BEN)),
        *(Override(roster="duty", person=who, starts=starts, ends=ends) for who, starts, ends in turns),
    )
    leak = Rule(id="leak", name="Leak", kind="threshold", params=Params(severity="low"), sources=(), version="1")
    (explained,) = explain(made, leak, Source(device="d0"), severity="low", at=evening).messages
    assert (explained.person, explained.sent) == ("ana", morning)
    assert "goes to ben, who is on call by then: ben stands in (site file)" in explained.effects

    it = OnCall(made, now=evening)
    come_and_gone = it.rises("d0", "low")
    it.rises("d2", "medium")
    it.passes(HOUR)
    it.clears(come_and_gone)
    it.passes(12 * HOUR)

    assert it.messages("ana") == []
    assert it.messages("ben") == ["07:00:00 quiet of 2: raise, raise and its end"]


def test_somebody_who_stood_in_and_left_the_site_file_keeps_no_alarm_from_the_others() -> None:
    house = on_duty(site(ANA, BEN, person("cy")), shift("ben", -60, 60))
    route = make_router(house, stand_ins=lambda: [shift("ghost", -60, 60), shift("cy", -60, 60)])

    assert [row.person for row in route(notice(NoticeKind.RAISE))] == ["ben"]


async def test_an_assignment_that_cannot_be_told_is_kept_all_the_same(state: State) -> None:
    command = Command(id="c1", kind="assign", target="o1", by="dora", time=NOW, arguments={"person": "ana"})

    def fails(_: Notice) -> Sequence[OutboxRow]:
        raise KeyError("a defect")

    def work(db: sqlite3.Connection) -> tuple[str, int]:
        db.execute(
            "INSERT INTO alarm (occurrence, rule, source_key, device, title, response_text, state, response,"
            " suppression, severity, latched, normal, momentary, late, since, raised_at, changed_at)"
            " VALUES ('o1', 'r', 'd', 'd', 't', '', 'active', 'unacked', '[]', 'high', 0, 0, 0, 0, 1, 1, 1)"
        )
        return casebook.assign(db, command), casebook.tell(db, [command], site(ANA), fails, NOW)

    assert await state.transact(work) == ("", 0)
    (case,) = await state.query("SELECT assigned_to FROM alarm_case")
    assert case["assigned_to"] == "ana"


@pytest.mark.parametrize("ends", ["fails", "given up"])
async def test_a_trial_of_a_service_that_is_left_alone_keeps_nobody_from_it_afterwards(
    state: State, ends: str
) -> None:
    clock = ManualClock(NOW)
    lane, failed = ("ana", "hook"), Sent(outcome=Outcome(state="failed", error="no route"), asked=True)
    house = site(person("ana", hook=f"json://127.0.0.1:{free_port()}/"))

    def seconds() -> float:
        return clock.now() / 1000

    notifier = Notifier(
        state, house, channels=Channels(), now=clock.now, standing=lambda *_: (False, False), monotonic=seconds
    )
    desk = ChannelDesk(state, house, notifier, Channels(), clock.now)
    for _ in range(5):
        notifier.traffic.end(lane, replace(failed, began=seconds()))
    clock.advance(1000)
    trial = asyncio.create_task(desk.test("ana", "hook", "low", by="dora"))
    if ends == "given up":
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        trial.cancel()
    await asyncio.wait([trial])

    clock.advance(10 * MINUTE)
    (held,) = notifier.traffic.gate().held
    assert held.probes


@pytest.mark.parametrize(
    ("by", "told"), [("Ben, by link", ["raise o0"]), ("dora", ["raise o0", "acknowledged o0"])]
)
def test_who_is_on_call_by_now_hears_of_no_acknowledgement_of_their_own(by: str, told: list[str]) -> None:
    turns = [("ana", NOON, NOON + 5 * MINUTE), ("ben", NOON + 5 * MINUTE, NOON + DAY)]
    made = on_duty(
        virtual_house(ANA, BEN, grouping=Grouping(wait=0, pace=0)),
        *(Override(roster="duty", person=who, starts=starts, ends=ends) for who, starts, ends in turns),
    )
    it = OnCall(made, answer=lambda attempt: "failed" if attempt.lane[0] == "ana" else "sent")
    name = it.rises("d0", "high")
    it.passes(MINUTE)
    it.is_acknowledged(name, by)
    it.passes(10 * MINUTE)

    assert [text.partition(" ")[2] for text in it.messages("ben")] == told


@pytest.mark.parametrize(
    ("morning", "state", "told"),
    [
        ("ana", "over", [("high", "its end")]),
        ("ana", "there", [("high", "there")]),
        ("cy", "over", []),
        ("cy", "there", [("high", "there")]),
    ],
)
def test_what_got_worse_while_it_was_put_off_and_was_told_to_others(
    morning: str, state: str, told: list[tuple[str, str]]
) -> None:
    """It says how bad it is by now; who comes on call later hears nothing of it when it is over."""
    cy = replace(BEN, id="cy", name="Cy")
    evening = NOON + 11 * HOUR
    turns = [("ana", NOON, evening + HOUR), ("ben", evening + HOUR, evening + 4 * HOUR)]
    turns.append((morning, evening + 4 * HOUR, evening + DAY))
    made = on_duty(
        virtual_house(*map(quiet, (ANA, BEN, cy))),
        *(Override(roster="duty", person=who, starts=starts, ends=ends) for who, starts, ends in turns),
    )
    it = OnCall(made, now=evening)
    name = it.rises("d0", "medium")
    it.passes(2 * HOUR)
    it.gets_worse(name)
    it.passes(HOUR)
    if state == "over":
        it.clears(name)
    it.passes(12 * HOUR)

    assert [text.partition(" ")[2] for text in it.messages("ben")][:1] == ["severity o0"]
    found = [one.attempt for one in it.told if one.attempt.lane[0] == morning]
    assert [(each.body["severity"], "there" if each.cleared is None else "its end") for each in found] == told
    assert {each.severity for each in found} <= {"high"}
    if not told:
        assert (
            it.rows(person="ana", kind="raise")[0]["last_error"] == "others were told of it since, and it is over"
        )


def test_a_row_that_cannot_be_read_does_not_keep_another_from_saying_how_bad_it_is() -> None:
    it = Virtual(virtual_house(ANA, BEN, grouping=Grouping(wait=0, pace=0)), answer=lambda _: "failed")
    name = it.rises("d0", "medium")
    it.gets_worse(name)
    it.db.execute("UPDATE outbox SET body = '[]', state = 'dead' WHERE kind = 'severity'")
    it.answer = lambda _: "sent"
    it.passes(MINUTE)

    assert [one.attempt.severity for one in it.told] == ["medium", "medium"]
