"""Commands as a user runs them: processes of their own, or from the same entry in this one."""

import asyncio
import gc
import io
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from traceback import clear_frames
from typing import Any
from unittest.mock import patch

import structlog

from monitor.cli import main

__all__ = ["Ran", "aside", "command", "rows", "within"]


_ONE = threading.Lock()
_IS_COMMAND = ContextVar("_IS_COMMAND", default=False)
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
        _as_it_was(),
        patch.object(sys, "argv", argv),
        patch.object(sys, "stdin", io.StringIO(text)),
        patch.dict(os.environ, _environ(home), clear=True),
        _ours(),
        redirect_stdout(_Divided(out, sys.stdout)),  # type: ignore[type-var]
        redirect_stderr(_Divided(err, sys.stderr)),  # type: ignore[type-var]
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ResourceWarning)  # the end of a process closes what httpx leaves open
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            _let_go(ended)
    return Ran(code, _text(out), _text(err))


class _Divided:
    """An output of the process: what the command says, and whatever runs beside it goes where it went."""

    def __init__(self, said: io.TextIOBase, others: Any) -> None:
        self._said = said
        self._others = others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._said if _IS_COMMAND.get() else self._others, name)


@contextmanager
def _ours() -> Iterator[None]:
    """Know by its context what the command does: threads and tasks that it begins are its own."""
    before = _IS_COMMAND.set(True)
    try:
        yield
    finally:
        _IS_COMMAND.reset(before)


def _let_go(error: BaseException | None) -> None:
    """Free what an error's frames hold, as the end of a process does: sockets that nobody answers at."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__context__


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Undo what a command does to its process, which here is that of all tests: to its log and its collector."""
    root, log, is_set = logging.getLogger(), structlog.get_config(), structlog.is_configured()
    level, seldom = root.level, gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*seldom)
        root.setLevel(level)
        structlog.configure(**log) if is_set else structlog.reset_defaults()


def _text(said: io.TextIOWrapper) -> str:
    assert isinstance(said.buffer, io.BytesIO)
    return said.buffer.getvalue().decode()


def rows(out: str) -> list[str]:
    """The lines, with one space between the words."""
    return [" ".join(line.split()) for line in out.splitlines()]
