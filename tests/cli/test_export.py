"""`export` as a process, beside a daemon's open journal, and `influx backfill` as a client."""

import asyncio
import base64
import csv
import io
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Event, Reading
from monitor.ports import Batch
from tests.cli.running import Ran, aside
from tests.clock import ManualClock
from tests.servers.influxdb import influxdb
from tests.web.serving import make_parts, serving
from tests.web.test_backfillroutes import Desk

SITE = """\
site: {{id: hq, timezone: Europe/Berlin}}
connections:
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: 5020}}}}
devices:
  - {{id: meter, connection: bus, unit: 9, class: electricity, building: A,
      points: {{power_w: {{register: holding 100, type: float32, order: ABCD, unit: W}}}}}}
  - {{id: pump, profile: digital-input, connection: bus, unit: 21, every: 1 s,
      points: {{fault: {{register: discrete 0}}}}}}
sinks:
  influxdb: {{url: "{url}", bucket: facility, token: !env INFLUX_TOKEN}}
"""
NOW = time.time_ns() // 1_000_000
MINUTE = 60_000


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFLUX_TOKEN", "")
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(url="http://127.0.0.1:1"))
    return path


@pytest.fixture
async def folder(journal: SqliteJournal, state: State, tmp_path: Path) -> Path:
    """A daemon's folder, while it writes: an hour of a meter, and somebody at a door."""
    del state
    await journal.append([Batch(entries=[entry]) for entry in entries()])
    return tmp_path


def entries() -> list[Reading | Event]:
    readings: list[Reading | Event] = [
        Reading(device=device, time=at, arrived=at, values={point: value})
        for at in range(NOW - 60 * MINUTE, NOW - MINUTE, MINUTE)
        for device, point, value in (("meter", "power_w", 5.0), ("pump", "fault", False))
    ]
    at = NOW - 30 * MINUTE
    return [
        *readings,
        Event(device="gate", kind="card", time=at, arrived=at, id="1", attributes={"result": "granted"}),
    ]


def write(path: Path, text: str) -> None:
    path.write_text(text)


def left_beside(file: Path) -> list[str]:
    return [path.name for path in file.parent.iterdir() if path.name.startswith(f".{file.name}")]


async def export(folder: Path, *words: str | Path, site: Path) -> Ran:
    return await aside("export", *words, "--state", folder, "--site", site)


LONG_AGO = ("--from", "2020-01-01")


async def test_readings_come_as_csv_and_the_begin_of_the_journal_is_told(folder: Path, site: Path) -> None:
    ran = await export(folder, "-", *LONG_AGO, "--device", "meter", site=site)
    rows = list(csv.DictReader(io.StringIO(ran.out)))

    assert ran.code == 0, ran.err
    assert [row["value"] for row in rows] == ["5.0"] * 59
    assert "59 rows written to -" in ran.err
    assert "the journal begins at 2" in ran.err
    assert "--source influxdb" in ran.err


async def test_what_the_journal_lets_go_meanwhile_is_told(
    folder: Path, site: Path, journal: SqliteJournal
) -> None:
    """Who reads slowly from a pipe holds the command up, and the journal goes on."""
    entries = [
        Reading(device="meter", time=at, arrived=at, values={"power_w": 5.0})
        for at in range(NOW - 3000 * MINUTE, NOW, MINUTE // 4)
    ]
    await journal.append([Batch(entries=entries)])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "export", "-", *LONG_AGO, "--state", folder, "--site", site),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1000,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    await process.stdout.read(10)
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute("DELETE FROM entries WHERE position < (SELECT max(position) FROM entries)")
        db.execute("UPDATE entries SET recorded = recorded + 60000")
    out, err = await asyncio.wait_for(process.communicate(), 90)

    assert process.returncode == 0, err
    assert out.count(b"\r\n") < len(entries)
    assert "while this was written the journal let go what was recorded before" in err.decode()


