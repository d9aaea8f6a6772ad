"""A thread for what blocks, for which the end of the program does not wait."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["BlockingThread"]

T = TypeVar("T")


class BlockingThread:
    """Does one thing after another in a thread of its own, begun with the first.

    The threads of `concurrent.futures` are joined when the interpreter ends: a server that takes a request and
    says nothing would hold up the end of the daemon for as long as the request may last.
    """

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    async def do(self, work: Callable[[], T]) -> T:
        """Do it in the thread and answer its answer; when this is cancelled, the thread goes on with it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # without an error it is a T

        def blocking() -> None:
            result, error = None, None
            try:
                result = work()
            except BaseException as caught:  # noqa: BLE001 - whoever waits gets it
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
                loop.call_soon_threadsafe(settle, result, error)

        if self._thread.ident is None:
            self._thread.start()
        self._queue.put(blocking)
        return await answer

    def end(self, work: Callable[[], None]) -> None:
        """Do this last, if the program lives that long; returns at once."""
        self._queue.put(work)
        self._queue.put(None)

    def _work(self) -> None:
        while (blocking := self._queue.get()) is not None:
            blocking()
