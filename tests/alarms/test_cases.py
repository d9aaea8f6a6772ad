"""What people do about alarms after they were told: booked once, in order, and told to who was given one."""

import sqlite3
from collections.abc import Sequence

import orjson
import pytest

from monitor.alarms import casework, keep
from monitor.alarms.cases import Case, Earlier, cases_of, comments_of, open_cases
from monitor.alarms.commands import command
from monitor.alarms.past import Past
from monitor.alarms.store import list_alarms, show, standing
from monitor.causes import CAUSES
from monitor.errors import RequestRefused
from monitor.model import Command
from monitor.notify import store
from monitor.notify.routing import make_router
from monitor.notify.store import Outcome
from monitor.site import Site
from monitor.staff import Notify, Person, Route, Team
from tests.alarms import household
from tests.alarms.household import LEAK, LOW, House
from tests.rules.build import START, reading

DAY = 86_400_000
SITE = household.site({**LOW, "on_delay": "0 s", "response": "Check the breaker."})
PEOPLE = {
    "ana": Person(id="ana", name="Ana", language="en", channels={"mail": "json://a", "chat": "json://b"}),
    "ben": Person(id="ben", name="Ben", language="zh", channels={"mail": "json://c"}),
    "eva": Person(id="eva", name="Eva", language="en", channels={}),
}
TOLD = Site(
    id=SITE.id,
    name=SITE.name,
    timezone=SITE.timezone,
    devices=SITE.devices,
    rules=SITE.rules,
    notify=Notify(
        people=PEOPLE,
        teams={"house": Team(id="house", members=("ana",), escalation=())},
        routes=(Route(team="house"),),
    ),
)


@pytest.fixture(autouse=True)
def real_routing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(household, "to_ana", make_router(TOLD))


async def _raise(house: House, at: int = 0) -> str:
    await house.say(reading(at, 200.0), at=at)
    return (await list_alarms(house.state))[0].occurrence


async def _clear(house: House, at: int) -> None:
    await house.say(reading(at, 230.0), at=at)


async def _do(house: House, wish: Command, at: int) -> None:
    await house.say(wish, at=at)
    await house.say(reading(at + 1, 230.0), at=at + 1)
    await house.applied()


async def _case(house: House, occurrence: str) -> Case:
    return (await cases_of(house.state, [occurrence])).get(occurrence, Case())


async def _outbox(house: House, kind: str = "assigned") -> Sequence[tuple[str, str]]:
    rows = await house.state.query("SELECT person, channel FROM outbox WHERE kind = ? ORDER BY id", (kind,))
    return [(row["person"], row["channel"]) for row in rows]


async def test_who_is_given_an_alarm_by_somebody_else_is_told_over_all_channels(house: House) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        wish = await casework.assign(
            house.state, TOLD, occurrence, "ben", by="root", reason="you know it", now=START + 1000
        )
        await _do(house, wish, 1000)
        case = await _case(house, occurrence)
        alarm = await show(house.state, occurrence)
        (row,) = await house.state.query("SELECT * FROM outbox WHERE kind = 'assigned'")
        body = orjson.loads(row["body"])

    assert (case.assigned_to, case.assigned_by, case.assigned_at) == ("ben", "root", START + 1000)
    assert alarm is not None
    assert alarm.response == "unacked", "to be assigned does not acknowledge"
    assert (row["person"], row["severity"], row["state"]) == ("ben", "high", "queued")
    assert (body["by"], body["reason"], body["time"], body["since"]) == (
        "root",
        "you know it",
        START + 1000,
        START,
    )
    assert (body["response"], body["unacked"]) == ("Check the breaker.", True)


async def _assignment(house: House, occurrence: str, person: str, at: int) -> Command:
    return await casework.assign(house.state, TOLD, occurrence, person, by="root", reason="", now=START + at)


