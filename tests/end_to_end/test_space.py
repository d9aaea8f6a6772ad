"""A disk without room, and files that are damaged: the real daemon, a real broker, a real mail server."""

import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import COMMAND, Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.end_to_end.works import SITE, mails, numbers, polls
from tests.faults.checks import wrong_with_files
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint({1: Unit(), 21: Unit(), 22: Unit()}) as endpoint:
        yield endpoint


@pytest.fixture
def site(tmp_path: Path, broker: Mosquitto, mail: MailServer, endpoint: Endpoint) -> Path:
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(modbus=endpoint.port, broker=broker.url, mail=mail.port))
    return site


@pytest.fixture
def daemon(site: Path, tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(site, tmp_path / "state") as daemon:
        yield daemon


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The state folder on a file system of 8 MB, where mounting is allowed."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here; tests/journal/test_file.py shows the journal alone")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast


def _count(subjects: list[str], word: str) -> int:
    return sum(word in each for each in subjects)


@pytest.mark.fault(
    "disk full",
    part="whole monitor",
    outcome="Meters are polled on, nothing is acknowledged to a broker, alarms are judged from memory,"
    " and people are told directly when it begins and when it is over. It goes on by itself;"
    " nothing is lost or doubled.",
)
def test_a_full_disk_loses_nothing_and_people_hear_of_it(
    small_disk: Path, daemon: Daemon, broker: Mosquitto, mail: MailServer, endpoint: Endpoint
) -> None:
    daemon.start()
    with NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=50) as publisher:
        daemon.until(lambda: numbers(daemon) or publisher.say("meters/counter", 0), "the counter is heard")
        publisher.begin()
        daemon.until(lambda: len(numbers(daemon)) > 20, "messages are kept")
        ballast = fill(small_disk)
        daemon.until(lambda: mails(mail, "ana") and mails(mail, "ben"), "everybody is told of the outage")
        kept, polled = len(numbers(daemon)), polls(daemon)
        daemon.until(lambda: polls(daemon) > polled + 5, "the meter is polled on")
        assert len(numbers(daemon)) == kept, "nothing can be kept while the disk is full"
        assert daemon.get("status")["journal"]["failing"] is True
        endpoint[22].set("discrete", 0, [1])
        daemon.until(lambda: _mailed(mail, "[HIGH] fault: pump-2"), "an alarm is judged from memory and told")
        endpoint[22].set("discrete", 0, [0])
        daemon.until(lambda: _mailed(mail, "[CLEARED] fault: pump-2"), "its end is told")
        assert not daemon.memory("SELECT 1 FROM alarm"), "nothing of it is recorded"
        daemon.kill()
        ballast.unlink()
        daemon.start()
        daemon.until(lambda: len(numbers(daemon)) > kept, "messages are kept again")
        fill(small_disk)
        daemon.until(lambda: _count(mails(mail, "ana"), "Nothing") == 2, "the second outage is told")
        endpoint[21].set("discrete", 0, [1])
        daemon.until(lambda: _count(mails(mail, "ana"), "pump-1") == 1, "an alarm is told from memory")
        ballast.unlink()
        daemon.until(lambda: any("OVER" in each for each in mails(mail, "ana")), "its end is told")
        daemon.until(lambda: _count(mails(mail, "ana"), "pump-1") == 2, "it is told again, to be acknowledged")
        publisher.end()
        until(lambda: not publisher.waits, "the broker has acknowledged every message")
        daemon.until(lambda: set(publisher.acknowledged) <= set(numbers(daemon)), "every message is kept")
        outages = [event for event in daemon.entries(2) if event["kind"] == "health"]
        assert daemon.stop() == 0

    found = Counter(number for number in numbers(daemon) if number)
    assert found == Counter(publisher.acknowledged)
    assert [event["attributes"]["state"] for event in outages if event["device"] == "facility-monitor"] == [
        "unrecorded"
    ]
    assert sorted(mails(mail, "ana")) == [
        "[CLEARED] fault: pump-2",
        "[CRITICAL] Nothing can be recorded: works",
        "[CRITICAL] Nothing can be recorded: works",
        "[HIGH] fault: pump-1",
        "[HIGH] fault: pump-1",
        "[HIGH] fault: pump-2",
        "[OVER] Recording works again: works",
    ]
    assert [any(word in each for word in ("无法记录", "已恢复")) for each in mails(mail, "ben")] == [True] * 3
    assert "full" in mail.texts()[0]


