"""Line protocol out of the journal and of InfluxDB: written into an empty one, it is the same, point for point."""

import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import SinkUnavailable
from monitor.export import influx
from monitor.export.influx import InfluxSource
from monitor.export.kept import Kept, Wish
from monitor.export.kinds import KINDS
from monitor.export.run import lines_of_influx, lines_of_kept, rows_of_influx
from monitor.journal.state import State
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings
from tests.servers.http import Answer, Request, WebServer
from tests.servers.influxdb import InfluxServer
from tests.sinks.pasts import END, HOUR, MINUTE, House, within
from tests.sinks.site import NOW, a_site
from tests.sinks.test_catching_up import contents

Make = Callable[..., InfluxSettings]


def wish(start: int = NOW - HOUR, end: int = END + HOUR, kinds: Collection[str] = KINDS, **more: Any) -> Wish:
    return Wish(start=start, end=end, kinds=frozenset(kinds), **more)


def exported(folder: Path, wished: Wish) -> bytes:
    kept, out = Kept(folder, a_site(), END + HOUR), io.BytesIO()
    try:
        written = lines_of_kept(kept, a_site(), wished, out, lambda _: None)
    finally:
        kept.close()
    assert written == len(out.getvalue().splitlines())
    return out.getvalue()


class Copy:
    """Another database, empty, on the server that has the first one."""

    def __init__(self, server: InfluxServer, settings: Make, database: str) -> None:
        self.server = server
        self.settings = settings
        self.database = database
        self.name = f"{database}-copy"

    def put(self, lines: bytes) -> None:
        """Write lines where they belong: what tells of people apart, as it was."""
        client = InfluxClient(self.settings())
        rows = lines.splitlines()
        for bucket, chosen in (
            (self.name, [row for row in rows if not row.startswith(b"access,")]),
            (f"{self.name}-access", [row for row in rows if row.startswith(b"access,")]),
        ):
            if chosen:
                client.write(bucket, b"\n".join(chosen), lines=len(chosen))
        client.close()

    @property
    def has(self) -> dict[str, Any]:
        return self._of(self.name)

    @property
    def original(self) -> dict[str, Any]:
        return self._of(self.database)

    def types(self, database: str) -> list[Any]:
        return [
            row for each in (database, f"{database}-access") for row in self.server.query("SHOW FIELD KEYS", each)
        ]

    def _of(self, database: str) -> dict[str, Any]:
        """What a database holds, under names that do not say which it is."""
        return {name.removeprefix(database): rows for name, rows in contents(self.server, database).items()}


@pytest.fixture
def copy(server: InfluxServer, settings: Make, database: str) -> Iterator[Copy]:
    found = Copy(server, settings, database)
    server.create(found.name, f"{found.name}-access")
    yield found
    server.drop(found.name, f"{found.name}-access")


async def test_lines_of_the_journal_are_what_the_sink_wrote(house: House, copy: Copy, tmp_path: Path):
    lines = exported(tmp_path, wish())
    copy.put(lines)

    assert copy.has == copy.original
    assert copy.types(copy.name) == copy.types(copy.database)
    times = [int(row.rsplit(b" ", 1)[1]) for row in lines.splitlines() if not row.startswith(b"access,")]
    assert times == sorted(times)
    assert house.runner.status()["lag"] == 0


async def test_they_are_the_same_when_nobody_remembers_the_milliseconds(
    house: House, state: State, copy: Copy, tmp_path: Path
):
    await state.transact(lambda db: db.execute("DELETE FROM influx_times"))
    await state.transact(lambda db: db.execute("DELETE FROM influx_occurrences"))
    copy.put(exported(tmp_path, wish()))
    left = await state.query(
        "SELECT (SELECT count(*) FROM influx_times) + (SELECT count(*) FROM influx_occurrences)"
    )

    assert copy.has == copy.original
    assert left[0][0] == 0, "an export writes nothing into the state"
    assert house.backfill.status()["backfill"] == ""


@pytest.mark.usefixtures("house")
async def test_a_span_and_devices_and_kinds_are_chosen(copy: Copy, tmp_path: Path):
    start, end = NOW + 1000, NOW + 10 * MINUTE
    lines = exported(tmp_path, wish(start, end))
    copy.put(lines)
    water = exported(tmp_path, wish(kinds=["readings"], devices=frozenset({"w-main"})))
    alarms = exported(tmp_path, wish(kinds=["alarms"]))

    assert within(copy.has, start, end) == within(copy.original, start, end)
    assert {row.split(b",")[0] for row in water.splitlines()} == {b"water"}
    assert {row.split(b",")[0] for row in alarms.splitlines()} == {b"alarms"}
    assert b"access," not in exported(tmp_path, wish(kinds=set(KINDS) - {"access"}))


