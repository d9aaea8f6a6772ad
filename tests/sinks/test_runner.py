"""The runner on a real journal, a real state and a real InfluxDB that comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State, set_position
from monitor.model import Command, Entry, Position, Reading, Recorded
from monitor.ports import Batch, Gap, Sink
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.runner import Pace, SinkRunner
from monitor.site import InfluxSettings
from tests.clock import ManualClock
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.nginx import Nginx
from tests.sinks.site import NOW, a_site, event, reading, step

Make = Callable[..., InfluxSettings]

_PACE = Pace(interval=0.01, first=0.02, longest=0.1)


@asynccontextmanager
async def running(runner: SinkRunner) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(runner.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for is behind sockets and threads
            await asyncio.sleep(0.01)


async def append(journal: SqliteJournal, *entries: Entry) -> None:
    await journal.append([Batch(entries=entries)])


def a_runner(journal: SqliteJournal, state: State, sink: Sink) -> SinkRunner:
    return SinkRunner(journal, state, sink, now=ManualClock().now, pace=_PACE)


class ScriptedSink:
    """Takes batches, unless the script has an error for the next call."""

    name = "scripted"

    def __init__(self, *script: Exception, poison: Sequence[int] = ()) -> None:
        self.script = list(script)
        self.poison = set(poison)
        self.taken: list[Recorded] = []
        self.closed = False

    async def write(self, batch: Sequence[Recorded]) -> None:
        if self.script:
            raise self.script.pop(0)
        if any(each.position in self.poison for each in batch):
            raise SinkRejected("poison 1234")
        self.taken += batch

    async def close(self) -> None:
        self.closed = True


async def test_everything_is_written_in_order_and_the_position_kept(journal: SqliteJournal, state: State):
    sink = ScriptedSink()
    runner = a_runner(journal, state, sink)
    async with running(runner):
        for number in range(50):
            await append(journal, reading("e-main", NOW + number, power_w=1.0))
        await until(lambda: runner.status()["lag"] == 0 and len(sink.taken) == 50)

    assert [each.entry.time - NOW for each in sink.taken] == list(range(50))
    assert await state.position("scripted") == journal.last
    assert runner.status()["entries"] == 50
    assert sink.closed


async def test_it_goes_on_where_it_was(journal: SqliteJournal, state: State):
    await append(journal, *(reading("e-main", NOW + number, power_w=1.0) for number in range(10)))
    first, second = ScriptedSink(), ScriptedSink()
    runner = a_runner(journal, state, first)
    async with running(runner):
        await until(lambda: runner.status()["lag"] == 0)
    await append(journal, reading("e-main", NOW + 10, power_w=1.0))
    runner = a_runner(journal, state, second)
    async with running(runner):
        await until(lambda: runner.status()["lag"] == 0)

    assert len(first.taken) == 10
    assert [each.entry.time - NOW for each in second.taken] == [10]


@pytest.mark.fault(
    "database away",
    part="InfluxDB sink",
    outcome="The program log has one line each way.",
)
async def test_an_outage_is_logged_once_each_way_and_loses_nothing(journal: SqliteJournal, state: State):
    sink = ScriptedSink(*(SinkUnavailable(f"away {number}") for number in range(5)))
    runner = a_runner(journal, state, sink)
    with capture_logs() as logs:
        async with running(runner):
            await append(journal, reading("e-main", power_w=1.0))
            await until(lambda: len(sink.taken) == 1 and runner.status()["lag"] == 0)

    assert [entry["event"] for entry in logs] == ["sink_down", "sink_up"]
    assert runner.status()["last_error"] == ""


async def test_a_sink_that_says_when_is_not_asked_before(
    journal: SqliteJournal, state: State, monkeypatch: pytest.MonkeyPatch
):
    slept: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    sink = ScriptedSink(SinkUnavailable("busy", retry_after=7.0))
    runner = a_runner(journal, state, sink)
    await append(journal, reading("e-main", power_w=1.0))
    monkeypatch.setattr("monitor.sinks.runner.asyncio.sleep", noted)
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(60):
        while not sink.taken:
            await sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert 7.0 in slept


@pytest.mark.fault(
    "defect in the program",
    part="InfluxDB sink",
    outcome="The one entry that no sink can digest is found and buried; the rest is written.",
)
async def test_the_poison_of_a_batch_is_found_and_buried(journal: SqliteJournal, state: State):
    await append(journal, *(reading("e-main", NOW + number, power_w=float(number)) for number in range(20)))
    first = int(journal.last) - 19
    sink = ScriptedSink(poison=[first + 4, first + 17])
    runner = a_runner(journal, state, sink)
    with capture_logs() as logs:
        async with running(runner):
            await until(lambda: runner.status()["lag"] == 0)

    assert len(sink.taken) == 18
    rows = await state.query("SELECT sink, position, reason, kind FROM dead_letters ORDER BY position")
    assert [tuple(row) for row in rows] == [
        ("scripted", first + 4, "poison 1234", 1),
        ("scripted", first + 17, "poison 1234", 1),
    ]
    assert [entry["event"] for entry in logs] == ["sink_rejected"]  # once for one reason
    assert runner.status()["rejected"] == 2


class Gappy:
    """A journal that has lost its beginning."""

    last = Position(8)

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    async def follow(self, after: Position):
        if after < 5:
            yield Gap(after=after, until=Position(5), reason="trimmed")
        yield [Recorded(Position(8), NOW, reading("e-main", power_w=1.0))]
        await asyncio.Event().wait()

    def behind(self, position: Position) -> int:
        return self.last - position

    def acknowledge(self, consumer: str, position: Position) -> None:
        assert consumer == "scripted"
        self.acknowledged.append(position)


async def test_a_gap_is_told_and_skipped(state: State):
    await state.transact(lambda db: set_position(db, "scripted", Position(0)))
    journal, sink = Gappy(), ScriptedSink()
    runner = a_runner(journal, state, sink)  # type: ignore[arg-type]
    with capture_logs() as logs:
        async with running(runner):
            await until(lambda: runner.status()["position"] == 8)

    assert journal.acknowledged == [5, 8]
    assert [entry["event"] for entry in logs] == ["sink_gap"]
    assert runner.status()["gaps"] == 1


async def test_a_sink_that_is_new_begins_with_the_oldest_entry_and_tells_of_no_gap(state: State):
    journal, sink = Gappy(), ScriptedSink()
    runner = a_runner(journal, state, sink)  # type: ignore[arg-type]
    with capture_logs() as logs:
        async with running(runner):
            await until(lambda: runner.status()["position"] == 8)

    assert [entry["event"] for entry in logs] == ["sink_begins"]
    assert runner.status()["gaps"] == 0
    assert len(sink.taken) == 1


@pytest.mark.fault(
    "database slow or in trouble",
    part="InfluxDB sink",
    outcome="A restart in mid-stream loses nothing and doubles nothing.",
)
async def test_a_restart_of_the_server_in_mid_stream_loses_nothing_and_doubles_nothing(
    journal: SqliteJournal, state: State, tmp_path: Path
):
    folder = tmp_path / "influxdb"
    folder.mkdir()
    with influxdb(folder) as server:
        server.create("facility", "facility-access")
        sink = InfluxSink(InfluxSettings(url=server.url, token=server.token, api="v1"), a_site(), state)
        runner = a_runner(journal, state, sink)
        async with running(runner):
            feeding = asyncio.create_task(_feed(journal, rounds=60))
            await until(lambda: runner.status()["entries"] > 100)
            await asyncio.to_thread(server.stop, kill=True)
            await until(lambda: runner.status()["last_error"] != "")
            await asyncio.to_thread(server.start)
            await feeding
            await until(lambda: runner.status()["lag"] == 0)
        await sink.close()

        values = server.query('SELECT "power_w" FROM "electricity"', "facility")
        cards = server.query('SELECT "seq", "count" FROM "access"', "facility-access")
    assert [row["power_w"] for row in values] == [float(number) for number in range(600)]
    assert len(cards) == 60
    assert len({row["seq"] for row in cards}) == 60
    assert await state.query("SELECT * FROM dead_letters") == []


async def _feed(journal: SqliteJournal, *, rounds: int) -> None:
    for number in range(rounds):
        times = range(number * 10, number * 10 + 10)
        await append(
            journal,
            *(reading("e-main", NOW + time, power_w=float(time)) for time in times),
            event("card", NOW, result="denied", number=number),
        )
        await asyncio.sleep(0.02)


async def test_a_server_that_comes_later_gets_everything(journal: SqliteJournal, state: State, tmp_path: Path):
    folder = tmp_path / "influxdb"
    folder.mkdir()
    server = InfluxServer(folder, auth=False)
    sink = InfluxSink(InfluxSettings(url=server.url), a_site(), state)
    runner = a_runner(journal, state, sink)
    try:
        async with running(runner):
            await append(journal, reading("e-main", power_w=1.0), step("raised", 1))
            await until(lambda: runner.status()["last_error"] != "")
            await asyncio.to_thread(server.start)  # without a database: the sink makes it
            await until(lambda: runner.status()["lag"] == 0)

        assert len(server.query('SELECT * FROM "electricity"', "facility")) == 1
        assert len(server.query('SELECT * FROM "alarms"', "facility")) == 1
    finally:
        await sink.close()
        await asyncio.to_thread(server.stop)


@pytest.mark.fault(
    "database misconfigured",
    part="InfluxDB sink",
    outcome="Once the setting is mended, everything is written.",
)
async def test_a_wrong_password_keeps_everything_until_it_is_mended(
    journal: SqliteJournal, state: State, settings: Make, server: InfluxServer, database: str
):
    await append(journal, reading("e-main", power_w=1.0))
    server.query("CREATE USER writer WITH PASSWORD 'old'")
    server.query(f'GRANT ALL ON "{database}" TO writer')
    sink = InfluxSink(settings(token="writer:new", api="auto"), a_site(), state)
    runner = a_runner(journal, state, sink)
    try:
        with capture_logs() as logs:
            async with running(runner):
                await until(lambda: "401" in str(runner.status()["last_error"]))
                lag = runner.status()["lag"]
                server.query("SET PASSWORD FOR writer = 'new'")
                await until(lambda: runner.status()["lag"] == 0)
    finally:
        await sink.close()
        server.query("DROP USER writer")

    assert lag == 1
    assert [(entry["event"], entry.get("problem")) for entry in logs] == [
        ("sink_down", "SinkMisconfigured"),
        ("sink_up", None),
    ]
    assert "new" not in str(logs)
    assert len(server.query('SELECT * FROM "electricity"', database)) == 1


async def test_a_busy_server_gets_everything_when_it_has_time(  # noqa: PLR0917 - fixtures
    journal: SqliteJournal, state: State, settings: Make, server: InfluxServer, front: Nginx, database: str
):
    front.busy(True)
    sink = InfluxSink(settings(url=front.url, api="v2"), a_site(), state)
    runner = a_runner(journal, state, sink)
    try:
        async with running(runner):
            await append(journal, reading("e-main", power_w=1.0))
            await until(lambda: "429" in str(runner.status()["last_error"]))
            front.busy(False)
            await until(lambda: runner.status()["lag"] == 0)
    finally:
        front.busy(False)
        await sink.close()

    assert len(server.query('SELECT * FROM "electricity"', database)) == 1


@pytest.mark.fault(
    "database refuses lines",
    part="InfluxDB sink",
    outcome="Lines that are refused are counted, and the rest is written.",
)
async def test_rejected_lines_are_buried_and_counted_and_the_rest_written(
    journal: SqliteJournal, state: State, settings: Make, server: InfluxServer, database: str
):
    sink = InfluxSink(settings(), a_site(), state)
    runner = a_runner(journal, state, sink)
    async with running(runner):
        await append(journal, _pump("idle", 0))
        await until(lambda: runner.status()["lag"] == 0)
        await append(journal, _pump("busy", 1), _pump(1.0, 2), _pump("off", 3))
        await append(journal, Command(id="1", time=NOW, by="ana", kind="ack", target="o-1"))
        await until(lambda: runner.status()["lag"] == 0)
    await sink.close()

    states = [row["state"] for row in server.query('SELECT "state" FROM "equipment"', database)]
    assert states == ["idle", "busy", "off"]
    [row] = await state.query("SELECT reason, body FROM dead_letters")
    assert "field type conflict" in row["reason"]
    assert b'"state":1.0' in row["body"]
    assert runner.status()["rejected"] == 1
    assert runner.status()["api"] == "v1"


def _pump(word: str | float, number: int) -> Reading:
    return Reading(device="pump", time=NOW + number, arrived=NOW, values={"state": word})
