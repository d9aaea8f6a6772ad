"""What users of other systems complain about most, one test for each: it must not happen here."""

from pathlib import Path

import pytest
import yaml

from monitor.alarms.store import list_alarms, standing
from monitor.health.itself import _COUNTS
from monitor.model import Derived
from monitor.notify import store
from monitor.notify.store import Outcome
from monitor.schema import MEASUREMENT_MONITOR, MONITOR_DEVICE
from tests.alarms import household
from tests.alarms.household import House, site
from tests.alarms.test_held import ask, house, send
from tests.cli.running import command
from tests.docs.pages import ROOT
from tests.rules.build import START, device, reading
from tests.trials.past import load, recorded
from tests.trials.site import SITE

__all__ = ["house"]

SECOND = 1000
MINUTE = 60_000
LOW = {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V", "severity": "high"}
KEY = "low/meter/voltage_v"
OPEN = {"id": "held", "kind": "state", "point": "open", "is": True, "on_delay": "1 min", "severity": "high"}


async def test_state_is_not_lost_at_a_restart_or_reload(house: House) -> None:
    delayed = {**LOW, "on_delay": "20 s"}
    async with house.running(site(delayed)):
        await house.say(reading(0, 200.0), at=0)
        await house.say(reading(10 * SECOND, 200.0), at=10 * SECOND)
    async with house.running(site(delayed)):  # a delay under way
        await house.say(reading(11 * SECOND, 200.0), at=11 * SECOND)
        await house.say(reading(22 * SECOND, 200.0), at=22 * SECOND)
        raised = (await list_alarms(house.state))[0]
        first = await send(house, 23 * SECOND)
    async with house.running(site({**delayed, "below": "206 V"})):  # an escalation under way, and a reload
        await house.pass_time(5 * MINUTE)
        second = await send(house, 11 * MINUTE)
        await house.say(ask(12 * MINUTE, "acknowledge", KEY), at=12 * MINUTE)
        await house.say(ask(13 * MINUTE, "shelve", KEY, for_s=3600.0), at=13 * MINUTE)
    async with house.running(site(delayed)):  # an acknowledgement and a shelf
        await house.pass_time(14 * MINUTE)
        kept = (await list_alarms(house.state))[0]

    assert (first, second) == (["ana: raise"], ["ben: raise"])
    assert kept.occurrence == raised.occurrence
    assert (kept.response, kept.suppression, kept.acknowledged_by) == ("acked", ("shelved",), "ben")


async def test_cleared_is_told_and_never_because_data_went_missing(house: House) -> None:
    async with house.running(site(LOW)):
        await house.say(reading(0, 200.0), at=0)
        await send(house, SECOND)
        for minute in range(1, 9):
            await house.say(reading(minute * MINUTE, None), at=minute * MINUTE)
        silent = (await list_alarms(house.state))[0]
        nothing = await send(house, 9 * MINUTE)
        await house.say(reading(9 * MINUTE + SECOND, 230.0), at=9 * MINUTE + SECOND)
        told = await send(house, 9 * MINUTE + 2 * SECOND)

    assert (silent.state, nothing, told) == ("active", [], ["ana: clear"])


async def test_to_acknowledge_is_not_to_silence(house: House) -> None:
    levels = [{"below": "207 V", "severity": "medium"}, {"below": "190 V", "severity": "critical"}]
    steps = {"id": "low", "kind": "threshold", "point": "voltage_v", "levels": levels, "re_alarm": "30 min"}
    async with house.running(site(steps)):
        await house.say(reading(0, 200.0), at=0)
        said = [await send(house, SECOND)]
        await house.say(ask(2 * SECOND, "acknowledge", KEY), at=2 * SECOND)
        said.append(await send(house, 3 * SECOND))
        await house.say(reading(10 * SECOND, 180.0), at=10 * SECOND)  # it gets worse
        said.append(await send(house, 11 * SECOND))
        await house.say(ask(12 * SECOND, "acknowledge", KEY), at=12 * SECOND)
        await send(house, 13 * SECOND)
        await house.pass_time(31 * MINUTE)  # it is still there
        said.append(await send(house, 31 * MINUTE))
        await house.say(reading(32 * MINUTE, 230.0), at=32 * MINUTE)
        said.append(await send(house, 32 * MINUTE + SECOND))

    assert said[0] == ["ana: raise"]
    assert said[2] == ["ana: severity"]
    assert "ana: raise" in said[3]
    assert "ana: clear" in said[4]


async def test_a_door_left_open_that_says_nothing_more_is_told_in_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = {"door": device("door", every=None, points=["open"], device_class="door")}
    monkeypatch.setattr(household, "DEVICES", door)
    async with house.running(site(OPEN)):
        await house.say(reading(0, value=True, point="open", id="door"), at=0)
        before = await list_alarms(house.state)
        house.clock.advance(60_200)
        await house.until(lambda: list_alarms(house.state))
        told = await send(house, 61 * SECOND)

    assert (before, told) == ([], ["ana: raise"])
    assert (await list_alarms(house.state))[0].raised_at == START + 60 * SECOND


async def test_a_message_that_fails_is_seen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    itself = device(MONITOR_DEVICE, points=["notify_failed"])
    monkeypatch.setattr(household, "DEVICES", {**household.DEVICES, MONITOR_DEVICE: itself})
    text = (ROOT / "config" / "rules" / "monitor.yaml").read_text("utf-8")
    stock = next(one for one in yaml.safe_load(text) if one["id"] == "monitor-notifications")

    async with house.running(site(LOW, stock)):
        await house.say(reading(0, 200.0), at=0)
        (attempt,) = await house.state.transact(
            lambda db: store.take(db, now=START + SECOND, busy=(), most=9, standing=standing)
        )
        dead = Outcome(state="dead", error="550 no such user", refused=True)
        await house.state.transact(lambda db: store.mark(db, attempt, dead, START + SECOND))
        for minute in range(1, 8):
            now = START + minute * MINUTE
            (counts,) = await house.state.query(_COUNTS, {"now": now, "hour": 3_600_000})
            report = Derived(
                producer="itself",
                key="",
                device=MONITOR_DEVICE,
                time=now,
                measurement=MEASUREMENT_MONITOR,
                values={"notify_failed": float(counts["notify_failed"])},
            )
            await house.say(report, at=minute * MINUTE)
        alarms = {one.rule: (one.state, one.severity) for one in await list_alarms(house.state)}
        told = await house.state.query("SELECT body FROM outbox WHERE state = 'queued' AND person = 'ana'")

    assert alarms["monitor-notifications"] == ("active", "high")
    assert any("monitor-notifications" in row["body"] for row in told)


async def test_what_happens_when_a_shelf_or_maintenance_ends_is_that_people_are_told_at_once(house: House) -> None:
    for kind, target, begin in (("shelve", KEY, 0), ("maintenance_add", "work", 30 * MINUTE)):
        async with house.running(site(LOW)):
            more = {} if kind == "shelve" else {"starts": float(START + begin + 1)}
            await house.say(ask(begin + 1, kind, target, for_s=600.0, **more), at=begin + 1)
            await house.say(reading(begin + MINUTE, 200.0), at=begin + MINUTE)
            held = await send(house, begin + 2 * MINUTE)
            await house.pass_time(begin + 10 * MINUTE + 2)
            told = await send(house, begin + 10 * MINUTE + 2)
            await house.say(reading(begin + 11 * MINUTE, 230.0), at=begin + 11 * MINUTE)
            await send(house, begin + 11 * MINUTE)

        assert (kind, held, told) == (kind, [], ["ana: raise"])


async def test_a_rule_can_be_tested_and_tried_on_what_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    past = tmp_path / "past"
    past.mkdir()
    _, made = load(past)
    lived = await recorded(past, made)

    tested = await command("rules", "test", "--site", str(tmp_path / "site.yaml"))
    span = ("--from", "2026-01-05 18:00", "--to", "2026-01-06 05:00")
    tried = await command("rules", "backtest", "--state", past, "--site", past / "site.yaml", *span, "--json")

    assert (tested.code, tested.out.strip().splitlines()[-1]) == (0, "1 passed, 0 failed")
    played = {one["occurrence"] for one in tried.json[0]["occurrences"]}
    assert played == {one["occurrence"] for one in lived if one["cause"] == "raised"}
