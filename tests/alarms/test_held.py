"""What is held back, in a real journal and a real state: who is told, what is dropped, what outlives a kill."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from monitor.alarms.past import Past
from monitor.alarms.store import list_alarms, list_rules, standing
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command
from monitor.notices import Notice, NoticeKind, OutboxRow
from monitor.notify import store
from monitor.notify.store import Outcome
from monitor.site import Rule, Site
from tests.alarms import household
from tests.alarms.household import House, site
from tests.clock import ManualClock
from tests.rules.build import START, device, reading, rule

if TYPE_CHECKING:
    from monitor.notify.attempt import Attempt

MINUTE = 60_000
HOUR = 60 * MINUTE
FAULT = {"id": "leak", "kind": "state", "point": "alarm", "is": True, "severity": "high", "ack": "not_required"}
KEY = "leak/sensor/alarm"


@pytest.fixture
def house(journal: SqliteJournal, state: State, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(household, "to_ana", to_ana_then_ben)
    return House(journal, state, clock)


def to_ana_then_ben(notice: Notice) -> Sequence[OutboxRow]:
    """Ana at once, and Ben ten minutes later; afterwards whoever was told."""
    step = notice.transition
    alarming = notice.kind in {NoticeKind.RAISE, NoticeKind.SEVERITY, NoticeKind.CHATTER}
    begin = notice.raised_at if step.cause == "raised" else step.time
    body = {
        "rule": {"id": notice.rule.id, "name": notice.rule.id, "kind": notice.rule.kind},
        "device": {"id": step.device, "name": step.device},
        "time": step.time,
        "since": notice.raised_at,
        "gather": notice.gather,
        "after": notice.wait,
    }
    row = OutboxRow(
        notification_id=f"{step.occurrence}:{notice.kind}:{step.number}",
        occurrence=step.occurrence,
        kind=notice.kind,
        person="ana",
        channel="mail",
        step=0,
        severity=step.severity,
        not_before=begin + notice.wait,
        expires=begin + 12 * HOUR,
        body=body,
    )
    if not alarming:
        return [replace(row, person=person, channel=channel) for person, channel in sorted(notice.told)]
    after = 10 * MINUTE + notice.wait
    later = replace(row, person="ben", step=1, not_before=begin + after, body={**body, "after": after})
    return [row] if notice.kind is NoticeKind.CHATTER else [row, later]


def alarm(at: int, *, value: bool) -> object:
    return reading(at, value=value, point="alarm", id="sensor")


def ask(at: int, kind: str, target: str = KEY, **arguments: float | str) -> Command:
    return Command(
        id=f"{kind}-{at}", time=START + at, by="ben", kind=kind, target=target, arguments=arguments, reason="work"
    )


async def send(house: House, at: int) -> list[str]:
    """Send everything that is due, as the notifier does; answers `person: kind` and how many more it was."""
    house.clock.time = START + at
    said: list[str] = []
    while True:
        taken: Sequence[Attempt] = await house.state.transact(
            lambda db: store.take(db, now=START + at, busy=(), most=9, standing=standing)
        )
        if not taken:
            return said
        for one in taken:
            more = f" and {len(one.gathered)} more" if one.gathered else ""
            combined = " and its end" if one.cleared is not None else ""
            said.append(f"{one.lane[0]}: {one.kind}{more}{combined}")
            await house.state.transact(
                lambda db, one=one: store.mark(db, one, Outcome(state="sent"), START + at)  # type: ignore[misc]
            )


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="A shelf holds, and ends when it should; what is still there is told then.",
)
async def test_a_shelf_outlives_a_kill_and_its_end_is_told(house: House) -> None:
    async with house.running(site(FAULT)):
        await house.say(ask(0, "shelve", for_s=600.0), at=0)
        await house.say(alarm(1000, value=True), at=1000)  # type: ignore[arg-type]
        shelved = (await list_alarms(house.state))[0]
    async with house.running(site(FAULT)):
        await house.pass_time(5 * MINUTE)
        held = await send(house, 5 * MINUTE)
        await house.pass_time(10 * MINUTE)
        await house.applied()
        over = (await list_alarms(house.state))[0]
        told = await send(house, 10 * MINUTE + 1000)
        await house.say(alarm(11 * MINUTE, value=False), at=11 * MINUTE)  # type: ignore[arg-type]
        end = await send(house, 11 * MINUTE)

    assert (shelved.state, shelved.response, shelved.isa, shelved.suppression) == (
        "active", "unacked", "G", ("shelved",),
    )  # fmt: skip
    assert (over.isa, over.suppression, over.reason) == ("B", (), "shelf expired")
    assert (held, told, end) == ([], ["ana: raise"], ["ana: clear"])


async def test_what_is_done_to_a_clear_alarm_is_no_raise_and_what_nobody_is_shown_no_burden(house: House) -> None:
    async def figures(at: int) -> tuple[list[int], list[tuple[int, int, int]]]:
        record = await Past(house.state).record(START - HOUR, START + at + 1)
        rules = await list_rules(house.state, site(FAULT).rules.values(), failing={}, learning=(), now=START + at)
        shown = [one.raised - START for one in record.episodes]
        return shown, [(one.open, one.raised_7_days, one.raised_30_days) for one in rules]

    async with house.running(site(FAULT)):
        await house.say(ask(0, "shelve", for_s=600.0), at=0)
        clear = await figures(0)
        await house.say(alarm(MINUTE, value=True), at=MINUTE)  # type: ignore[arg-type]
        held = await figures(MINUTE)
        await house.say(ask(2 * MINUTE, "unshelve"), at=2 * MINUTE)
        shown = await figures(2 * MINUTE)
        await house.say(alarm(3 * MINUTE, value=False), at=3 * MINUTE)  # type: ignore[arg-type]
        await house.say(ask(4 * MINUTE, "acknowledge"), at=4 * MINUTE)
        await house.say(ask(5 * MINUTE, "out_of_service", review_at=float(START + HOUR)), at=5 * MINUTE)
        await house.say(alarm(6 * MINUTE, value=True), at=6 * MINUTE)  # type: ignore[arg-type]
        await house.say(alarm(7 * MINUTE, value=False), at=7 * MINUTE)  # type: ignore[arg-type]
        unseen = await figures(7 * MINUTE)

    assert clear == ([], [(0, 0, 0)])
    assert held == ([], [(1, 1, 1)])
    assert shown == ([2 * MINUTE], [(1, 1, 1)])
    assert unseen == ([2 * MINUTE], [(0, 2, 2)])


async def test_later_steps_are_dropped_on_the_shelf_and_begin_anew_behind_it(house: House) -> None:
    async with house.running(site(FAULT)):
        await house.say(alarm(0, value=True), at=0)  # type: ignore[arg-type]
        first = await send(house, 1000)
        await house.say(ask(MINUTE, "shelve", for_s=1800.0), at=MINUTE)
        await house.applied()
        on_shelf = await send(house, 12 * MINUTE)
        reminded: list[str] = []
        await house.pass_time(29 * MINUTE)
        await house.applied()
        reminded = await send(house, 29 * MINUTE)
        await house.pass_time(31 * MINUTE)
        await house.applied()
        again = await send(house, 31 * MINUTE + 500)
        soon = await send(house, 40 * MINUTE)
        later = await send(house, 42 * MINUTE)

    assert (first, on_shelf, reminded) == (["ana: raise"], [], ["ana: shelf_expiring"])
    assert (again, soon, later) == (["ana: raise"], [], ["ben: raise"])
    dropped = await house.state.query("SELECT last_error FROM outbox WHERE state = 'superseded' ORDER BY id")
    assert [row["last_error"] for row in dropped] == [
        "the alarm was shelved, suppressed or taken out of service",
        "this person was never told of the alarm",  # Ben, that its shelf ends
    ]


async def test_the_end_reaches_exactly_who_was_told_before_the_shelf(house: House) -> None:
    async with house.running(site(FAULT)):
        await house.say(alarm(0, value=True), at=0)  # type: ignore[arg-type]
        first = await send(house, 1000)
        await house.say(ask(MINUTE, "shelve", for_s=1800.0), at=MINUTE)
        await house.applied()
        await send(house, 12 * MINUTE)
        await house.say(alarm(13 * MINUTE, value=False), at=13 * MINUTE)  # type: ignore[arg-type]
        end = await send(house, 13 * MINUTE)

    assert (first, end) == (["ana: raise"], ["ana: clear"])


async def test_a_raise_that_was_not_sent_yet_is_retracted_by_what_explains_it(house: House) -> None:
    rules = [FAULT, {**FAULT, "id": "dead", "point": "fault"}]
    devices = {"sensor": device("sensor", points=["alarm", "fault"], device_class="safety")}
    made = [rule(one, devices) for one in rules]
    made[0] = replace(made[0], depends_on=("dead",))
    async with house.running(_house(devices, made)):
        await house.say(alarm(0, value=True), at=0)  # type: ignore[arg-type]
        await house.say(reading(500, value=True, point="fault", id="sensor"), at=500)
        told = await send(house, 1000)
        await house.say(
            reading(20_000, value=False, point="fault", id="sensor"), alarm(20_000, value=False), at=20_000
        )  # type: ignore[arg-type]
        end = await send(house, 21_000)

    assert (told, end) == (["ana: raise"], ["ana: clear"])
    shown = {view.rule: view for view in await list_alarms(house.state, include_cleared=True)}
    assert [row["rule"] for row in await house.state.query("SELECT rule FROM alarm ORDER BY rule")] == [
        "dead",
        "leak",
    ]
    assert shown["leak"].suppression == ()


def _house(devices: dict[str, object], rules: Sequence[Rule]) -> Site:
    return Site(
        id="s",
        name="S",
        timezone=ZoneInfo("UTC"),
        devices=devices,  # type: ignore[arg-type]
        rules={each.id: each for each in rules},
    )


def _tanks(count: int, severity: str = "medium") -> Site:
    devices = {f"tank-{number}": device(f"tank-{number}", points=["level_m"]) for number in range(count)}
    dry = {
        "id": "dry",
        "kind": "threshold",
        "point": "level_m",
        "below": "1 m",
        "ack": "not_required",
        "severity": severity,
    }
    return _house(devices, [rule(dry, devices)])  # type: ignore[arg-type]


def _levels(at: int, count: int, level: float) -> list[object]:
    return [reading(at, level, point="level_m", id=f"tank-{number}") for number in range(count)]


async def test_in_a_flood_alarms_are_one_message_and_each_has_its_own_end(house: House) -> None:
    async with house.running(_tanks(30)):
        await house.say(*_levels(0, 30, 0.5), at=0)  # type: ignore[arg-type]
        assert house.alarms is not None
        flooding = house.alarms.status()["flooding"]
        singly = await send(house, 1000)
        gathered = await send(house, 5 * MINUTE)
        await house.say(*_levels(6 * MINUTE, 30, 2.0), at=6 * MINUTE)  # type: ignore[arg-type]
        ends = await send(house, 6 * MINUTE)
        await house.pass_time(11 * MINUTE)
        over = house.alarms.status()["flooding"]

    assert (flooding, over) == (True, False)
    assert singly == ["ana: raise"] * 10
    assert gathered == ["ana: raise and 19 more"]
    assert ends == ["ana: clear"] * 30


async def test_a_message_about_many_that_fails_is_tried_again_with_all_of_them(house: House) -> None:
    async with house.running(_tanks(14)):
        await house.say(*_levels(0, 14, 0.5), at=0)  # type: ignore[arg-type]
        await send(house, 1000)
        failed = Outcome(state="failed", error="no route", next_at=START + 6 * MINUTE)
        for state in (failed, None):  # once the service fails, once the program is killed while it sends
            at = (5 if state else 6) * MINUTE
            (one,) = await house.state.transact(
                lambda db, at=at: store.take(db, now=START + at, busy=(), most=9, standing=standing)  # type: ignore[misc]
            )
            assert len(one.gathered) == 3
            if state:
                await house.state.transact(
                    lambda db, one=one, state=state: store.mark(db, one, state, START + 5 * MINUTE)  # type: ignore[misc]
                )
        await house.state.transact(lambda db: store.begin_again(db, START + 7 * MINUTE))
        again = await send(house, 7 * MINUTE)

    assert again == ["ana: raise and 3 more"]
    states = await house.state.query("SELECT DISTINCT state FROM outbox WHERE person = 'ana'")
    assert [row["state"] for row in states] == ["sent"]


async def test_what_cleared_before_it_was_gathered_is_told_as_over_or_not_at_all(house: House) -> None:
    async with house.running(_tanks(13, severity="high")):
        await house.say(*_levels(0, 13, 0.5), at=0)  # type: ignore[arg-type]
        await send(house, 1000)
        await house.say(reading(MINUTE, 2.0, point="level_m", id="tank-12"), at=MINUTE)
        await send(house, 2 * MINUTE)
        told = await send(house, 5 * MINUTE)
        later = await send(house, 6 * MINUTE)

    assert len(told) == 1
    assert "and 2 more" in told[0]
    assert later == []


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="What is still there after maintenance is one message, also when that ended while nothing ran.",
)
async def test_what_is_still_there_after_maintenance_is_one_message(house: House) -> None:
    wanted = ask(0, "maintenance_add", "tanks", starts=float(START - 1), for_s=600.0)
    async with house.running(_tanks(6)):
        await house.say(wanted, at=0)
        await house.say(*_levels(1000, 6, 0.5), at=1000)  # type: ignore[arg-type]
        held = await send(house, MINUTE)
        await house.say(reading(2 * MINUTE, 2.0, point="level_m", id="tank-0"), at=2 * MINUTE)
    house.clock.time = START + 20 * MINUTE
    async with house.running(_tanks(6)):
        await house.pass_time(20 * MINUTE)
        await house.applied()
        told = await send(house, 20 * MINUTE + 1000)

    assert (held, told) == ([], ["ana: raise and 4 more"])
    assert await house.state.query("SELECT 1 FROM rule_memory WHERE area = 'window'") == []


async def test_chatter_is_told_once_and_its_end_too(house: House) -> None:
    async with house.running(site({**FAULT, "severity": "medium"})):
        said: list[str] = []
        for number in range(10):
            at = number * 5000
            await house.say(alarm(at, value=number % 2 == 0), at=at)  # type: ignore[arg-type]
            said += await send(house, at)
        await house.pass_time(31 * MINUTE)
        await house.applied()
        end = await send(house, 31 * MINUTE)

    assert said == ["ana: raise", "ana: clear", "ana: raise", "ana: clear", "ana: chatter"]
    assert end == ["ana: clear"]
    assert len(await list_alarms(house.state, include_cleared=True)) == 5


@pytest.mark.fault(
    "monitor off",
    part="rules and alarms",
    outcome="What ended meanwhile is cleared once, and told to whoever had been told.",
)
async def test_what_ended_while_the_monitor_was_off_is_cleared_exactly_once(house: House) -> None:
    async with house.running(site(FAULT)):
        await house.say(alarm(0, value=True), at=0)  # type: ignore[arg-type]
        first = await send(house, 1000)
    house.clock.time = START + HOUR
    said: list[str] = []
    for number in range(3):
        async with house.running(site(FAULT), fed=number == 2):
            at = HOUR + number * MINUTE
            await house.say(alarm(at, value=False), at=at)  # type: ignore[arg-type]
            said += await send(house, at)
    await house.settled()

    assert (first, said) == (["ana: raise"], ["ana: clear"])
    assert [step.cause for step in await house.transitions()] == ["raised", "cleared"]


async def test_a_flood_and_a_re_alarm_outlive_a_kill(house: House) -> None:
    async with house.running(site({**FAULT, "re_alarm": "1 h"})):
        await house.say(alarm(0, value=True), at=0)  # type: ignore[arg-type]
        await send(house, 1000)
        await house.say(ask(2000, "acknowledge"), at=2000)
    house.clock.time = START + 2 * HOUR
    async with house.running(site({**FAULT, "re_alarm": "1 h"})):
        await house.pass_time(2 * HOUR)
        await house.applied()
        told = await send(house, 2 * HOUR + 1000)
        again = (await list_alarms(house.state))[0]

    assert "ana: raise" in told
    assert (again.response, again.reason) == ("unacked", "still there")


async def test_a_rule_that_is_gone_takes_its_shelf_along(house: House) -> None:
    forced = {"id": "forced", "kind": "event", "event": "forced"}
    async with house.running(site(FAULT, household.LOW, forced)):
        await house.say(alarm(0, value=True), at=0)  # type: ignore[arg-type]
        for at, key in enumerate((KEY, "low/meter/voltage_v", "forced/door"), 1):
            await house.say(ask(at, "shelve", key, for_s=600.0), at=at)
    async with house.running(site({**FAULT, "id": "other"})):
        await house.pass_time(1000)
        await house.applied()
    gone = await list_alarms(house.state, include_cleared=True)

    assert {
        view.rule: (view.state, view.response, view.suppression, view.reason) for view in gone
    } == dict.fromkeys(("leak", "low", "forced"), ("clear", "none", (), "rule_deleted"))
    assert await house.state.query("SELECT 1 FROM rule_memory WHERE area = 'alarm'") == []


async def test_an_edited_rule_judges_its_alarm_by_its_new_levels(house: House) -> None:
    levels = [{"below": "207 V", "severity": "medium"}, {"below": "190 V", "severity": "critical"}]
    edited = [{"below": "208 V", "severity": "low"}, {"below": "207 V", "severity": "high"}, *levels[1:]]
    low = {"id": "low", "kind": "threshold", "point": "voltage_v"}
    async with house.running(site({**low, "levels": levels})):
        await house.say(reading(0, 200.0), at=0)
        before = (await list_alarms(house.state))[0]
    async with house.running(site({**low, "levels": edited})):
        await house.pass_time(500)
        kept = (await list_alarms(house.state))[0]
        await house.say(reading(1000, 200.0), at=1000)
        after = (await list_alarms(house.state))[0]

    assert (before.severity, kept.severity, after.severity) == ("medium", "medium", "high")
    assert before.occurrence == after.occurrence


async def test_what_was_only_shelved_counts_as_raised_nowhere(house: House) -> None:
    settings = site(FAULT)
    async with house.running(settings):
        await house.say(alarm(0, value=False), at=0)  # type: ignore[arg-type]
        await house.say(ask(MINUTE, "shelve", for_s=1800.0), at=MINUTE)
        held = await list_alarms(house.state, include_cleared=True)
        await house.say(ask(2 * MINUTE, "unshelve"), at=2 * MINUTE)
        past = await Past(house.state).record(START, START + HOUR)
        rules = settings.rules.values()
        found = await list_rules(house.state, rules, failing={}, learning=(), now=START + HOUR)

    assert [(one.state, one.suppression) for one in held] == [("clear", ("shelved",))]
    assert past.episodes == []
    assert [(each.raised_7_days, each.raised_30_days) for each in found] == [(0, 0)]
