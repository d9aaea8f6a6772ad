"""Has trends drawn by another process, which lives while pictures are wanted: loading its library takes seconds.

One picture at a time. All is bounded: how many wait, for how long, how much memory and time one takes, how many
are kept. A thread talks to the process: the daemon's loop only waits for what comes of it.
"""

import asyncio
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Final

import structlog

from monitor.web.console.plant.trendframes import FAILED, HEAD, Garbled, length_of
from monitor.web.trends import Trend, TrendBusy, TrendNotDrawn

__all__ = ["WORKER", "Trends"]

_LOG = structlog.get_logger()

WORKER: Final = (sys.executable, "-Im", "monitor.web.console.plant.trendworker")
_PATIENCE: Final = 15.0
_LONGEST_WAIT: Final = 30.0
_IDLE: Final = 300.0
_WAITING: Final = 16
_KEPT: Final = 32
_FRESH: Final = 60.0
_MINUTE: Final = 60_000
_GRACE: Final = 2.0
_CHUNK: Final = 65_536


class Trends:
    """The `monitor.web.trends.TrendDesk` of the running daemon. `journal` and `ledger` are their files.

    A picture that was drawn, or that failed, stands for a minute. The process is ended after `idle` seconds
    without a wish; `patience`: seconds that one picture may take; `waiting`: how many may be asked for at once.
    """

    def __init__(  # noqa: PLR0913 - its bounds
        self,
        journal: Path,
        *,
        ledger: Path | None = None,
        now: Callable[[], int],
        command: Sequence[str] = WORKER,
        patience: float = _PATIENCE,
        idle: float = _IDLE,
        waiting: int = _WAITING,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal.absolute()
        self._ledger = "" if ledger is None else str(ledger.absolute())
        self._now = now
        self._command = tuple(command)
        self._patience = patience
        self._idle = idle
        self._steady = steady
        self._guard = threading.Lock()
        self._wishes: Queue[_Wish | None] = Queue(waiting)
        self._thread: threading.Thread | None = None
        self._hand: _Hand | None = None
        self._asked: dict[Trend, Future[bytes]] = {}
        self._done: dict[Trend, tuple[float, bytes]] = {}
        self._closed = False

    async def draw(self, trend: Trend) -> bytes:
        """Answer an SVG; raises TrendNotDrawn. Whoever asks for the same within a minute gets the same."""
        key = replace(trend, end=-(-trend.end // _MINUTE) * _MINUTE, start=-(-trend.start // _MINUTE) * _MINUTE)
        with self._guard:
            since, picture = self._done.get(key, (float("-inf"), b""))
            if self._steady() - since < _FRESH:
                if not picture:
                    raise TrendNotDrawn("it could not be drawn a moment ago")
                return picture
            asked = self._asked.get(key) or self._ask(key)
        return await asyncio.shield(asyncio.wrap_future(asked))

    def close(self) -> None:
        """End the process and the thread; safe to call twice."""
        with self._guard:
            self._closed = True
            thread, hand = self._thread, self._hand
        if thread is not None:
            with suppress(Full):
                self._wishes.put_nowait(None)
            if hand is not None:
                hand.kill()
            thread.join(2 * _GRACE)

    def _ask(self, key: Trend) -> Future[bytes]:
        if self._closed:
            raise TrendNotDrawn("the monitor ends")
        wish = _Wish(key, Future(), self._steady())
        try:
            self._wishes.put_nowait(wish)
        except Full as full:
            raise TrendBusy("too many pictures are asked for at once") from full
        self._asked[key] = wish.answer
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="trends", daemon=True)
            self._thread.start()
        return wish.answer

    # In the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        hand = self._hand = _Hand(self._command)
        try:
            while (wish := self._next()) is not None:
                self._answer(hand, wish)
        finally:
            hand.end()

    def _next(self) -> "_Wish | None":
        """The next wish; None when it is time to end."""
        try:
            wish = self._wishes.get(timeout=self._idle)
        except Empty:
            wish = None
        with self._guard:
            if self._closed:
                while wish is not None or not self._wishes.empty():
                    if wish is not None:
                        self._settle(wish, TrendNotDrawn("the monitor ends"))
                    wish = None if self._wishes.empty() else self._wishes.get_nowait()
                return None
            if wish is None and not self._wishes.empty():
                wish = self._wishes.get_nowait()
            if wish is None:
                self._thread = None
            return wish

    def _answer(self, hand: "_Hand", wish: "_Wish") -> None:
        found: bytes | TrendNotDrawn
        if self._steady() - wish.since > _LONGEST_WAIT:
            found = TrendBusy("it waited for too long")
        else:
            try:
                found = self._drawn(hand, wish.trend)
            except (OSError, Garbled) as error:
                _LOG.warning("trend_not_drawn", device=wish.trend.device, error=str(error)[:300])
                found = TrendNotDrawn(str(error))
        with self._guard:
            self._settle(wish, found)

    def _settle(self, wish: "_Wish", found: bytes | TrendNotDrawn) -> None:
        self._asked.pop(wish.trend, None)
        if isinstance(found, TrendNotDrawn):
            if not isinstance(found, TrendBusy):
                self._keep(wish.trend, b"")
            wish.answer.set_exception(found)
        else:
            self._keep(wish.trend, found)
            wish.answer.set_result(found)

    def _keep(self, trend: Trend, picture: bytes) -> None:
        self._done.pop(trend, None)
        self._done[trend] = self._steady(), picture
        while len(self._done) > _KEPT:
            del self._done[next(iter(self._done))]

    def _drawn(self, hand: "_Hand", trend: Trend) -> bytes:
        """Have it drawn; a process that ended since the picture before is begun again, once."""
        said = {**asdict(trend), "until": min(self._now(), trend.end), "journal": str(self._journal)}
        said["ledger"] = self._ledger if trend.is_counter else ""
        said["patience"] = round(self._patience + 2 * _GRACE)
        had_lived = hand.lives
        try:
            return hand.draw(said, self._patience)
        except (BrokenPipeError, EOFError):
            if not had_lived or self._closed:
                raise Garbled("the process that draws ended") from None
        try:
            return hand.draw(said, self._patience)
        except EOFError:
            raise Garbled("the process that draws ended twice") from None


@dataclass(frozen=True, slots=True)
class _Wish:
    trend: Trend
    answer: Future[bytes]
    since: float


class _Hand:
    """The process that draws, begun when it is needed."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0

    @property
    def lives(self) -> bool:
        """Whether there is one that has not ended as far as is known."""
        return self._process is not None

    def draw(self, said: dict[str, object], patience: float) -> bytes:
        """Have a picture drawn. Raises OSError, EOFError (it ended), TimeoutError and Garbled."""
        until = time.monotonic() + patience
        process = self._process or self._begin()
        assert process.stdin is not None
        self._number += 1
        try:
            process.stdin.write(json.dumps({**said, "number": self._number}).encode() + b"\n")
            process.stdin.flush()
            status, length = length_of(self._take(process, HEAD.size, until), self._number)
            answer = self._take(process, length, until)
        except (EOFError, OSError, Garbled):
            self.kill()
            self.end()
            raise
        if status == FAILED:
            self.end()
            raise Garbled(answer.decode(errors="replace"))
        return answer

    def kill(self) -> None:
        """End it at once, from any thread; whoever waits for its answer sees that it ended."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End it and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _begin(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        return self._process

    @staticmethod
    def _take(process: "subprocess.Popen[bytes]", length: int, until: float) -> bytes:
        """Exactly so many bytes, by then."""
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        watch = select.poll()
        watch.register(descriptor, select.POLLIN)
        found = bytearray()
        while len(found) < length:
            left = until - time.monotonic()
            if left <= 0 or not watch.poll(left * 1000):
                raise TimeoutError("it took too long to draw")
            piece = os.read(descriptor, min(_CHUNK, length - len(found)))
            if not piece:
                raise EOFError
            found += piece
        return bytes(found)
