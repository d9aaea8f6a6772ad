"""The shell on a real journal and a real state: what is kept together, and what outlives a kill."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.alarms import Alarms
from monitor.alarms.commands import acknowledge
from monitor.alarms.store import AlarmView, RuleView, list_alarms, list_rules, open_alarms, show, standing
from monitor.errors import RequestRefused
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry, Event, Transition
from monitor.ports import Batch, Notice, NoticeKind, OutboxRow
from monitor.site import Rule, Site
from tests.clock import ManualClock
from tests.rules.build import device, event, reading, rule

LOW = {
    "id": "low",
    "kind": "threshold",
    "point": "voltage_v",
    "below": "207 V",
    "on_delay": "30 s",
    "severity": "high",
}
LEAK = {
    "id": "leak",
    "kind": "state",
    "point": "alarm",
    "is": True,
    "latched": True,
    "response": "Close the main valve.",
    "cause": "A hose has burst.",
    "consequence": "The cellar fills.",
    "owner": "Plumber",
}
FORCED = {"id": "forced", "kind": "event", "event": "forced"}
DEVICES = {
    "meter": device(),
    "sensor": device("sensor", points=["alarm"], device_class="safety"),
    "door": device("door", points=["open"], device_class="door"),
}


def site(*settings: Mapping[str, Any]) -> Site:
    rules: dict[str, Rule] = {}
    for one in settings:
        made = rule(one, DEVICES)
        rules[made.id] = made
    return Site(id="s", name="S", timezone=ZoneInfo("UTC"), devices=DEVICES, rules=rules)


def to_ana(notice: Notice) -> Sequence[OutboxRow]:
    """Tell Ana of raises, and afterwards whoever was told before."""
    raises = notice.kind in {NoticeKind.RAISE, NoticeKind.SEVERITY}
    people = {("ana", "mail")} if raises else notice.told
    step = notice.transition
    return [
        OutboxRow(
            notification_id=f"{step.occurrence}:{notice.kind}:{step.number}",
            occurrence=step.occurrence,
            kind=notice.kind,
            person=person,
            channel=channel,
            step=0,
            severity=step.severity,
            not_before=step.time,
            expires=step.time + 1000,
            body={"rule": notice.rule.id},
        )
        for person, channel in people
    ]


class House:
    """One site's alarms, which can be started, stopped and killed."""

    def __init__(self, journal: SqliteJournal, state: State, clock: ManualClock) -> None:
        self.journal = journal
        self.state = state
        self.clock = clock
        self.alarms: Alarms | None = None

    @asynccontextmanager
    async def running(self, site: Site, *, fed: bool = True) -> AsyncIterator["House"]:
        self.alarms = Alarms(
            self.journal, self.state, site, to_ana, self.clock.now, monotonic=lambda: self.clock.time / 1000
        )
        tasks = [asyncio.create_task(self.alarms.run())]
        if fed:
            tasks.append(asyncio.create_task(Feeder(self.state, self.journal).run()))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def say(self, *entries: Entry, at: int, kept: bool = True) -> None:
        """Append entries (`at`: ms after the start) and wait until they are judged, and what came of it kept."""
        self.clock.time = 1_795_378_523_000 + at
        position = await self.journal.append([Batch(entries=entries)])

        async def is_done() -> bool:
            alarms = self.alarms
            return alarms is not None and alarms._position >= position and not (kept and alarms._steps)

        await self.until(is_done)

    async def applied(self) -> None:
        """Let time pass until the state on disk is that of everything that was judged."""

        async def is_applied() -> bool:
            self.clock.advance(100)  # a commit that is under way moves the second from which the next one counts
            return self.alarms is not None and self.alarms.applied == self.alarms._position

        await self.until(is_applied)

    async def until(self, is_so: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(60):
            while not await is_so():  # noqa: ASYNC110 - asks tables, which wake nobody
                await asyncio.sleep(0.005)

    async def pass_time(self, at: int) -> None:
        """Let time pass, and a device without rules speak."""
        await self.say(event(at, "opened", id="elsewhere"), at=at)

    async def only(self) -> AlarmView:
        alarms = await list_alarms(self.state, include_cleared=True)
        assert len(alarms) == 1
        return alarms[0]

    async def outbox(self) -> list[str]:
        rows = await self.state.query("SELECT kind, person FROM outbox ORDER BY id")
        return [f"{row['kind']} {row['person']}" for row in rows]

    async def transitions(self) -> list[Transition]:
        found = await self.journal.read(0, 10_000)  # type: ignore[arg-type]
        return [item.entry for item in found if isinstance(item.entry, Transition)]  # type: ignore[union-attr]

    async def settled(self) -> None:
        async def is_fed() -> bool:
            return not await self.state.query("SELECT 1 FROM produced")

        await self.until(is_fed)


@pytest.fixture
def house(journal: SqliteJournal, state: State, clock: ManualClock) -> House:
    return House(journal, state, clock)


async def test_an_alarm_is_raised_told_acknowledged_and_cleared(house: House) -> None:
    async with house.running(site(LOW)):
        for at in (0, 10_000, 20_000, 30_000):
            await house.say(reading(at, 200.0), at=at)
        raised = await house.only()
        command = await acknowledge(
            house.state, raised.occurrence, by="ben", reason="on my way", now=house.clock.now()
        )
        await house.say(command, at=31_000)
        acked = await house.only()
        await house.say(reading(40_000, 230.0), at=40_000)
        await house.settled()

    assert (raised.state, raised.response, raised.isa, raised.severity) == ("active", "unacked", "B", "high")
    assert (raised.value, raised.limit, raised.unit, raised.title) == (200.0, 207.0, "V", "low: Meter")
    assert (acked.response, acked.acknowledged_by, acked.isa) == ("acked", "ben", "C")
    shown = await show(house.state, raised.occurrence)
    assert shown is not None
    assert (shown.state, shown.response, shown.isa) == ("clear", "none", "A")
    assert [step.cause for step in shown.history] == ["raised", "acknowledged", "cleared"]
    assert json.dumps(shown.as_json())
    assert await house.outbox() == ["raise ana", "acknowledged ana", "clear ana"]
    assert [step.cause for step in await house.transitions()] == ["raised", "acknowledged", "cleared"]


async def test_time_alone_raises_without_any_entry(house: House) -> None:
    async with house.running(site(LOW)):
        await house.say(reading(0, 200.0), at=0)
        house.clock.advance(30_200)
        await house.until(lambda: list_alarms(house.state))

    assert (await house.only()).raised_at == 1_795_378_523_000 + 30_000


@pytest.mark.fault(
    "monitor off",
    part="rules and alarms",
    outcome="A delay goes on where it was: time without a monitor counts for nothing.",
)
async def test_a_stop_in_the_middle_of_a_delay_keeps_what_was_proven(house: House) -> None:
    async with house.running(site(LOW)):
        await house.say(reading(0, 200.0), at=0)
        await house.say(reading(20_000, 200.0), at=20_000)
    house.clock.advance(3_600_000)
    async with house.running(site(LOW)):
        await house.say(reading(3_640_000, 200.0), at=3_640_000)
        await house.say(reading(3_649_000, 200.0), at=3_649_000)
        early = await list_alarms(house.state)
        await house.say(reading(3_650_000, 200.0), at=3_650_000)

    assert early == []
    assert (await house.only()).raised_at == 1_795_378_523_000 + 3_650_000


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="An alarm that was judged but is not in the journal yet comes into it once.",
)
async def test_a_kill_between_the_commit_and_the_journal_loses_and_doubles_nothing(house: House) -> None:
    async with house.running(site(LEAK), fed=False):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
        await house.say(reading(1000, value=False, point="alarm", id="sensor"), at=1000)
    async with house.running(site(LEAK)):
        await house.pass_time(2000)
        await house.settled()

    steps = [(step.number, step.cause) for step in await house.transitions()]
    assert steps == [(1, "raised"), (2, "normal")]
    assert await house.outbox() == ["raise ana"]


