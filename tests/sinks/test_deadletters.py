"""Dead letters: kept with reason and line, bounded, tried again and dropped when somebody says so."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from monitor.errors import RequestRefused, SinkUnavailable
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Derived, Position, Reading, Recorded
from monitor.sinks import deadletters
from monitor.sinks.deadletters import DeadLetters, Refused
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.runner import SinkRunner
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import NOW, a_site, derived, reading, recorded
from tests.sinks.test_runner import _PACE, ScriptedSink, a_runner, append, running, until

Make = Callable[..., InfluxSettings]
DAY = 86_400_000


@pytest.fixture
def letters(state: State, clock: ManualClock) -> DeadLetters:
    return DeadLetters(state, clock.now)


def pump(word: str | float, number: int) -> Reading:
    return Reading(device="pump", time=NOW + number, arrived=NOW, values={"state": word})


async def bury(letters: DeadLetters, *batch: Recorded, reason: str = "no", line: bytes = b"line") -> None:
    await letters.bury("influxdb", batch, {each.position: Refused(reason, line) for each in batch})


async def test_a_letter_says_what_was_refused_why_and_when(letters: DeadLetters, clock: ManualClock):
    await bury(
        letters, *recorded(pump(1.0, 0), derived("electricity", {"pf": 1.0})), reason="type", line=b"a b=1 2"
    )

    newest, oldest = await letters.list_letters(10)
    assert newest["kind"] == "derived"
    assert {key: oldest[key] for key in oldest if key != "id"} == {
        "sink": "influxdb",
        "kind": "reading",
        "device": "pump",
        "time": NOW,
        "refused": clock.now(),
        "refusals": 1,
        "waiting": False,
        "reason": "type",
        "line": "a b=1 2",
    }
    assert letters.facts("influxdb") == {"dead_letters": 2, "dead_letters_let_go": 0}


async def test_the_same_entry_is_buried_once(letters: DeadLetters):
    batch = recorded(pump(1.0, 0))
    await bury(letters, *batch)
    await bury(letters, *batch)

    assert letters.facts("influxdb")["dead_letters"] == 1


@pytest.mark.parametrize(
    ("bound", "value", "left"),
    [("_MOST", 3, [5, 4, 3]), ("_MOST_BYTES", 700, [5, 4]), ("_LONGEST_MS", 2 * DAY, [5, 4, 3])],
)
async def test_the_table_is_bounded_and_says_how_much_it_let_go(  # noqa: PLR0917 - fixtures
    bound: str,
    value: int,
    left: list[int],
    letters: DeadLetters,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(deadletters, bound, value)
    for number in range(6):
        await bury(letters, *recorded(pump(1.0, number), first=number + 1), line=b"x" * 50)
        clock.advance(DAY)

    assert [each["time"] - NOW for each in await letters.list_letters(10)] == left
    assert letters.facts("influxdb") == {"dead_letters": len(left), "dead_letters_let_go": 6 - len(left)}


async def test_what_is_too_old_goes_at_the_next_start(letters: DeadLetters, state: State, clock: ManualClock):
    await bury(letters, *recorded(pump(1.0, 0)))
    clock.advance(91 * DAY)
    again = DeadLetters(state, clock.now)
    await again.load()

    assert again.facts("influxdb") == {"dead_letters": 0, "dead_letters_let_go": 1}


async def test_letters_are_dropped_by_number_or_all(letters: DeadLetters):
    await bury(letters, *recorded(*(pump(1.0, number) for number in range(5))))
    ids = [each["id"] for each in await letters.list_letters(10)]

    assert await letters.drop([ids[1], ids[3]]) == sorted([ids[1], ids[3]])
    assert [each["id"] for each in await letters.list_letters(10)] == [ids[0], ids[2], ids[4]]
    assert len(await letters.drop(None)) == 3
    assert letters.facts("influxdb")["dead_letters"] == 0


@pytest.mark.parametrize("change", ["retry", "drop"])
async def test_a_number_that_is_none_changes_nothing(change: str, letters: DeadLetters):
    await bury(letters, *recorded(pump(1.0, 0)))
    [letter] = await letters.list_letters(1)

    with pytest.raises(RequestRefused, match="no dead letter 99; nothing was changed"):
        await getattr(letters, change)([letter["id"], 99])

    assert list(await letters.list_letters(1)) == [letter]


# Trying again -----------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "database refuses lines",
    part="InfluxDB sink",
    outcome="What was refused can be tried again once the cause is mended.",
)
async def test_a_letter_is_written_once_the_server_takes_its_type(  # noqa: PLR0917 - fixtures
    journal: SqliteJournal, state: State, settings: Make, server: InfluxServer, database: str, letters: DeadLetters
):
    sink = InfluxSink(settings(), a_site(), state)
    runner = SinkRunner(journal, state, sink, now=ManualClock().now, pace=_PACE, letters=letters)
    async with running(runner):
        await append(journal, pump("idle", 0))
        await until(lambda: runner.status()["lag"] == 0)
        await append(journal, pump(1.0, 1), reading("e-main", power_w=1.0), pump(2.0, 3))
        await until(lambda: runner.status()["dead_letters"] == 2)
        [_, first] = await letters.list_letters(5)
        await letters.retry([first["id"]])
        await refused_again(letters, first["id"])
        again = await letters.list_letters(5)
        server.query('DROP MEASUREMENT "equipment"', database)
        await letters.retry(None)
        await until(lambda: runner.status()["dead_letters"] == 0)

    assert first["line"].startswith("equipment,site=hq,building=b1,")
    assert [each["refusals"] for each in again] == [1, 2]
    assert [row["state"] for row in server.query('SELECT "state" FROM "equipment"', database)] == [1, 2]


async def refused_again(letters: DeadLetters, number: int) -> None:
    found: list[int] = []
    while found != [number]:
        found = [each["id"] for each in await letters.list_letters(10) if each["refusals"] == 2]


async def test_what_was_wanted_before_a_kill_is_tried_after_it(
    journal: SqliteJournal, state: State, letters: DeadLetters
):
    await append(journal, pump(1.0, 0))
    await letters.bury("scripted", recorded(pump(1.0, 0), first=int(journal.last)), {journal.last: Refused("no")})
    await state.transact(lambda db: db.execute("INSERT INTO positions VALUES ('scripted', ?)", (journal.last,)))
    await letters.retry(None)
    sink = ScriptedSink(SinkUnavailable("away"), SinkUnavailable("away"))
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await until(lambda: len(sink.taken) == 1)
        await until(lambda: runner.status()["dead_letters"] == 0)

    assert runner.status()["entries"] == 0


async def test_a_letter_that_the_journal_has_forgotten_is_written_from_its_own_body(
    journal: SqliteJournal, state: State, letters: DeadLetters
):
    await letters.bury("scripted", recorded(pump(1.0, 0)), {Position(1): Refused("no")})
    sink = ScriptedSink()
    runner = a_runner(journal, state, sink)
    await letters.retry(None)
    async with running(runner):
        await until(lambda: len(sink.taken) == 1)

    assert sink.taken[0].entry == pump(1.0, 0)


async def test_a_letter_does_not_overwrite_what_was_said_later_of_the_instant(  # noqa: PLR0917 - fixtures
    journal: SqliteJournal, state: State, settings: Make, server: InfluxServer, database: str, letters: DeadLetters
):
    def usage(number: float, key: str) -> Derived:
        return replace(derived("usage_daily", {"amount": number}), key=key)

    sink = InfluxSink(settings(), a_site(), state)
    runner = SinkRunner(journal, state, sink, now=ManualClock().now, pace=_PACE, letters=letters)
    await append(journal, usage(1.0, "first"), usage(2.0, "second"))
    first = await journal.read(Position(0), 1)
    assert isinstance(first, list)
    await letters.bury("influxdb", first, {first[0].position: Refused("no")})
    async with running(runner):
        await until(lambda: runner.status()["lag"] == 0)
        await letters.retry(None)
        await until(lambda: runner.status()["dead_letters"] == 0)

    assert [row["amount"] for row in server.query('SELECT "amount" FROM "usage_daily"', database)] == [2.0]


async def test_a_letter_of_a_device_that_is_gone_stays_and_says_so(
    journal: SqliteJournal, state: State, settings: Make, letters: DeadLetters
):
    await letters.bury(
        "influxdb", recorded(reading("sold", power_w=1.0)), {Position(1): Refused("no", b"old line")}
    )
    sink = InfluxSink(settings(), a_site(), state)
    runner = SinkRunner(journal, state, sink, now=ManualClock().now, letters=letters)
    [letter] = await letters.list_letters(1)
    await letters.retry(None)
    async with running(runner):
        await refused_again(letters, letter["id"])

    [letter] = await letters.list_letters(1)
    assert letter["reason"] == "the site file has no device sold any more"
    assert letter["line"] == "old line"


async def test_one_letter_that_cannot_be_encoded_does_not_keep_the_others(
    journal: SqliteJournal, state: State, letters: DeadLetters
):
    batch = recorded(*(pump(1.0, number) for number in range(4)))
    await letters.bury("scripted", batch, {each.position: Refused("no") for each in batch})
    sink = ScriptedSink(poison=[3])
    runner = SinkRunner(journal, state, sink, now=ManualClock().now, pace=_PACE, letters=letters)
    await letters.retry(None)
    async with running(runner):
        await until(lambda: runner.status()["dead_letters"] == 1)

    assert [each.position for each in sink.taken] == [1, 2, 4]
    [letter] = await letters.list_letters(5)
    assert (letter["reason"], letter["refusals"], letter["waiting"]) == ("poison 1234", 2, False)


async def test_of_two_lines_for_one_instant_the_last_stays_also_when_bad_lines_are_looked_for(
    settings: Make, state: State, server: InfluxServer, database: str
):
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(pump("idle", 0)))
    batch = [pump(1.0, 1), reading("e-main", power_w=9.0), reading("e-main", power_w=1.0)]
    with pytest.raises(Exception, match="type conflict"):
        await sink.write(recorded(*batch, first=5))
    await sink.close()

    assert [row["power_w"] for row in server.query('SELECT "power_w" FROM "electricity"', database)] == [1.0]
