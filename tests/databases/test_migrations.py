"""Databases of older versions come to the newest schema with all they hold, and the daemon goes on with them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.alarms.store import list_alarms
from monitor.journal import migrate as migrating
from monitor.journal.files import open_files
from monitor.journal.migrate import migrate, newest_version
from monitor.journal.soundness import find_fault
from monitor.journal.state import STATE
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.databases.dump import dump
from tests.end_to_end.daemon import Daemon
from tests.journal.conformance import everything
from tests.servers.ports import free_port

FOLDER = Path(__file__).parent
DUMPS = sorted(FOLDER.glob("*-v*.sql"))
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
devices:
  - {{id: pump-1, profile: digital-input, connection: plant-room, unit: 21, every: 500 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: pump-2, profile: digital-input, connection: plant-room, unit: 22, every: 500 ms,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
"""


def restore(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(target)) as db:
        db.executescript(source.read_text("utf-8"))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The state folder of an older version."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    restore(FOLDER / "state-v6.sql", folder / "state.db")
    restore(FOLDER / "journal-v1.sql", folder / "journal.db")
    return folder


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, by the columns that the table has."""
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: sorted(db.execute(f'SELECT * FROM "{table}"'), key=repr) for table in tables}


@pytest.mark.fault(
    "file of another version",
    part="state",
    outcome="A file of an older version is brought to the newest and loses no row.",
)
@pytest.mark.parametrize("source", DUMPS, ids=lambda source: source.stem)
def test_a_dump_migrates_and_loses_no_row(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    restore(source, path)
    before = contents(path)
    schema, _, version = source.stem.partition("-v")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        migrate(db, schema, path.name)
        newest = db.execute("PRAGMA user_version").fetchone()[0]
        sound = db.execute("PRAGMA integrity_check").fetchone()[0]
    after = contents(path)

    assert (found, newest, sound) == (int(version), newest_version(schema), "ok")
    for table, rows in before.items():
        assert [row[: len(rows[0])] for row in after[table]] == rows if rows else table in after


@pytest.mark.parametrize("schema", ["state", "ledger", "journal"])
def test_a_database_of_any_version_becomes_what_a_new_one_is(schema: str, tmp_path: Path) -> None:
    shapes = []
    for version in range(newest_version(schema) + 1):
        path = tmp_path / f"{version}.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            migrate(db, schema, path.name, until=version)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            migrate(db, schema, path.name)
            shapes.append(db.execute("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY 2").fetchall())

    assert shapes == [shapes[0]] * len(shapes)


async def test_the_files_of_an_older_version_open_with_all_they_held(old: Path, clock: ManualClock) -> None:
    async with open_files(old, JournalSettings(), now=clock.now, timezone=ZoneInfo("Europe/Berlin")) as files:
        alarms = await list_alarms(files.state, include_cleared=True)
        kept = await everything(files.journal)
        alarms_position = await files.state.position("alarms")

    assert files.restored is None
    assert {(alarm.device, alarm.state, alarm.response) for alarm in alarms} == {
        ("pump-1", "clear", "unacked"),
        ("pump-2", "active", "acked"),
    }
    assert len(kept) == 54
    assert 0 < alarms_position <= kept[-1].position


def test_a_dump_of_a_dump_is_the_same(tmp_path: Path) -> None:
    for source in DUMPS:
        path = tmp_path / f"{source.stem}.db"
        restore(source, path)

        assert "".join(f"{line}\n" for line in dump(path)) == source.read_text("utf-8")


@pytest.mark.fault(
    "file of another version",
    part="whole monitor",
    outcome="With the files of an older version it goes on where that one was.",
)
def test_the_daemon_goes_on_with_the_state_of_an_older_version(old: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(modbus=free_port()))
    with Daemon(site, old) as daemon:
        daemon.start()
        alarms = {alarm["device"]: alarm for alarm in daemon.ask("alarms")}
        daemon.until(
            lambda: daemon.get("status")["connections"]["plant-room"]["failed"], "the pumps are asked again"
        )
        assert daemon.stop() == 0

    assert (alarms["pump-2"]["state"], alarms["pump-2"]["response"]) == ("active", "acked")
    assert alarms["pump-2"]["acknowledged_by"] == "root"
    assert not find_fault(old / "state.db", STATE.schema, STATE.application)


@pytest.mark.parametrize("schema", ["state", "journal", "ledger", "access"])
def test_each_step_of_a_schema_has_a_number_of_its_own(schema: str) -> None:
    """Of two with the same number, a database that has seen one would never see the other."""
    folder = Path(migrating.__file__).parent / "schema" / schema
    numbers = [int(file.name[:4]) for file in sorted(folder.glob("*.sql"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_an_alarm_that_lasts_over_an_upgrade_is_known_to_have_been_begun_by_the_sink_of_then(
    tmp_path: Path,
) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as db:
        migrate(db, "state", "state.db", until=12)
        db.execute("INSERT INTO influx_occurrences VALUES ('o-1', x'00', 1, 1, NULL, NULL, 1)")
        migrate(db, "state", "state.db")
        found = db.execute("SELECT * FROM influx_started").fetchall()

    assert found == [("o-1", "influxdb")]