async def test_what_was_judged_but_not_kept_is_judged_again_alike(house: House) -> None:
    broken = "CREATE TEMP TRIGGER broken BEFORE INSERT ON alarm BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    await house.state.transact(lambda db: db.execute(broken))
    async with house.running(site(LEAK)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0, kept=False)
    before = await house.state.position("alarms")
    await house.state.transact(lambda db: db.execute("DROP TRIGGER temp.broken"))
    async with house.running(site(LEAK)):
        await house.pass_time(1000)
        await house.settled()

    assert before == 0
    assert [step.cause for step in await house.transitions()] == ["raised"]
    assert await house.outbox() == ["raise ana"]


async def test_events_are_told_and_acknowledged_and_send_no_clear(house: House) -> None:
    async with house.running(site(FORCED)):
        await house.say(event(0, "forced"), at=0)
        raised = await house.only()
        await house.say(
            await acknowledge(house.state, raised.occurrence, by="ben", reason="", now=house.clock.now()), at=1000
        )

    assert (raised.state, raised.isa, raised.momentary) == ("clear", "D", True)
    assert raised.cleared_at == raised.raised_at
    assert await house.outbox() == ["raise ana", "acknowledged ana"]
    assert (await house.only()).response == "none"


async def test_a_latched_alarm_is_reset_by_its_acknowledgement_and_then_clears(house: House) -> None:
    async with house.running(site(LEAK)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
        await house.say(reading(1000, value=False, point="alarm", id="sensor"), at=1000)
        normal = await house.only()
        await house.say(
            await acknowledge(house.state, normal.occurrence, by="ben", reason="dry", now=house.clock.now()),
            at=2000,
        )
    over = await house.only()

    assert (normal.isa, normal.active, normal.normal, normal.response_text) == (
        "F",
        True,
        True,
        "Close the main valve.",
    )
    assert (normal.cause_text, normal.consequence_text, normal.owner) == (
        "A hose has burst.",
        "The cellar fills.",
        "Plumber",
    )
    assert (over.state, over.response, over.acknowledged_by) == ("clear", "none", "ben")
    assert await house.outbox() == ["raise ana", "clear ana"]


async def test_what_cannot_be_acknowledged_is_refused_with_a_reason(house: House) -> None:
    async with house.running(site(LEAK)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
        occurrence = (await house.only()).occurrence

        async def ask(name: str) -> None:
            await house.say(
                await acknowledge(house.state, name, by="ben", reason="", now=house.clock.now()), at=500
            )

        await ask(occurrence)
        with pytest.raises(RequestRefused, match="acknowledged already by ben; it can be reset"):
            await ask(occurrence)
        with pytest.raises(RequestRefused, match="there is no alarm nonsense"):
            await ask("nonsense")
        await house.say(reading(1000, value=False, point="alarm", id="sensor"), at=1000)
        await ask(occurrence)
        with pytest.raises(RequestRefused, match="is over and waits for nobody"):
            await ask(occurrence)


async def test_a_rule_that_is_gone_closes_its_alarm_and_says_so(house: House) -> None:
    async with house.running(site(LEAK, FORCED)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), event(0, "forced"), at=0)
    async with house.running(site(LOW)):
        await house.pass_time(1000)
    alarms = await list_alarms(house.state, include_cleared=True)

    assert [(view.state, view.response, view.reason) for view in alarms] == [("clear", "none", "rule_deleted")] * 2
    assert await house.outbox() == ["raise ana", "raise ana", "clear ana"]
    assert await house.state.query("SELECT 1 FROM rule_memory WHERE area IN ('alarm', 'event')") == []


async def test_a_rule_of_another_kind_is_another_rule_and_an_edited_one_the_same(house: House) -> None:
    async with house.running(site(LEAK)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
    async with house.running(site({**LEAK, "severity": "critical"})):
        await house.pass_time(1000)
    edited = await house.only()
    async with house.running(site({"id": "leak", "kind": "offline"})):
        await house.pass_time(2000)

    assert edited.state == "active"
    assert (await house.only()).reason == "rule_changed"


async def test_the_state_on_disk_matches_its_position_within_a_second(house: House) -> None:
    async with house.running(site(LOW)):
        await house.say(reading(0, 230.0), at=0)
        await house.applied()
        await house.applied()

    rows = await house.state.query("SELECT body FROM rule_memory WHERE area = 'device'")
    assert json.loads(rows[0]["body"])["points"] == {"voltage_v": 1_795_378_523_000}


@pytest.mark.fault(
    "clock stepped forward",
    part="rules and alarms",
    outcome="A delay under way does not ripen by it.",
)
async def test_a_clock_that_is_stepped_ripens_nothing(house: House) -> None:
    async with house.running(site({**LOW, "on_delay": "2 min"})):
        await house.say(reading(0, 200.0), at=0)
        after = house.clock.time + 3_600_000
        step = Event(
            device="facility-monitor",
            kind="clock_stepped",
            time=after,
            arrived=after,
            id="step",
            attributes={"from": house.clock.time, "to": after, "seconds": 3600.0},
        )
        await house.say(step, reading(3_610_000, 200.0), at=3_610_000)
        early = await list_alarms(house.state)
        await house.say(reading(3_730_000, 200.0), at=3_730_000)

    assert early == []
    assert (await house.only()).state == "active"


@pytest.mark.fault(
    "clock stepped back",
    part="rules and alarms",
    outcome="Alarms are raised and cleared on, and people are told at once, not an hour later.",
)
async def test_a_clock_that_is_set_back_holds_no_message_back(house: House) -> None:
    start, hour = house.clock.time, 3_600_000
    async with house.running(site({**LEAK, "latched": False, "ack": "not_required"})):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
        step = Event(
            device="facility-monitor",
            kind="clock_stepped",
            time=start - hour,
            arrived=start - hour,
            id="step",
            attributes={"from": start, "to": start - hour, "seconds": -3600.0},
        )
        await house.say(step, at=-hour)
        await house.say(reading(2000 - hour, value=False, point="alarm", id="sensor"), at=2000 - hour)
        await house.say(reading(4000 - hour, value=True, point="alarm", id="sensor"), at=4000 - hour)

    rows = await house.state.query("SELECT kind, not_before FROM outbox ORDER BY id")
    assert [row["kind"] for row in rows] == ["raise", "clear", "raise"]
    assert all(row["not_before"] <= start - hour + 4000 for row in rows[1:])
    again = [each.raised_at for each in await list_alarms(house.state) if each.state == "active"]
    assert again == [start - hour + 4000]


async def test_an_occurrence_stands_as_it_was_left(house: House) -> None:
    async with house.running(site(LEAK)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
    occurrence = (await house.only()).occurrence

    def ask(db: sqlite3.Connection) -> list[tuple[bool, bool, bool]]:
        return [standing(db, occurrence), standing(db, "nonsense")]

    assert await house.state.transact(ask) == [(False, False, False), (False, False, False)]


async def test_alarms_that_are_long_over_are_forgotten(house: House) -> None:
    async with house.running(site({**LEAK, "latched": False, "ack": "not_required"})):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
        await house.say(reading(1000, value=False, point="alarm", id="sensor"), at=1000)
        year_later = 401 * 86_400_000
        await house.say(reading(year_later, value=True, point="alarm", id="sensor"), at=year_later)

    assert (await house.only()).raised_at == 1_795_378_523_000 + year_later


async def test_a_router_that_fails_does_not_lose_the_alarm(house: House) -> None:
    def broken(_: Notice) -> Sequence[OutboxRow]:
        raise LookupError("no such team")

    alarms = Alarms(
        house.journal, house.state, site(LEAK), broken, house.clock.now, monotonic=lambda: house.clock.time / 1000
    )
    house.alarms = alarms
    task = asyncio.create_task(alarms.run())
    await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
    await house.until(lambda: list_alarms(house.state))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert (await house.only()).state == "active"


async def test_a_rule_that_fails_is_counted_once_and_named(house: House) -> None:
    async with house.running(site(LOW)):
        for at in (0, 10_000):
            await house.say(reading(at, "broken"), at=at)
        assert house.alarms is not None
        status, failing = house.alarms.status(), house.alarms.failing

    assert status["failing_rules"] == 1
    assert list(failing) == ["low"]
    assert "TypeError" in failing["low"]


async def test_how_long_entries_wait_is_found_out_by_asking_again(house: House) -> None:
    async with house.running(site(LOW)):
        await house.say(reading(0, 230.0), at=0)
        await house.applied()
        assert house.alarms is not None
        assert house.alarms.status()["lag_s"] == 0.0  # nothing waits, and what is written from now on may
        await house.say(reading(10_000, 230.0), at=10_000)
        await house.applied()
        assert house.alarms.status()["lag_s"] == 0.0
    await house.journal.append([Batch(entries=[reading(20_000, 230.0)])])

    lags = []
    for _ in range(3):  # it runs no more
        lags.append(house.alarms.status()["lag_s"])
        house.clock.advance(10_000)
    assert lags == [0.0, 10.0, 20.0]


SHADOW = {**LOW, "on_delay": "0 s", "shadow": True}


async def test_a_rule_in_shadow_is_judged_and_kept_and_told_to_nobody(house: House) -> None:
    async with house.running(site(SHADOW, {**FORCED, "shadow": True})):
        await house.say(reading(0, 200.0), event(0, "forced"), at=0)
        raised = await list_alarms(house.state)
        counted = await open_alarms(house.state)
        await house.say(reading(10_000, 230.0), at=10_000)
        await house.settled()

    assert [(each.rule, each.shadow, each.suppression, each.response) for each in raised] == [
        ("low", True, (), "unacked")
    ]
    assert counted == []
    everything = await list_alarms(house.state, include_cleared=True)
    assert {(each.rule, each.state, each.response, each.shadow) for each in everything} == {
        ("low", "clear", "none", True),
        ("forced", "clear", "none", True),
    }
    steps = await house.transitions()
    assert {(step.rule, step.cause, step.suppression) for step in steps} == {
        ("low", "raised", ("shadow",)),
        ("low", "cleared", ("shadow",)),
        ("forced", "raised", ("shadow",)),
    }
    assert await house.outbox() == []


async def test_what_people_were_told_of_is_ended_when_its_rule_goes_into_shadow_and_begins_anew_out_of_it(
    house: House,
) -> None:
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(0, 200.0), at=0)
    async with house.running(site(SHADOW)):
        await house.say(reading(10_000, 200.0), at=10_000)
        shadowed = await list_alarms(house.state)
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(20_000, 200.0), at=20_000)
        await house.settled()
        told = await list_alarms(house.state)

    assert [(each.shadow, each.raised_at - 1_795_378_523_000) for each in shadowed] == [(True, 10_000)]
    assert [(each.shadow, each.raised_at - 1_795_378_523_000) for each in told] == [(False, 20_000)]
    assert await house.outbox() == ["raise ana", "clear ana", "raise ana"]
    steps = await house.transitions()
    assert [(step.cause, step.reason, step.suppression) for step in steps] == [
        ("raised", "", ()),
        ("cleared", "rule_changed", ()),
        ("raised", "", ("shadow",)),
        ("cleared", "rule_changed", ("shadow",)),
        ("raised", "", ()),
    ]


async def test_a_restart_in_shadow_goes_on_with_the_same_alarm_and_the_same_trial(house: House) -> None:
    async def rules(now: int) -> RuleView:
        assert house.alarms is not None
        (found,) = await list_rules(
            house.state, house.alarms.rules, failing=house.alarms.failing, learning=house.alarms.learning, now=now
        )
        return found

    start, day = 1_795_378_523_000, 86_400_000
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(0, 200.0), at=0)
        before = await rules(start)
    async with house.running(site(SHADOW)):
        await house.say(reading(day, 200.0), at=day)
    async with house.running(site(SHADOW)):
        await house.say(reading(2 * day, 200.0), at=2 * day)
        tried = await rules(start + 10 * day)
        alarms = await list_alarms(house.state)
    async with house.running(site({**SHADOW, "shadow": False})):
        await house.say(reading(3 * day, 230.0), at=3 * day)
        after = await rules(start + 10 * day)

    assert (before.shadow, before.shadow_since, before.open, before.raised_7_days) == (False, None, 1, 1)
    assert len(alarms) == 1
    assert (tried.shadow, tried.shadow_since, tried.open) == (True, start + day, 1)
    assert (tried.raised_7_days, tried.raised_30_days, tried.raised_in_shadow) == (0, 2, 1)
    assert (after.shadow, after.shadow_since, after.raised_in_shadow) == (False, None, 0)
    assert (tried.severities, tried.sources, tried.learning, tried.failing) == (("high",), 1, False, "")
    assert await house.state.query("SELECT 1 FROM rule_memory WHERE area = 'shadow'") == []
