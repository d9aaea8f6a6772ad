"""A command at a terminal: a pseudo-terminal, on which a person reads a question before answering it."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Terminal"]

_PATIENCE = 30.0


class Terminal:
    """Runs `facility-monitor WORDS` at a terminal of its own; `shown` is all that it has printed."""

    def __init__(self, *words: str | Path) -> None:
        self.shown = ""
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            ["env", "--default-signal=INT", "setsid", "--ctty", sys.executable, "-m", "monitor", *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TZ": "Europe/Berlin", "TERM": "dumb"},
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def answer(self, question: str, text: str = "") -> str:
        """Wait for a question, type an answer; returns what was shown up to the question."""
        before = len(self.shown)
        deadline = time.monotonic() + _PATIENCE
        while question not in self.shown[before:] or not self.shown.endswith(": "):
            assert self._read(deadline), f"`{question}` was not asked:\n{self.shown}"
        os.write(self._ours, f"{text}\n".encode())
        return self.shown[before:]

    def interrupt(self, question: str) -> None:
        """Press Ctrl-C once a question has been asked and the program has sat down to wait."""
        before = len(self.shown)
        deadline = time.monotonic() + _PATIENCE
        while question not in self.shown[before:] or not self.shown.endswith(": "):
            assert self._read(deadline), f"`{question}` was not asked:\n{self.shown}"
        time.sleep(0.3)
        os.write(self._ours, b"\x03")

    def press_ctrl_c(self, after: str) -> None:
        """Press Ctrl-C as soon as something has been shown."""
        deadline = time.monotonic() + _PATIENCE
        while after not in self.shown:
            assert self._read(deadline), f"`{after}` was not shown:\n{self.shown}"
        os.write(self._ours, b"\x03")

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        deadline = time.monotonic() + _PATIENCE
        while self._read(deadline):
            pass
        return self._process.wait(_PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            chunk = os.read(self._ours, 65536) if ready else b""
        except OSError:  # Linux says so when the other end is closed
            chunk = b""
        self.shown += chunk.decode(errors="replace").replace("\r\n", "\n")
        return bool(chunk)
