"""An fsync that fails: what it was to bring to the disk is lost there, although it can be read for a while."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Position
from monitor.ports import Gap
from monitor.site import JournalSettings
from tests.faults.eio import FailingDisk
from tests.faults.power import Disk, compile_library

_WRITER = """
import asyncio, os, sys
from pathlib import Path
from monitor.errors import JournalError
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Reading
from monitor.ports import Batch
from monitor.site import JournalSettings

async def main(folder, first, fails_at, gives_up):
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=lambda: 5)
    for number in range(first, first + 20):
        key = f"broker:{number}"
        entry = Reading(device="meter", time=number, arrived=number, values={"power_w": 1.0})
        if number == fails_at:
            Path(os.environ["EIO_WHEN"]).write_text("s 5 journal.db")
        for attempt in range(1, 100):
            try:
                await journal.append([Batch(entries=[entry], id=key, redelivered=gives_up and first > 1)])
                break
            except JournalError:
                if attempt == 3:
                    if gives_up:
                        os.kill(os.getpid(), 9)
                    Path(os.environ["EIO_WHEN"]).unlink()
        (folder / "told").open("a").write(f"{number}\\n")
    os.kill(os.getpid(), 9)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), len(sys.argv) > 4))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def failing(folder: Path, tmp_path: Path) -> FailingDisk:
    return FailingDisk(folder, FailingDisk.compile(tmp_path))


@pytest.fixture
def disk(folder: Path, tmp_path: Path) -> Disk:
    return Disk(folder, tmp_path / "power.log", compile_library(tmp_path))


def _write(disk: Disk, failing: FailingDisk, folder: Path, first: int, fails_at: int, *gives_up: str) -> None:
    """Keep twenty readings, each until it is kept; the fsync of one of them fails three times."""
    both = f"{disk.environ['LD_PRELOAD']} {failing.environ['LD_PRELOAD']}"
    done = subprocess.run(
        [sys.executable, "-c", _WRITER, str(folder), str(first), str(fails_at), *gives_up],
        env={**os.environ, **disk.environ, **failing.environ, "LD_PRELOAD": both},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


async def _times(folder: Path) -> Counter[int]:
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=lambda: 5)
    found = await journal.read(Position(0), 1000)
    assert not isinstance(found, Gap), found
    assert not journal.stats()["moved_aside"]
    await journal.close()
    return Counter(each.entry.time for each in found)


@pytest.mark.fault(
    "I/O error",
    part="journal",
    outcome="What an fsync has failed for counts as not kept and is written once more: it is there once, and none"
    " of it is lost when the power goes afterwards.",
)
async def test_what_an_fsync_failed_for_is_written_again_and_there_once(
    disk: Disk, failing: FailingDisk, folder: Path
) -> None:
    _write(disk, failing, folder, 1, 10)
    assert "X" in {step.what for step in disk.steps()}, "an fsync has failed"

    disk.cut("synced", random.Random(1))

    assert await _times(folder) == Counter(range(1, 21))


@pytest.mark.fault(
    "I/O error",
    part="journal",
    outcome="When the monitor dies after an fsync that has failed, the next start writes anew what it finds in the"
    " file: nothing that is kept afterwards stands behind a hole of the disk.",
)
async def test_a_start_does_not_build_on_what_an_fsync_failed_for(
    disk: Disk, failing: FailingDisk, folder: Path
) -> None:
    _write(disk, failing, folder, 1, 10, "gives up")
    failing.mend()
    _write(disk, failing, folder, 10, 0, "redelivered")

    disk.cut("synced", random.Random(1))

    assert await _times(folder) == Counter(range(1, 30))
