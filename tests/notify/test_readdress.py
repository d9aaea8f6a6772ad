"""Who is on call when a message is sent gets it: on the real state, as the notifier takes it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from monitor.duty import Override, Roster
from monitor.journal.state import State
from monitor.model import Severity
from monitor.notices import NoticeKind
from monitor.notify import store
from monitor.notify.attempt import Attempt
from monitor.notify.readdress import Readdress
from monitor.notify.standins import StandIns
from monitor.site import Site
from monitor.staff import Step
from tests.notify.house import MINUTE, NOW, insert, person, rows, site

PEOPLE = [person("ana", mail="mailto://a", phone="json://a"), person("ben", mail="mailto://b"), person("cy")]


def house(*steps: Step, **people: Any) -> Site:
    """Ana is on call, as the site file has it; later Ben."""
    made = site(*PEOPLE)
    shifts = [("ana", -600, 60), ("ben", 60, 600)]
    overrides = tuple(
        Override(roster="duty", person=name, starts=NOW + start * MINUTE, ends=NOW + end * MINUTE)
        for name, start, end in shifts
    )
    team = replace(made.notify.teams["house"], escalation=steps or (Step(after=0, notify=("duty",)),))
    rosters = {"duty": Roster(id="duty", overrides=overrides)}
    known = {one.id: replace(one, **people.get(one.id, {})) for one in PEOPLE}
    return replace(made, notify=replace(made.notify, people=known, rosters=rosters, teams={"house": team}))


class Desk:
    """The outbox of a state, what is said of rosters, and how the alarm stands."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.site = house()
        self.standing = (False, False, False)

    async def tell(self, kind: NoticeKind, **changes: object) -> None:
        await self.state.transact(lambda db: insert(db, rows(self.site, kind, **changes), NOW))

    async def say(self, who: str, start: int = -60, end: int = 60) -> None:
        await self.state.transact(
            lambda db: db.execute(
                "INSERT INTO duty_override (id, roster, person, starts, ends, by, reason)"
                " VALUES ((SELECT 'c' || count(*) FROM duty_override), 'duty', ?, ?, ?, 'dora', 'ill')",
                (who, NOW + start * MINUTE, NOW + end * MINUTE),
            )
        )

    async def take(self, minute: float = 0) -> list[tuple[str, str, str]]:
        now = NOW + round(minute * MINUTE)
        stand_ins = StandIns()

        def work(db: Any) -> Sequence[Attempt]:
            stand_ins.refresh(db, now)
            divert = Readdress(self.site, stand_ins)
            found = store.take(db, now=now, busy=(), most=9, standing=lambda *_: self.standing, divert=divert)
            for one in found:
                store.mark(db, one, store.Outcome(state="sent"), now)
            return found

        return [(one.kind, *one.lane) for one in await self.state.transact(work)]

    async def rows(self) -> list[tuple[str, str, str, str]]:
        found = await self.state.query("SELECT * FROM outbox ORDER BY id")
        return [
            (row["kind"], f"{row['person']}/{row['channel']}", row["state"], row["last_error"] or "")
            for row in found
        ]

    async def set(self, sql: str) -> None:
        await self.state.transact(lambda db: db.execute(f"UPDATE outbox SET {sql}"))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    state = State.open(tmp_path / "state.db")
    yield Desk(state)
    await state.close()


async def test_who_is_on_call_as_planned_gets_it(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)

    assert await desk.take() == [("raise", "ana", "mail"), ("raise", "ana", "phone")]


async def test_after_an_override_it_goes_to_who_stands_in_and_says_so(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)
    await desk.say("ben")

    assert await desk.take() == [("raise", "ben", "mail")]
    reason = "on call by now: ben stands in, said dora: ill"
    assert await desk.rows() == [
        ("raise", "ana/mail", "superseded", reason),
        ("raise", "ana/phone", "superseded", reason),
        ("raise", "ben/mail", "sent", ""),
    ]
    (body,) = await desk.state.query("SELECT body FROM outbox WHERE person = 'ben'")
    assert orjson.loads(body["body"])["why"]["reason"] == "ben stands in, said dora: ill"


async def test_after_a_hand_over_a_message_that_could_not_be_sent_goes_to_the_next(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)
    await desk.set("state = 'failed', attempts = 3")

    assert await desk.take(61) == [("raise", "ben", "mail")]


async def test_what_may_have_arrived_stays_with_its_person(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)
    await desk.set("state = 'failed', attempts = 1, maybe_delivered = 1")
    await desk.say("ben")

    assert {lane for _, lane, _ in await desk.take()} == {"ana"}


async def test_somebody_without_a_channel_or_who_left_takes_nothing_over(desk: Desk) -> None:
    for name in ("cy", "ghost"):
        await desk.say(name)
    await desk.tell(NoticeKind.RAISE)

    assert {lane for _, lane, _ in await desk.take()} == {"ana"}


async def test_when_nobody_is_on_call_any_more_it_stays_with_its_person(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)
    await desk.set("state = 'failed'")

    assert {lane for _, lane, _ in await desk.take(601)} == {"ana"}


async def test_who_was_to_be_told_by_a_later_step_is_told_now(desk: Desk) -> None:
    desk.site = house(Step(after=0, notify=("duty",)), Step(after=900, notify=("ben",)))
    await desk.tell(NoticeKind.RAISE)
    await desk.say("ben")

    assert await desk.take() == [("raise", "ben", "mail")]
    assert await desk.take(20) == []


