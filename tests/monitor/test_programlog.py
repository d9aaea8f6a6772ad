"""The program's log at a terminal, in a file and in systemd's journal."""

import json
import os
import subprocess
import sys
from pathlib import Path

LOGS = """
import logging, structlog
from monitor.programlog import write_log_to

write_log_to()
log = structlog.get_logger()
log.info("started")
log.warning("odd")
try:
    raise ValueError("two\\nlines")
except ValueError:
    log.error("failed", exc_info=True)
    logging.getLogger("library").exception("broke")
"""


def written(path: Path, journal_stream: str | None) -> list[str]:
    """What is logged into a file; "{own}" stands for what systemd would say of that file."""
    with path.open("w+b") as out:
        status = os.fstat(out.fileno())
        environ = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
        if journal_stream is not None:
            environ["JOURNAL_STREAM"] = journal_stream.format(own=f"{status.st_dev}:{status.st_ino}")
        subprocess.run([sys.executable, "-c", LOGS], stderr=out, env=environ, check=True)
    return path.read_text().splitlines()


def test_in_the_journal_each_line_begins_with_its_priority(tmp_path: Path) -> None:
    lines = written(tmp_path / "log", "{own}")

    assert [line[:3] for line in lines[:3]] == ["<6>", "<4>", "<3>"]
    assert [json.loads(line[3:])["event"] for line in lines[:3]] == ["started", "odd", "failed"]
    assert len(lines) > 5
    assert all(line.startswith("<3>") for line in lines[3:])


def test_elsewhere_there_are_json_lines_without_priorities(tmp_path: Path) -> None:
    assert [json.loads(line)["level"] for line in written(tmp_path / "log", None)[:3]] == [
        "info",
        "warning",
        "error",
    ]


def test_a_log_that_was_redirected_away_from_the_journal_has_no_priorities(tmp_path: Path) -> None:
    assert json.loads(written(tmp_path / "log", "1:2")[0])["event"] == "started"
