"""How far a long job is, on standard error (a bar at a terminal, a line now and then elsewhere), and its end."""

import asyncio
import sys
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from monitor.errors import FacilityMonitorError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["INTERRUPTED", "Watched", "until_done"]

INTERRUPTED = 130
_EVERY = 10.0


class Watched:
    """Tells on standard error how far something is. `total`: how many steps there are."""

    def __init__(self, total: int, what: str) -> None:
        self._total = total
        self._what = what
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = time.monotonic()
        self._done = 0

    def step(self, count: int = 1) -> None:
        """So many more are done."""
        self.reach(self._done + count)

    def reach(self, done: int) -> None:
        """So many are done in all; fewer than before change nothing."""
        if done <= self._done:
            return
        self._done = done
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        elif time.monotonic() - self._told > _EVERY:
            self._told = time.monotonic()
            self.say(f"{self._done} of {self._total} {self._what} done")

    def say(self, text: str) -> None:
        """Tell something in between, above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def until_done(job: Coroutine[Any, Any, None]) -> FacilityMonitorError | typer.Exit | None:
    """Run to the end, a failure or Ctrl-C, and answer which it was; everything is closed then."""
    try:
        asyncio.run(job)
    except KeyboardInterrupt:
        return typer.Exit(INTERRUPTED)
    except FacilityMonitorError as error:
        return error
    return None