async def test_a_file_is_for_its_owner_and_never_replaced_unasked(folder: Path, site: Path) -> None:
    file = folder / "out.csv"
    first = await export(folder, file, *LONG_AGO, site=site)
    before = file.read_bytes()
    second = await export(folder, file, *LONG_AGO, "--class", "electricity", site=site)
    kept = file.read_bytes()
    forced = await export(folder, file, *LONG_AGO, "--class", "electricity", "--force", site=site)

    assert (first.code, second.code, forced.code) == (0, 1, 0)
    assert "--force" in second.err
    assert kept == before
    assert len(file.read_bytes()) < len(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert left_beside(file) == []


async def test_line_protocol_leaves_people_out_unless_they_are_asked_for(folder: Path, site: Path) -> None:
    usual = await export(folder, "-", *LONG_AGO, "--format", "line", site=site)
    people = await export(folder, "-", *LONG_AGO, "--format", "line", "--what", "access", site=site)

    assert {row.split(",")[0] for row in usual.out.splitlines()} == {"electricity", "equipment"}
    assert [row.split(",")[0] for row in people.out.splitlines()] == ["access"]


async def test_a_wide_table_is_of_one_device(folder: Path, site: Path) -> None:
    ran = await export(folder, "-", *LONG_AGO, "--device", "pump", "--wide", site=site)
    wrong = await export(folder, "-", *LONG_AGO, "--wide", site=site)

    assert ran.out.splitlines()[0] == "time,fault,quality"
    assert ran.out.splitlines()[1].endswith(",false,good")
    assert wrong.code == 2


async def test_wrong_usage_ends_with_2(folder: Path, site: Path) -> None:
    ran = await asyncio.gather(
        *(
            export(folder, "-", *words, site=site)
            for words in (
                (),
                ("--period", "some day"),
                ("--from", "2026-01-02", "--to", "2026-01-01"),
                ("--period", "2025", "--what", "alarms,usage"),
            )
        )
    )

    assert [each.code for each in ran] == [2] * 4
    assert not [each.err for each in ran if "Traceback" in each.err]


async def test_what_is_not_there_is_told(folder: Path, site: Path) -> None:
    no_journal = await export(folder / "none", "-", "--period", "2025", site=site)
    no_server = await export(folder, folder / "x.csv", "--period", "2025", "--source", "influxdb", site=site)

    assert (no_journal.code, no_server.code) == (1, 1)
    assert "--state" in no_journal.err
    assert "Traceback" not in no_server.err
    assert not (folder / "x.csv").exists()


async def test_what_is_older_comes_from_influxdb(
    folder: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "influx").mkdir()
    with influxdb(tmp_path / "influx") as server:
        monkeypatch.setenv("INFLUX_TOKEN", server.token)
        write(site, SITE.format(url=server.url))
        server.create("facility", "facility-access")
        lines = b"electricity,building=A,device=meter,site=hq power_w=3,quality=0i %d" % (NOW - 86_400_000)
        answer = server._http.request(
            "POST",
            f"{server.url}/write?db=facility&precision=ms",
            body=lines,
            headers={"Authorization": "Basic " + _basic(server.token)},
        )
        line = await export(folder, "-", *LONG_AGO, "--format", "line", "--source", "influxdb", site=site)
        rows = await export(folder, "-", *LONG_AGO, "--source", "influxdb", site=site)

    assert answer.status == 204
    assert line.out.encode() == lines.replace(b"=3,", b"=3.0,") + b"\n"
    [row] = csv.DictReader(io.StringIO(rows.out))
    assert (row["measurement"], row["device"], row["point"], row["value"], row["unit"], row["quality"]) == (
        "electricity",
        "meter",
        "power_w",
        "3.0",
        "W",
        "good",
    )


def _basic(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


async def test_backfill_begins_shows_and_stops(journal: SqliteJournal, clock: ManualClock, tmp_path: Path) -> None:
    desk = Desk()
    async with serving(make_parts(journal, clock, backfills={"influxdb": desk}), tmp_path / "api.sock"):
        none = await aside("influx", "backfill", "--show", "--state", tmp_path)
        begun = await aside("influx", "backfill", "--from", "2026-06-01 10:00", "--json", "--state", tmp_path)
        again = await aside("influx", "backfill", "--period", "2026-06", "--state", tmp_path)
        shown = await aside("influx", "backfill", "--show", "--state", tmp_path)
        stopped = await aside("influx", "backfill", "--stop", "--state", tmp_path)
        wrong = await aside("influx", "backfill", "--stop", "--show", "--state", tmp_path)

    assert none.out == "influxdb: nothing was sent again yet\n"
    assert begun.json["facts"]["backfill"] == "running"
    assert (again.code, "already" in again.err) == (1, True)
    assert "running" in shown.out
    assert "stopped" in stopped.out
    assert wrong.code == 2


async def test_of_several_influxdbs_one_has_to_be_named(folder: Path, site: Path):
    several = 'influxdb: [{id: a, url: "http://127.0.0.1:1"}, {id: b, url: "http://127.0.0.1:1"}]'
    write(site, SITE.partition("sinks:")[0].format() + f"sinks:\n  {several}\n")
    words = (folder / "old.csv", "--period", "2025", "--source", "influxdb")
    unnamed = await export(folder, *words, site=site)
    unknown = await export(folder, *words, "--sink", "c", site=site)

    assert "say --sink a or b" in unnamed.err
    assert "there is a, b" in unknown.err
    assert unnamed.code == unknown.code == 1