async def test_who_has_it_already_gets_nothing_twice(desk: Desk) -> None:
    desk.site = house(Step(after=0, notify=("ben",)), Step(after=900, notify=("duty",)))
    await desk.tell(NoticeKind.RAISE)
    first = await desk.take()
    await desk.say("ben")

    assert first == [("raise", "ben", "mail")]
    assert await desk.take(20) == []
    assert [(lane, state) for _, lane, state, _ in await desk.rows()] == [
        ("ben/mail", "sent"),
        ("ana/mail", "superseded"),
        ("ana/phone", "superseded"),
    ]


async def test_it_comes_back_when_the_override_is_taken_back(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)
    await desk.say("ben")
    await desk.state.transact(lambda db: _divert_only(db, desk.site, "ana"))
    await desk.say("ana")

    assert await desk.take() == [("raise", "ana", "mail"), ("raise", "ana", "phone")]
    assert [(lane, state) for _, lane, state, _ in await desk.rows()] == [
        ("ana/mail", "sent"),
        ("ana/phone", "sent"),
        ("ben/mail", "superseded"),
    ]


def _divert_only(db: Any, settings: Site, who: str) -> None:
    """What the notifier does just before it would send."""
    stand_ins = StandIns()
    stand_ins.refresh(db, NOW)
    divert = Readdress(settings, stand_ins)
    for row in db.execute("SELECT * FROM outbox WHERE person = ?", (who,)).fetchall():
        assert divert(db, row, orjson.loads(row["body"]), NOW)


@pytest.mark.parametrize(("severity", "sent"), [("high", [("raise", "ben", "mail")]), ("low", [])])
async def test_an_end_that_waits_goes_with_it(desk: Desk, severity: Severity, sent: Sequence[object]) -> None:
    await desk.tell(NoticeKind.RAISE, severity=severity)
    told = frozenset({("ana", "mail"), ("ana", "phone")})
    await desk.tell(NoticeKind.CLEAR, severity=severity, told=told, number=2, time=NOW)
    desk.standing = (False, True, False)
    await desk.say("ben")

    found = await desk.take()
    later = await desk.take(2)

    assert [*found, *later] == sent  # both in one message, or nothing where it is not worth it
    assert all(state in {"sent", "superseded"} for _, _, state, _ in await desk.rows())


async def test_who_was_told_hears_of_the_end_after_a_hand_over(desk: Desk) -> None:
    desk.site = house(Step(after=0, notify=("duty",)), Step(after=900, notify=("duty",)))
    await desk.tell(NoticeKind.RAISE)
    assert {lane for _, lane, _ in await desk.take()} == {"ana"}
    told = frozenset({("ana", "mail"), ("ana", "phone")})
    await desk.tell(NoticeKind.CLEAR, told=told, number=2, time=NOW + 70 * MINUTE)

    assert await desk.take(71) == [("clear", "ana", "mail"), ("clear", "ana", "phone")]


async def test_the_step_and_the_severity_choose_the_channels_of_who_takes_over(desk: Desk) -> None:
    desk.site = house(
        Step(after=0, notify=("duty",), channels=("phone", "mail")), ana={"over": {"high": ("phone",)}}
    )
    await desk.tell(NoticeKind.RAISE)
    await desk.set("state = 'queued', person = 'ben', channel = 'mail'")
    await desk.say("ana")

    assert await desk.take() == [("raise", "ana", "phone")]


async def test_who_was_told_in_the_place_of_another_hears_of_the_end_alone(desk: Desk) -> None:
    await desk.tell(NoticeKind.RAISE)
    await desk.say("ben")
    assert await desk.take() == [("raise", "ben", "mail")]
    told = frozenset({("ana", "mail"), ("ana", "phone"), ("ben", "mail")})
    await desk.tell(NoticeKind.CLEAR, told=told, number=2, time=NOW + MINUTE)

    assert await desk.take(2) == [("clear", "ben", "mail")]


# Repeats, as the outbox takes them -------------------------------------------------------------------------


def repeated(**people: Any) -> Site:
    made = house(Step(after=0, notify=("duty",)), Step(after=900, notify=("ben",)), **people)
    team = replace(made.notify.teams["house"], repeat=2, repeat_every=600.0)
    return replace(made, notify=replace(made.notify, teams={"house": team}))


async def test_the_last_step_is_told_again_while_nobody_acknowledges(desk: Desk) -> None:
    desk.site = repeated()
    await desk.tell(NoticeKind.RAISE)

    found = [await desk.take(minute) for minute in (0, 15, 24, 25, 35, 90)]

    ben = [("raise", "ben", "mail")]
    assert found == [[("raise", "ana", "mail"), ("raise", "ana", "phone")], ben, [], ben, ben, []]


async def test_an_acknowledgement_ends_the_repeats(desk: Desk) -> None:
    desk.site = repeated()
    await desk.tell(NoticeKind.RAISE)
    assert [await desk.take(minute) for minute in (0, 15)][1] == [("raise", "ben", "mail")]
    desk.standing = (True, False, False)

    assert [await desk.take(minute) for minute in (25, 35)] == [[], []]
    assert (await desk.rows())[-1][2:] == ("superseded", "the alarm was acknowledged")


async def test_a_repeat_goes_to_whoever_is_on_call_by_then(desk: Desk) -> None:
    made = house()
    team = replace(made.notify.teams["house"], repeat=1, repeat_every=600.0)
    desk.site = replace(made, notify=replace(made.notify, teams={"house": team}))
    await desk.tell(NoticeKind.RAISE)
    assert {lane for _, lane, _ in await desk.take()} == {"ana"}
    await desk.say("ben", start=5)

    assert await desk.take(10) == [("raise", "ben", "mail")]
