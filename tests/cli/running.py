"""Commands as a user runs them: processes of their own."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Ran", "command", "rows"]


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


def rows(out: str) -> list[str]:
    """The lines, with one space between the words."""
    return [" ".join(line.split()) for line in out.splitlines()]