def out_of(settings: InfluxSettings, wished: Wish) -> bytes:
    source, out = InfluxSource(settings, wished.kinds), io.BytesIO()
    try:
        lines_of_influx(source, wished, out, lambda _: None)
    finally:
        source.close()
    return out.getvalue()


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("largest", [32 * 1024 * 1024, 30_000])
async def test_lines_of_influxdb_are_what_is_there_types_and_all(
    settings: Make, copy: Copy, largest: int, monkeypatch: pytest.MonkeyPatch
):
    """Also where one answer does not hold it all."""
    monkeypatch.setattr(influx, "_LARGEST", largest)
    copy.put(out_of(settings(), wish()))

    assert copy.has == copy.original
    assert copy.types(copy.name) == copy.types(copy.database)
    assert len(copy.has["/electricity"]) > 400


@pytest.mark.usefixtures("house")
async def test_influxdb_and_the_journal_tell_the_same(settings: Make, tmp_path: Path):
    """Line by line, but for an alarm's points and texts, whose fields come in another order."""
    ours = exported(tmp_path, wish(kinds=["readings"], devices=frozenset({"w-main"})))
    theirs = out_of(settings(), wish(kinds=["readings"], devices=frozenset({"w-main"})))

    assert len(theirs.splitlines()) == 400
    assert len(ours.splitlines()) == 401, "one reading was said again"


KEYS = {"name": "electricity", "columns": ["fieldKey", "fieldType"], "values": [["power_w", "float"]]}
ROW = {"name": "electricity", "tags": {"device": "e-main"}, "columns": ["time", "power_w"], "values": [[NOW, 1]]}


def scripted(keys: Any, rows: Any) -> Callable[[Request], Answer]:
    """A server that has these series."""

    def answer(request: Request) -> Answer:
        if request.path == "/ping":
            return 204, {"X-Influxdb-Version": "1.8.10"}
        said = {"results": [{"series": keys if b"SHOW" in request.body else rows}]}
        return 200, {}, json.dumps(said).encode()

    return answer


@pytest.mark.parametrize(
    ("keys", "rows"),
    [
        ([{"values": [["power_w", "float"]]}], []),
        ([{**KEYS, "values": [["power_w"]]}], []),
        ([{**KEYS, "values": 5}], []),
        (["electricity"], []),
        ([{**KEYS, "name": ["x"]}], []),
        ([KEYS], [{"name": "electricity"}]),
        ([KEYS], [{**ROW, "values": [[NOW]]}]),
        ([KEYS], [{**ROW, "values": [["now", 1]]}]),
        ([KEYS], [{**ROW, "values": [[10**30, 1]]}]),
        ([KEYS], [{**ROW, "values": [[NOW, [1]]]}]),
        ([KEYS], [{**ROW, "values": [[NOW, 10**400]]}]),
        ([KEYS], [{**ROW, "tags": {"device": 5}}]),
        ([KEYS], [{**ROW, "tags": ["device"]}]),
        ([KEYS], [{**ROW, "columns": ["time", 7]}]),
        ([KEYS], 7),
    ],
    ids=range(15),
)
def test_an_answer_that_is_not_influxdbs_is_told_and_never_written(keys: Any, rows: Any):
    with WebServer() as web:
        web.handle = scripted(keys, rows)
        source, out = InfluxSource(InfluxSettings(url=web.url), frozenset({"readings"})), io.BytesIO()
        with pytest.raises(SinkUnavailable, match="not InfluxDB's"):
            rows_of_influx(source, a_site(), wish(NOW - MINUTE, NOW + MINUTE), out, lambda _: None, mark=False)
        source.close()

    assert len(out.getvalue().splitlines()) == 1


def test_a_server_that_cuts_its_answers_off_is_asked_for_less():
    """`max-row-limit` of 1.x: what is above it is left out, and `partial` says so."""
    times = [NOW + each * 1000 for each in range(1000)]

    def answer(request: Request) -> Answer:
        found = re.search(rb"time\+%3E%3D\+(\d+)ms\+AND\+time\+%3C\+(\d+)ms", request.body)
        if found is None:
            return scripted([KEYS], [])(request)
        start, end = map(int, found.groups())
        values = [[time, 1] for time in times if start <= time < end]
        return scripted([], [{**ROW, "values": values[:100], **({"partial": True} if values[100:] else {})}])(
            request
        )

    with WebServer() as web:
        web.handle = answer
        source, out = InfluxSource(InfluxSettings(url=web.url), frozenset({"readings"})), io.BytesIO()
        lines_of_influx(source, wish(NOW - MINUTE, NOW + HOUR), out, lambda _: None)
        source.close()

    assert [int(line.split()[-1]) for line in out.getvalue().splitlines()] == times


async def test_a_server_that_is_away_or_refuses_says_so(settings: Make):
    with pytest.raises(SinkUnavailable):
        out_of(settings(url="http://127.0.0.1:1"), wish())
    with pytest.raises(SinkMisconfigured):
        out_of(settings(token="admin:mistyped"), wish())