@pytest.mark.fault(
    "file damaged",
    part="state",
    outcome="The newest good copy takes its place and the alarms since are rebuilt from the journal; what"
    " is still active is told once more.",
)
def test_a_damaged_state_is_restored_and_the_alarms_since_its_copy_are_rebuilt(
    daemon: Daemon, mail: MailServer, endpoint: Endpoint
) -> None:
    copy = daemon.state / "state.db.copy"
    daemon.start()
    daemon.until(copy.exists, "the first start makes a copy")
    for unit in (21, 22):
        endpoint[unit].set("discrete", 0, [1])
        daemon.until(lambda n=unit: _mailed(mail, f"[HIGH] fault: pump-{n - 20}"), "the fault is told")
    endpoint[21].set("discrete", 0, [0])
    daemon.until(lambda: _mailed(mail, "[CLEARED] fault: pump-1"), "the end of the first fault is told")
    daemon.until(lambda: not daemon.memory("SELECT 1 FROM produced"), "all is in the journal")
    before = _alarms(daemon)
    daemon.kill()
    steps = daemon.entries(4)
    for name in ("state.db", "state.db-wal"):
        (daemon.state / name).write_bytes(os.urandom(100_000))

    daemon.start()
    daemon.until(lambda: _alarms(daemon) == before, "the alarms are as they were")
    daemon.until(lambda: len(_told(mail, "pump-2")) == 2, "the alarm that is still active is told once more")
    daemon.until(lambda: not daemon.memory("SELECT 1 FROM produced"), "nothing is left to feed")
    endpoint[22].set("discrete", 0, [0])
    daemon.until(lambda: _mailed(mail, "[CLEARED] fault: pump-2"), "what comes after the restore is told")
    started = [event for event in daemon.entries(2) if event["kind"] == "monitor_started"][-1]
    assert daemon.stop() == 0

    after = daemon.entries(4)
    assert after[: len(steps)] == steps
    numbered = Counter((step["occurrence"], step["number"]) for step in after)
    assert set(numbered.values()) == {1}
    assert started["attributes"]["state_restored_from"] == "state.db.copy"
    assert (daemon.state / started["attributes"]["state_moved_aside"]).exists()
    assert Counter(mail.subjects()) == {
        "[HIGH] fault: pump-1": 1,
        "[CLEARED] fault: pump-1": 1,
        "[HIGH] fault: pump-2": 2,
        "[CLEARED] fault: pump-2": 1,
    }


@pytest.mark.fault(
    "file damaged",
    part="state",
    outcome="Without a good copy the start ends with 1 and the command that begins afresh; nothing is touched.",
)
def test_a_damaged_state_without_a_copy_ends_the_start_with_what_to_do(daemon: Daemon) -> None:
    daemon.start()
    daemon.until((daemon.state / "state.db.copy").exists, "the first start makes a copy")
    assert daemon.stop() == 0
    for name in ("state.db", "state.db.copy"):
        (daemon.state / name).write_bytes(b"no database" * 1000)
    refused = subprocess.run(
        [*COMMAND, "run", str(daemon.site), "--state", str(daemon.state)],
        capture_output=True,
        text=True,
        check=False,
    )
    command = refused.stderr.rpartition("To begin afresh: ")[2]

    assert refused.returncode == 1
    assert "no good copy" in refused.stderr
    assert os.system(command) == 0
    daemon.start()
    assert daemon.stop() == 0


@pytest.mark.fault(
    "file damaged",
    part="journal",
    outcome="Found damaged while it is used, it ends the monitor; the next start moves it aside and"
    " begins a new one above it.",
)
def test_a_journal_that_is_damaged_while_it_is_used_is_replaced_at_the_next_start(daemon: Daemon) -> None:
    daemon.start()
    daemon.until(lambda: len(daemon.readings("meter")) > 30, "the meter is read")
    file = daemon.state / "journal.db"
    _overwrite_pages(file)
    daemon.get("devices", "meter", "readings", last=1000)

    assert daemon.ends() == 1
    assert "journal.db is damaged" in daemon.tail()
    last = int((daemon.state / "journal.db.damaged").read_text())
    daemon.start()
    daemon.until(lambda: len(daemon.readings("meter")) > 5, "the meter is read again")
    status = daemon.get("status")
    positions = daemon.journal("SELECT min(position) AS first FROM entries")
    assert daemon.stop() == 0
    assert (daemon.state / status["journal"]["moved_aside"]).exists()
    assert last > 30
    assert positions[0]["first"] > last
    assert not (daemon.state / "journal.db.damaged").exists()


@pytest.mark.fault(
    "file damaged",
    part="whole monitor",
    outcome="With a damaged ledger and no copy of it the monitor starts, polls and judges; the event of the start,"
    " the status and the log say that a new one was begun.",
)
def test_a_damaged_ledger_keeps_nothing_from_running(daemon: Daemon, mail: MailServer, endpoint: Endpoint) -> None:
    daemon.start()
    daemon.until(lambda: len(daemon.readings("meter")) > 3, "the meter is read")
    daemon.kill()
    for name in ("ledger.db", "ledger.db-wal"):
        (daemon.state / name).write_bytes(os.urandom(100_000))

    daemon.start()
    endpoint[21].set("discrete", 0, [1])
    daemon.until(lambda: _mailed(mail, "[HIGH] fault: pump-1"), "an alarm is judged and told")
    facts = daemon.get("status")["journal"]
    started = [event for event in daemon.entries(2) if event["kind"] == "monitor_started"][-1]
    assert daemon.stop() == 0

    assert (facts["ledger_replaced"], facts["ledger_restored"], facts["ledger_failing"]) == (True, 0, False)
    assert started["attributes"]["ledger_moved_aside"] == facts["ledger_moved_aside"]
    assert "ledger_restored_from" not in started["attributes"]
    assert (daemon.state / facts["ledger_moved_aside"]).stat().st_size == 100_000
    assert "ledger_begun_afresh" in daemon.tail()
    assert not list(wrong_with_files(daemon.state))


def _overwrite_pages(path: Path) -> None:
    """Bring all into the file itself, then overwrite all but its first two pages."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(2 * 4096)
        file.write(os.urandom(size - 2 * 4096))


def _alarms(daemon: Daemon) -> list[dict[str, Any]]:
    columns = "occurrence, rule, device, state, response, severity, raised_at, cleared_at"
    return [dict(row) for row in daemon.memory(f"SELECT {columns} FROM alarm ORDER BY device")]


def _mailed(mail: MailServer, subject: str) -> bool:
    return subject in mail.subjects()


def _told(mail: MailServer, device: str) -> list[str]:
    return [subject for subject in mail.subjects() if device in subject]
