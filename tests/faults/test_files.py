"""A disk that fails under the running daemon, and state folders in which something else stands."""

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.errors import JournalError
from monitor.journal.files import Files, open_files
from monitor.journal.state import set_position
from monitor.model import Reading
from monitor.ports import Batch
from monitor.simulation.modbus import Unit
from monitor.site import JournalSettings
from tests.end_to_end.daemon import COMMAND, Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.end_to_end.works import SITE, mails, numbers, polls
from tests.faults.checks import wrong_with_files
from tests.faults.eio import FailingDisk
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

_NOW = 1_700_000_000_000
_REFUSED, _SETTINGS = 1, 78


@dataclass(frozen=True)
class _Works:
    """The site of these tests: nothing runs but its servers."""

    daemon: Daemon
    disk: FailingDisk
    broker: Mosquitto
    mail: MailServer
    endpoint: Endpoint


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FailingDisk.compile(tmp_path_factory.mktemp("eio"))


@contextmanager
def _works(folder: Path, library: Path) -> Iterator[_Works]:
    folder.mkdir(exist_ok=True)
    with ExitStack() as running:
        broker = running.enter_context(Mosquitto(folder / "broker"))
        mail = running.enter_context(MailServer())
        endpoint = running.enter_context(Endpoint({1: Unit(), 21: Unit(), 22: Unit()}))
        site = folder / "site.yaml"
        site.write_text(SITE.format(modbus=endpoint.port, broker=broker.url, mail=mail.port))
        disk = FailingDisk(folder / "state", library)
        daemon = running.enter_context(Daemon(site, folder / "state", disk.environ))
        yield _Works(daemon, disk, broker, mail, endpoint)


# While it runs -----------------------------------------------------------------------------------------

_FAILURES = {
    "read-only": ("wsn", "", errno.EROFS),
    "writes of the journal": ("w", "journal.db", errno.EIO),
    "fsync of the journal": ("s", "journal.db", errno.EIO),
    "writes and fsync of the state": ("ws", "state.db", errno.EIO),
}


@pytest.mark.fault(
    "disk read-only",
    part="whole monitor",
    outcome="Meters are polled on, nothing is acknowledged to a broker, alarms are judged from memory, and people"
    " are told directly when it begins and when it is over. It goes on by itself; nothing is lost or doubled.",
)
@pytest.mark.fault(
    "I/O error",
    part="whole monitor",
    outcome="When writing or syncing fails: polled on, not acknowledged, told directly, gone on by itself, nothing"
    " lost or doubled.",
)
def test_a_disk_that_fails_while_it_runs_loses_and_doubles_nothing(tmp_path: Path, library: Path) -> None:
    """Each failure has a site of its own; most of the time all of them wait."""

    def live(number: int, failure: tuple[str, str, int]) -> None:
        with _works(tmp_path / str(number), library) as works:  # a longer name makes the socket's path too long
            _live_through(works, *failure)

    with ThreadPoolExecutor(len(_FAILURES)) as sites:
        list(sites.map(live, range(len(_FAILURES)), _FAILURES.values()))


def _live_through(works: _Works, calls: str, name: str, error: int) -> None:
    daemon, mail = works.daemon, works.mail
    daemon.start()
    with NumberedPublisher(works.broker.port, lambda _: "meters/counter", a_second=20) as publisher:
        daemon.until(lambda: numbers(daemon) or publisher.say("meters/counter", 0), "the counter is heard")
        publisher.begin()
        daemon.until(lambda: len(numbers(daemon)) > 20, "messages are kept")
        works.disk.fail(calls, name, error)
        works.endpoint[22].set("discrete", 0, [1])
        daemon.until(lambda: len(mails(mail, "ana")) > 1, "an alarm and the outage are told")
        polled = polls(daemon)
        daemon.until(lambda: polls(daemon) > polled + 5, "the meters are polled on")
        works.disk.mend()
        daemon.until(lambda: any("OVER" in each for each in mails(mail, "ana")), "its end is told")
        daemon.until(lambda: daemon.memory("SELECT 1 FROM alarm WHERE device = 'pump-2'"), "the alarm is recorded")
        publisher.end()
        until(lambda: not publisher.waits, "the broker has acknowledged every message")
        daemon.until(lambda: set(publisher.acknowledged) <= set(numbers(daemon)), "every message is kept")
        assert daemon.stop() == 0

    assert Counter(number for number in numbers(daemon) if number) == Counter(publisher.acknowledged)
    told = Counter(mails(mail, "ana"))
    assert told["[CRITICAL] Nothing can be recorded: works"] == told["[OVER] Recording works again: works"] == 1
    assert 1 <= told["[HIGH] fault: pump-2"] <= 2
    assert set(Counter(time for time, _ in daemon.readings("meter")).values()) == {1}
    assert not list(wrong_with_files(daemon.state))


