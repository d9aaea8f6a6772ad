"""The files of a state folder after a power cut at any moment, and whether the cut is made as a disk makes it."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from zoneinfo import ZoneInfo

import pytest

from monitor.access.pseudonyms import Pseudonyms
from monitor.journal.files import open_files
from monitor.model import Position
from monitor.ports import Gap
from monitor.site import JournalSettings
from tests.faults.checks import wrong_with_files
from tests.faults.power import HOW, Disk, Step, compile_library

_MOMENTS = 40


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(tmp_path_factory.mktemp("power"))


@pytest.fixture
def disk(tmp_path: Path, library: Path) -> Disk:
    return Disk(tmp_path / "state", tmp_path / "power.log", library)


def _run(disk: Disk, code: str, *arguments: object) -> list[str]:
    """Run Python with the disk watched; answers what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, env=os.environ | disk.environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout.split()


_FILES = """
import os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
def put(name, text, *, sync=False, mode="w"):
    with open(os.path.join(sys.argv[1], name), mode) as file:
        file.write(text)
        file.flush()
        if sync:
            os.fsync(file.fileno())
put("kept", "first", sync=True)
put("renamed", "whole", sync=True)
put("gone", "x", sync=True)
os.fsync(folder)
put("kept", "second", sync=True)
put("kept", " and third", mode="a")
put("unnamed", "synced, but in no folder", sync=True)
os.rename(os.path.join(sys.argv[1], "renamed"), os.path.join(sys.argv[1], "new"))
os.unlink(os.path.join(sys.argv[1], "gone"))
"""


def test_a_cut_leaves_what_was_synced_and_nothing_else(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    _run(disk, _FILES, tmp_path / "state")

    disk.cut("synced", random.Random(1))

    left = {each.name: each.read_text() for each in (tmp_path / "state").iterdir()}
    assert left == {"kept": "second", "renamed": "whole", "gone": "x"}


def test_what_was_not_synced_may_be_there_in_part(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    _run(disk, _FILES, tmp_path / "state")
    steps, dice = disk.steps(), random.Random(1)

    lefts = [disk.at(steps, how, dice) for how in ("torn", "scattered") for _ in range(50)]

    assert {left["kept"] for left in lefts} > {b"second", b"second and", b"second and third"}
    assert {"new" in left for left in lefts} == {"renamed" in left for left in lefts} == {True, False}
    assert all(left.get("new", left.get("renamed")) == b"whole" for left in lefts)


def test_a_database_that_does_not_sync_is_found_out(disk: Disk, tmp_path: Path) -> None:
    """The counter-proof: without FULL, SQLite loses what it has committed, and this disk shows it."""
    (tmp_path / "state").mkdir()
    code = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = " + sys.argv[2])
db.execute("CREATE TABLE t (n)")
db.execute("INSERT INTO t VALUES (1)")
os.kill(os.getpid(), 9)
"""
    kept = {}
    for durability in ("NORMAL", "FULL"):
        name = f"{durability}.db"
        _run(disk, code, tmp_path / "state" / name, durability)
        disk.cut("synced", random.Random(1))
        with closing(connect(tmp_path / "state" / name)) as db:
            tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            kept[durability] = tables and db.execute("SELECT count(*) FROM t").fetchone()[0]

    assert kept == {"NORMAL": 0, "FULL": 1}


_STATE = """
import asyncio, os, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from monitor.access.pseudonyms import Pseudonyms
from monitor.journal.files import open_files
from monitor.journal.state import set_position
from monitor.model import Event
from monitor.ports import Batch
from monitor.site import JournalSettings

def note(told, name):
    (folder / "told").write_text(f"{name} {told}")

async def main():
    Pseudonyms.open(folder)
    now, zone = (lambda: 1_700_000_000_000), ZoneInfo("UTC")
    async with open_files(folder, JournalSettings(), now=now, timezone=zone) as files:
        for number in range(30):
            event = Event(device="d", kind="card", time=number, arrived=number, id=str(number), attributes={})
            position = await files.journal.append([Batch(entries=[event])])
            note(position, "journal")
            await files.state.transact(lambda db: set_position(db, "somebody", position))
            note(position, "state")
            if number == 10:
                await asyncio.to_thread(files.copies.copy)
        os.kill(os.getpid(), 9)

folder = Path(sys.argv[1])
asyncio.run(main())
"""


@pytest.mark.fault(
    "power cut",
    part="journal",
    outcome="At every moment, the first start included, the journal opens by itself and has all that it"
    " has committed.",
)
@pytest.mark.fault(
    "power cut",
    part="state",
    outcome="At every moment the state opens by itself, has every committed transaction, and is never ahead of the"
    " journal.",
)
async def test_after_a_cut_at_any_moment_the_files_open_and_hold_what_was_told(disk: Disk, tmp_path: Path) -> None:
    folder, seed = tmp_path / "state", random.randrange(10_000)
    dice = random.Random(seed)
    folder.mkdir(mode=0o700)
    await asyncio.to_thread(_run, disk, _STATE, folder)
    steps = disk.steps()
    assert len(steps) > 10 * _MOMENTS

    for moment in sorted(dice.sample(range(len(steps)), _MOMENTS)):
        how = dice.choice(HOW)
        left = disk.at(steps[:moment], how, dice)
        _lay(folder, left)
        told = _told(steps[:moment])

        wrong = await _opened(folder, told)

        assert not wrong, (
            seed,
            moment,
            steps[moment].what,
            how,
            told,
            {name: len(left[name]) for name in left},
            wrong,
        )


def _lay(folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


def _told(steps: list[Step]) -> dict[str, int]:
    """The newest position of journal and state that the program had told the world."""
    told = {"journal": 0, "state": 0}
    for step in steps:
        if step.what == "W" and step.data.startswith((b"journal ", b"state ")):
            name, position = step.data.decode().split()
            told[name] = int(position)
    return told


async def _opened(folder: Path, told: dict[str, int]) -> list[str]:
    """Open the files as the daemon does; answers what is wrong with them."""
    Pseudonyms.open(folder)
    now = 1_700_000_000_000
    async with open_files(folder, JournalSettings(), now=lambda: now, timezone=ZoneInfo("UTC")) as files:
        wrong = [f"replaced: {files.what_was_replaced()}"] if files.what_was_replaced() else []
        there = await files.journal.read(Position(0), 1000)
        end, position = files.journal.last, await files.state.position("somebody")
        if isinstance(there, Gap) or [each.position for each in there] != list(range(1, end + 1)):
            wrong.append(f"the journal has gaps: {there}")
        if end < told["journal"]:
            wrong.append(f"the journal ends at {end}")
        if not told["state"] <= position <= end:
            wrong.append(f"the state is at {position}, the journal at {end}")
    return wrong + list(wrong_with_files(folder))
