"""Commands as a user runs them: processes of their own, or from the same entry in this one."""

import asyncio
import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from monitor.cli import main

__all__ = ["Ran", "command", "rows", "within"]


_ELSEWHERE = {"XDG_STATE_HOME", "STATE_DIRECTORY"}


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def command(*words: str | Path, home: Path | None = None, text: str | None = None) -> Ran:
    """Run `facility-monitor WORDS` to its end; `text` comes on its standard input."""
    environ = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    if home is not None:
        environ["HOME"] = str(home)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "monitor",
        *map(str, words),
        stdin=None if text is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ,
    )
    out, err = await asyncio.wait_for(process.communicate(None if text is None else text.encode()), 90)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def within(*words: str | Path) -> Ran:
    """Run `facility-monitor WORDS` in this process, without a terminal: much faster where a test says many."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = ["facility-monitor", *map(str, words)]
    given = patch.object(sys, "argv", argv), patch.object(sys, "stdin", io.StringIO())
    with given[0], given[1], redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return Ran(code, out.getvalue(), err.getvalue())


def rows(out: str) -> list[str]:
    """The lines, with one space between the words."""
    return [" ".join(line.split()) for line in out.splitlines()]