# At the start ------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site.yaml"
    site.write_text("site: {id: works, timezone: UTC}\nconnections: []\ndevices: []\n")
    return site


def _run(site: Path, folder: Path, *before: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Start the daemon on a folder on which it ends by itself."""
    return subprocess.run(
        [*before, *COMMAND, "run", str(site), "--state", str(folder)],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


_OPEN = """
import asyncio, pathlib, sys, zoneinfo
from monitor.journal.files import open_files
from monitor.site import JournalSettings

async def main():
    folder, zone = pathlib.Path(sys.argv[1]), zoneinfo.ZoneInfo("UTC")
    async with open_files(folder, JournalSettings(), now=lambda: 1_700_000_000_000, timezone=zone):
        pass

asyncio.run(main())
"""


def _open(folder: Path, *before: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Open the files of a folder in a process of its own, as the daemon does at its start."""
    return subprocess.run(
        [*before, sys.executable, "-c", _OPEN, str(folder)],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _opened(folder: Path, look: Callable[[Files], object] = lambda _: None) -> object:
    """Open the files of a folder as the daemon does, once."""

    async def open_them() -> object:
        zone = ZoneInfo("UTC")
        async with open_files(folder, JournalSettings(), now=lambda: _NOW, timezone=zone) as files:
            return look(files)

    return asyncio.run(open_them())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with five readings, a consumer that has applied them, and a copy of the state."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)

    async def fill() -> None:
        zone = ZoneInfo("UTC")
        async with open_files(folder, JournalSettings(), now=lambda: _NOW, timezone=zone) as files:
            readings = [Reading(device="meter", time=n, arrived=n, values={"power_w": 1.0}) for n in range(5)]
            last = await files.journal.append([Batch(entries=readings)])
            await files.state.transact(lambda db: set_position(db, "alarms", last))
            await asyncio.to_thread(files.copies.copy)

    asyncio.run(fill())
    return folder


def _all_of(folder: Path) -> dict[str, object]:
    """What stands in a folder: of each name its kind, and its content or its target."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            found[path.name] = ("link", str(path.readlink()))
        else:
            found[path.name] = (stat.S_IFMT(mode), path.read_bytes() if stat.S_ISREG(mode) else b"")
    del found["journal.db.lock"]
    return found


def _be_folder(path: Path) -> None:
    path.mkdir()
    (path / "somebodys").write_text("work")


def _be_link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent.parent / "not-mounted" / path.name)


def _be_link_to_absent_file(path: Path) -> None:
    path.symlink_to(path.parent.parent / "not-there")


@pytest.mark.fault(
    "foreign file",
    part="journal",
    outcome="Where a folder, a pipe or a link to nowhere stands in its place, the start ends with 1, says what"
    " stands there and what to do, and touches nothing.",
)
@pytest.mark.fault(
    "foreign file",
    part="state",
    outcome="Where a folder, a pipe or a link to nowhere stands in its place, the start ends with 1, says what"
    " stands there and what to do, and touches nothing, although there is a copy.",
)
@pytest.mark.parametrize(
    ("put", "said"),
    [
        (_be_folder, "is no file but a folder; move it away"),
        (os.mkfifo, "is no file but a pipe; move it away"),
        (_be_link_to_nowhere, "is a link to .*not-mounted.* which is not there; mount its disk"),
        (_be_link_to_absent_file, "is a link to .*not-there, which is not there"),
    ],
)
@pytest.mark.fault(
    "foreign file",
    part="ledger",
    outcome="Where a folder, a pipe or a link to nowhere stands in its place, the start ends with 1, says what"
    " stands there and what to do, and touches nothing.",
)
@pytest.mark.parametrize("name", ["journal.db", "state.db", "ledger.db", "access.db"])
def test_what_is_no_file_is_named_and_left_alone(
    folder: Path, name: str, put: Callable[[Path], object], said: str
) -> None:
    (folder / name).unlink()
    put(folder / name)
    before = _all_of(folder)

    with pytest.raises(JournalError, match=f"{name} {said}"):
        _opened(folder)
    assert _all_of(folder) == before


def _write_text(path: Path) -> None:
    path.write_text("Dear caretaker,\n" * 500)


def _write_other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text)")


def _write_log_alone(path: Path) -> None:
    path.unlink()
    path.with_name(path.name + "-wal").write_bytes(b"what somebody's database has not written yet" * 200)


@pytest.mark.fault(
    "foreign file",
    part="journal",
    outcome="A text, another program's database or a write-ahead log alone is moved aside whole and said aloud;"
    " the new journal begins above every position that is known.",
)
@pytest.mark.parametrize("put", [_write_text, _write_other_database, _write_log_alone])
def test_a_foreign_journal_is_moved_aside_whole(folder: Path, put: Callable[[Path], None]) -> None:
    put(folder / "journal.db")
    foreign = {each.name[len("journal.db") :]: each.read_bytes() for each in folder.glob("journal.db*")}
    del foreign[".lock"]

    last = _opened(folder, lambda files: files.journal.last)

    (aside,) = {each.name.partition("-wal")[0] for each in folder.glob("journal.db.corrupt-*")}
    assert {ending: (folder / f"{aside}{ending}").read_bytes() for ending in foreign} == foreign
    assert last == 5


@pytest.mark.fault(
    "foreign file",
    part="state",
    outcome="A text, another program's database or a write-ahead log alone is moved aside whole, and the newest"
    " good copy takes its place; without a copy the start ends with 1 and says what to do.",
)
@pytest.mark.parametrize("put", [_write_text, _write_other_database, _write_log_alone])
def test_a_foreign_state_is_moved_aside_or_left_and_never_lost(folder: Path, put: Callable[[Path], None]) -> None:
    put(folder / "state.db")
    shutil.copytree(folder, folder.with_name("without"))
    (folder.with_name("without") / "state.db.copy").unlink()
    foreign = {each.name: each.read_bytes() for each in (*folder.glob("state.db"), *folder.glob("state.db-wal"))}
    before = _all_of(folder.with_name("without"))

    _opened(folder)
    with pytest.raises(JournalError, match="no good copy of it"):
        _opened(folder.with_name("without"))

    kept = [each.read_bytes() for each in folder.glob("state.db.corrupt-*")]
    assert sorted(kept) == sorted(foreign.values())
    assert _all_of(folder.with_name("without")) == before


def test_an_empty_journal_begins_above_what_is_known(folder: Path) -> None:
    os.truncate(folder / "journal.db", 0)

    assert _opened(folder, lambda files: files.journal.last) == 5


def test_shared_memory_that_was_left_by_another_file_is_harmless(folder: Path) -> None:
    for name in ("journal.db", "state.db", "ledger.db", "access.db"):
        (folder / f"{name}-shm").write_bytes(os.urandom(32_768))

    assert _opened(folder, lambda files: (files.journal.last, files.what_was_replaced())) == (5, {})


@pytest.mark.fault(
    "I/O error",
    part="journal",
    outcome="When it cannot be read, the start ends with 1 and moves nothing aside; the service tries again.",
)
@pytest.mark.fault(
    "I/O error",
    part="state",
    outcome="When it cannot be read, the start ends with 1 and touches nothing, although there is a copy.",
)
@pytest.mark.parametrize("name", ["journal.db", "state.db"])
def test_a_file_that_cannot_be_read_at_the_start_is_left_alone(
    site: Path, folder: Path, library: Path, name: str
) -> None:
    disk = FailingDisk(folder, library)
    disk.fail("r", name)
    before = (folder / name).read_bytes()

    ended = _run(site, folder, **disk.environ)

    assert ended.returncode == _REFUSED, ended.stderr
    assert name in ended.stderr
    assert "disk I/O error" in ended.stderr
    assert (folder / name).read_bytes() == before
    assert not list(folder.glob("*.corrupt-*"))


@pytest.mark.fault(
    "I/O error",
    part="ledger",
    outcome="When it cannot be read at the start, it is moved aside and a copy or a new ledger takes its place: a"
    " bad sector under it keeps nothing else from running.",
)
def test_a_ledger_that_the_disk_cannot_read_does_not_keep_the_monitor_from_running(
    site: Path, folder: Path, library: Path
) -> None:
    # A link, so that what fails is the file and not the name: the new ledger lies on good sectors.
    (folder / "ledger.db").rename(folder / "bad-sectors.db")
    (folder / "ledger.db").symlink_to(folder / "bad-sectors.db")
    before = (folder / "bad-sectors.db").read_bytes()
    disk = FailingDisk(folder, library)
    disk.fail("r", "bad-sectors.db")

    with Daemon(site, folder, disk.environ) as daemon:
        daemon.start()
        facts = daemon.get("status")["journal"]
        assert daemon.stop() == 0

    assert facts["ledger_replaced"] is True
    assert (folder / str(facts["ledger_moved_aside"])).readlink() == folder / "bad-sectors.db"
    assert (folder / "bad-sectors.db").read_bytes() == before
    assert (folder / "ledger.db").is_file()


@pytest.mark.parametrize("name", ["journal.db", "state.db", "ledger.db", "access.db"])
def test_a_file_without_permission_is_left_alone(site: Path, folder: Path, name: str) -> None:
    (folder / name).chmod(0)
    # Root may read everything, unless it cannot get that power.
    before: Sequence[str] = ()
    if os.access(folder / name, os.R_OK):
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        if subprocess.run([*before, "cat", str(folder / name)], check=False, capture_output=True).returncode == 0:
            pytest.skip("the power of root to read everything cannot be given away here")

    # One of them shows what becomes of a start; of the others, that the files are not opened is enough.
    ended = _run(site, folder, *before) if name == "journal.db" else _open(folder, *before)

    assert ended.returncode == _REFUSED, ended.stderr
    assert name in ended.stderr
    (folder / name).chmod(0o600)
    assert _opened(folder, lambda files: (files.journal.last, files.what_was_replaced())) == (5, {})


@pytest.mark.fault(
    "wrong settings",
    part="state",
    outcome="A state folder on a path that is a file ends the start with 78 and says so; the file is as it was.",
)
@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_state_folder_that_is_a_file_is_a_wrong_setting(site: Path, tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("somebody's work")

    ended = _run(site, file / below)

    assert ended.returncode == _SETTINGS
    assert "name another one with --state" in ended.stderr
    assert file.read_text() == "somebody's work"


@pytest.mark.fault(
    "disk read-only",
    part="state",
    outcome="On a disk that is read-only at the start, the start ends with 1 and what to look at; the service"
    " tries again, and goes on when the disk takes writes.",
)
def test_a_start_on_a_read_only_disk_ends_with_what_to_do(site: Path, folder: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(folder, small / "state")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        ended = _run(site, small / "state")
        subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
        last = _opened(small / "state", lambda files: files.journal.last)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)

    assert ended.returncode == _REFUSED, ended.stderr
    assert "Read-only file system; look at the disk" in ended.stderr
    assert last == 5
