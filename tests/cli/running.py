"""Commands as a user runs them: processes of their own, or from the same entry in this one."""

import asyncio
import io
import json
import os
import sys
import threading
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from monitor.cli import main

__all__ = ["Ran", "aside", "command", "rows", "within"]


_ONE = threading.Lock()
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
    """Run `facility-monitor WORDS` to its end as a process; `text` comes on its standard input."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "monitor",
        *map(str, words),
        stdin=None if text is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environ(home),
    )
    out, err = await asyncio.wait_for(running.communicate(None if text is None else text.encode()), 90)
    assert running.returncode is not None
    return Ran(running.returncode, out.decode(), err.decode())


async def aside(*words: str | Path, home: Path | None = None, text: str | None = None) -> Ran:
    """Do the same in a thread of this process, which spares the second that a process takes to begin."""
    return await asyncio.to_thread(within, *words, home=home, text=text or "")


def _environ(home: Path | None) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return environ if home is None else environ | {"HOME": str(home)}


def within(*words: str | Path, home: Path | None = None, text: str = "") -> Ran:
    """Run `facility-monitor WORDS` in this process, without a terminal: much faster where a test says many."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    argv = ["facility-monitor", *map(str, words)]
    with (
        _ONE,
        patch.object(sys, "argv", argv),
        patch.object(sys, "stdin", io.StringIO(text)),
        patch.dict(os.environ, _environ(home), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ResourceWarning)  # the end of a process closes what httpx leaves open
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return Ran(code, _text(out), _text(err))


def _text(said: io.TextIOWrapper) -> str:
    assert isinstance(said.buffer, io.BytesIO)
    return said.buffer.getvalue().decode()


def rows(out: str) -> list[str]:
    """The lines, with one space between the words."""
    return [" ".join(line.split()) for line in out.splitlines()]
