"""A disk on which a past has no room."""

import subprocess
from pathlib import Path

from tests.end_to_end.daemon import COMMAND

_ROOM = 1_500_000
"""Bytes that a file may have: what is more fails as on a full disk."""


def test_a_past_that_finds_no_room_says_so_in_a_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "prlimit",
            f"--fsize={_ROOM}",
            *COMMAND,
            "demo",
            "--seed-days",
            "1",
            "--for",
            "0s",
            "--state",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 78, done.stdout
    assert f"the past does not fit into {tmp_path}" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "seeding").exists()
    assert not (tmp_path / "journal.db").exists()
