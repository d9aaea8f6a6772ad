"""The shell on a real journal and a real state: what is kept together, and what outlives a kill."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Sequence

import pytest

from monitor.alarms import Alarms
from monitor.alarms.commands import acknowledge
from monitor.alarms.store import list_alarms, show, standing
from monitor.errors import RequestRefused
from monitor.model import Event
from monitor.notices import Notice, OutboxRow
from monitor.ports import Batch
from tests.alarms.household import FORCED, LEAK, LOW, House, site
from tests.rules.build import event, reading


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

    def ask(db: sqlite3.Connection) -> list[tuple[bool, bool, bool, str | None]]:
        return [standing(db, occurrence), standing(db, "nonsense")]

    assert await house.state.transact(ask) == [(False, False, False, ""), (False, False, False, None)]


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