def _take(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """What the notifier sends now; it arrives."""
    now = START + 60_000
    found = store.take(db, now=now, busy=(), most=16, standing=standing)
    for attempt in found:
        store.mark(db, attempt, Outcome(state="sent"), now)
    return [(attempt.kind, attempt.lane[0]) for attempt in found]


async def test_who_was_given_an_alarm_hears_of_its_end_like_somebody_who_was_told(house: House) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        await house.say(reading(500, 200.0), at=500)
        await house.say(await _assignment(house, occurrence, "ben", 1000), at=1000)
        await _clear(house, 2000)
        await house.applied()
        told = await _outbox(house, "clear")
        taken = await house.state.transact(_take)

    assert told == [("ana", "chat"), ("ana", "mail"), ("ben", "mail")]
    assert ("assigned", "ben") in taken
    assert ("clear", "ben") in await house.state.transact(_take), "after what told him of it"


@pytest.mark.parametrize("before", [[], [("assigned", "ben"), ("raise", "ana"), ("raise", "ana")]])
async def test_who_is_taken_off_an_alarm_hears_nothing_more_of_it(
    house: House, before: Sequence[tuple[str, str]]
) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        await house.say(await _assignment(house, occurrence, "ben", 1000), at=1000)
        await house.applied()
        told = await house.state.transact(_take) if before else []
        off = await _assignment(house, occurrence, "", 2000)
        await house.say(off, at=2000)
        await house.applied()
        case = await _case(house, occurrence)
        mine = await open_cases(house.state), await open_cases(house.state, "ben")
        with pytest.raises(RequestRefused, match="nobody was given"):
            await _assignment(house, occurrence, "", 3000)
        await _clear(house, 4000)
        await house.applied()
        after = {who for _ in range(3) for _, who in await house.state.transact(_take)}

    assert (off.kind, off.arguments) == ("assign", {"person": ""})
    assert (case.assigned_to, case.assigned_by, case.assigned_at) == ("", "root", START + 2000)
    assert mine == ([], [])
    assert sorted(told) == before
    assert after == {"ana"}


async def test_who_takes_an_alarm_is_not_told_so(house: House) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        for number, by in enumerate(("ANA", "Ana, by link")):
            wish = await casework.assign(
                house.state, TOLD, occurrence, "ana", by=by, reason="", now=START + 1000 * (number + 1)
            )
            await _do(house, wish, 1000 * (number + 1))
        told = await _outbox(house)

    assert told == []


async def test_to_and_fro_tells_each_time(house: House) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        for number, person in enumerate(("ben", "ana", "ben"), 1):
            wish = await casework.assign(
                house.state, TOLD, occurrence, person, by="root", reason="", now=START + number * 1000
            )
            await _do(house, wish, number * 1000)
        told = await _outbox(house)
        mine = [await open_cases(house.state, person) for person in ("ana", "ben")]

    assert told == [("ben", "mail"), ("ana", "mail"), ("ana", "chat"), ("ben", "mail")]
    assert mine == [[], [occurrence]]


async def test_a_case_is_closed_when_its_alarm_is_over_and_can_be_opened_again(house: House) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        with pytest.raises(RequestRefused, match="is not over"):
            await casework.close(house.state, occurrence, "fixed", by="ana", note="", now=START)
        said = await casework.comment(house.state, occurrence, "Looked  at it.", by="ana", now=START + 1000)
        await house.say(said, at=1000)
        await _clear(house, 2000)
        await house.applied()
        closing = await casework.close(
            house.state, occurrence, "replaced", by="ana", note="New valve.", now=START + 3000
        )
        await _do(house, closing, 3000)
        closed, alarm = await _case(house, occurrence), await show(house.state, occurrence)
        open_then = await open_cases(house.state)
        with pytest.raises(RequestRefused, match="closed already, by ana"):
            await casework.close(house.state, occurrence, "fixed", by="ben", note="", now=START + 4000)
        with pytest.raises(RequestRefused, match="reopen it first"):
            await casework.assign(house.state, TOLD, occurrence, "ben", by="ana", reason="", now=START)
        again = await casework.reopen(house.state, occurrence, by="ben", reason="Leaks again", now=START + 5000)
        await _do(house, again, 5000)
        opened, comments = await _case(house, occurrence), await comments_of(house.state, occurrence)
        open_now = await open_cases(house.state)

    assert (closed.closed_at, closed.closed_by, closed.cause, closed.note) == (
        START + 3000,
        "ana",
        "replaced",
        "New valve.",
    )
    assert alarm is not None
    assert alarm.response == "unacked", "to close a case does not acknowledge its alarm"
    assert (open_then, open_now) == ([], [occurrence])
    assert (opened.closed_at, opened.cause) == (None, "")
    assert [(each.by, each.text) for each in comments] == [
        ("ana", "Looked at it."),
        ("ben", "Leaks again; it was closed by ana: replaced (New valve.)"),
    ]


async def test_what_cannot_be_is_refused_in_words(house: House) -> None:
    async with house.running(TOLD):
        occurrence = await _raise(house)
        about = (house.state, occurrence)
        with pytest.raises(RequestRefused, match="did you mean ana"):
            await casework.assign(house.state, TOLD, occurrence, "anna", by="x", reason="", now=START)
        with pytest.raises(RequestRefused, match="did you mean fixed"):
            await casework.close(*about, "fixd", by="x", note="", now=START)
        with pytest.raises(RequestRefused, match=f"write one of {', '.join(CAUSES)}"):
            await casework.close(*about, "zzzzzzzzzz", by="x", note="", now=START)
        with pytest.raises(RequestRefused, match="say something"):
            await casework.comment(*about, "  ", by="x", now=START)
        with pytest.raises(RequestRefused, match="is not closed"):
            await casework.reopen(*about, by="x", reason="", now=START)
        with pytest.raises(RequestRefused, match="there is no alarm nothing"):
            await casework.comment(house.state, "nothing", "x", by="x", now=START)


async def test_who_was_quicker_wins_and_a_command_is_booked_once(house: House) -> None:
    """The same commands twice, as after a kill before the position was kept, and some that came too late."""
    async with house.running(TOLD):
        occurrence = await _raise(house)
        await _clear(house, 1000)
        wishes = [
            command(casework.COMMENT, occurrence, by="ana", reason="one", now=START + 2000),
            command(
                casework.CLOSE, occurrence, by="ana", reason="", now=START + 2001, arguments={"cause": "fixed"}
            ),
            command(
                casework.CLOSE, occurrence, by="ben", reason="", now=START + 2002, arguments={"cause": "weather"}
            ),
            command(
                casework.ASSIGN, occurrence, by="ben", reason="", now=START + 2003, arguments={"person": "ana"}
            ),
            command(casework.COMMENT, "forgotten", by="ana", reason="one", now=START + 2004),
        ]
        await house.say(*wishes, *wishes, at=2000)
        await house.applied()
        case, told = await _case(house, occurrence), await _outbox(house)

    assert (case.closed_by, case.cause, case.assigned_to, case.comments) == ("ana", "fixed", "", 1)
    assert told == []


async def test_what_is_raised_again_within_seven_days_is_linked_to_the_last_of_them(house: House) -> None:
    async with house.running(TOLD):
        first = await _raise(house, 0)
        await _clear(house, 60_000)
        await house.applied()
        closing = await casework.close(
            house.state, first, "replaced", by="ana", note="Valve", now=house.clock.now()
        )
        await _do(house, closing, 120_000)
        second = await _raise(house, 2 * DAY)
        await _clear(house, 2 * DAY + 60_000)
        third = await _raise(house, 6 * DAY)
        await _clear(house, 6 * DAY + 60_000)
        after = await _raise(house, 14 * DAY)
        cases = await cases_of(house.state, [first, second, third, after])
        rows = await house.state.query("SELECT occurrence, body FROM outbox WHERE kind = 'raise' ORDER BY id")
        bodies = {row["occurrence"]: orjson.loads(row["body"]).get("earlier") for row in rows}

    assert set(cases) == {first, second, third}
    assert cases[second].earlier == Earlier(occurrence=first, time=START, cause="replaced", note="Valve")
    assert cases[third].earlier == Earlier(occurrence=second, time=START + 2 * DAY)
    assert (cases[second].times, cases[third].times) == (2, 3)
    assert bodies[first] is None
    assert bodies[after] is None
    assert bodies[second] == {"occurrence": first, "time": START, "cause": "replaced", "note": "Valve", "count": 2}
    assert bodies[third] == {"occurrence": second, "time": START + 2 * DAY, "count": 3}
    assert cases[second].as_json()["case"] is None, "to be linked is nothing that anybody did"


async def test_figures_know_what_an_alarm_came_of_and_whether_it_was_raised_again(house: House) -> None:
    async with house.running(TOLD):
        first = await _raise(house)
        await house.say(command("acknowledge", first, by="ana", reason="", now=START), at=30_000)
        await _clear(house, 60_000)
        closing = await casework.close(house.state, first, "fixed", by="ana", note="", now=START)
        await _do(house, closing, 120_000)
        second = await _raise(house, DAY)
        record = await Past(house.state).record(START, START + 2 * DAY)
        found = {each.occurrence: (each.acknowledged, each.cause, each.again) for each in record.episodes}

    assert found == {first: (START + 30_000, "fixed", False), second: (None, "", True)}
    assert all(each.wants_acknowledgement for each in record.episodes if each.acknowledged is None)


async def test_what_need_not_be_acknowledged_is_not_missed(house: House) -> None:
    idle = household.site({**LOW, "on_delay": "0 s", "ack": "not_required"})
    async with house.running(idle):
        await _raise(house)
        (before,) = (await Past(house.state).record(START, START + DAY)).episodes
        await _clear(house, 60_000)
        await house.applied()
        (after,) = (await Past(house.state).record(START, START + DAY)).episodes

    assert (before.wants_acknowledgement, after.wants_acknowledgement) == (True, False)


async def test_who_resets_a_latched_alarm_has_reacted(house: House) -> None:
    async with house.running(household.site(LEAK)):
        await house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
        await house.say(reading(5000, value=False, point="alarm", id="sensor"), at=5000)
        occurrence = (await house.only()).occurrence
        await house.say(command("acknowledge", occurrence, by="ana", reason="", now=START), at=60_000)
        await house.applied()
        (episode,) = (await Past(house.state).record(START, START + DAY)).episodes

    assert (episode.acknowledged, episode.cleared) == (START + 60_000, START + 60_000)


async def test_what_was_shelved_while_it_was_clear_was_never_raised(house: House) -> None:
    async with house.running(TOLD):
        shelf = {"until": START + 60_000, "oneshot": 0}
        await house.say(
            reading(0, 230.0),
            command("shelve", "low/meter/voltage_v", by="ana", reason="x", now=START, arguments=shelf),
            at=0,
        )
        await house.pass_time(120_000)
        await house.applied()
        occurrence = await _raise(house, 180_000)
        case = await _case(house, occurrence)
        known = await list_alarms(house.state, include_cleared=True)

    assert len(known) == 2, "the shelf stands for an alarm of its own"
    assert case == Case()


async def test_cases_and_comments_go_with_their_alarm(house: House) -> None:
    async with house.running(TOLD):
        first = await _raise(house)
        for number, wish in enumerate(
            [
                await casework.comment(house.state, first, "x", by="ana", now=START),
                command("acknowledge", first, by="ana", reason="", now=START),
            ]
        ):
            await house.say(wish, at=1000 + number)
        await _clear(house, 60_000)
        second = await _raise(house, DAY)
        await house.applied()
        await house.state.transact(lambda db: keep.prune(db, START + DAY // 2))
        left = await cases_of(house.state, [first, second])
        comments = await comments_of(house.state, first)

    assert set(left) == {second}
    assert left[second].earlier is None, "nothing can be said of what is forgotten"
    assert comments == []
