"""Event loops that ask the name server in threads for which nothing waits, least of all the end of the program.

The threads of asyncio's executor and of uvloop are joined when the program ends, and are few: a name server that
says nothing would hold up that end, and every other name.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

import structlog

__all__ = ["loop_factory"]

_log = structlog.get_logger()

_MOST = 64
_SILENT_S = 3.0
_Found = list[tuple[Any, ...]]


class _Lookups:
    """What is laid over a loop: 64 questions are open at most, and one that is open is not asked again."""

    async def getaddrinfo(self, host: Any, port: Any, **wishes: int) -> _Found:
        """Answer as `socket.getaddrinfo` does. A cancelled question is left to itself."""
        numeric = wishes | {"flags": wishes.get("flags", 0) | socket.AI_NUMERICHOST}
        with contextlib.suppress(socket.gaierror):
            return socket.getaddrinfo(host, port, **numeric)
        asked: dict[Any, asyncio.Future[_Found]] = self.__dict__.setdefault("_asked", {})
        question = (host, port, *sorted(wishes.items()))
        if question not in asked:
            if len(asked) >= _MOST:
                raise socket.gaierror(socket.EAI_AGAIN, "the name server leaves too many questions open")
            asked[question] = _ask(host, port, wishes)
            silence = asyncio.get_running_loop().call_later(_SILENT_S, _tell, host)
            asked[question].add_done_callback(lambda _: silence.cancel())
            asked[question].add_done_callback(lambda _: asked.pop(question))
        return await asyncio.shield(asked[question])


def _tell(host: Any) -> None:
    """Say that there is no answer for a name yet: once, as a question that is open is not asked again."""
    _log.warning(
        "name_not_answered", name=str(host), check="the name server: /etc/resolv.conf, `getent hosts NAME`"
    )


def _ask(host: Any, port: Any, wishes: dict[str, int]) -> asyncio.Future[_Found]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Found] = loop.create_future()

    def settle(found: _Found, error: Exception | None) -> None:
        if answer.cancelled():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)
            answer.exception()  # nobody may be waiting any more

    def ask() -> None:
        found: _Found = []
        failure: Exception | None = None
        try:
            found = socket.getaddrinfo(host, port, **wishes)
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found, failure)

    threading.Thread(target=ask, name="name lookup", daemon=True).start()
    return answer


def loop_factory() -> Any:
    """Answer what makes the daemon's event loop: uvloop where it is installed, a third less CPU."""
    try:
        import uvloop
    except ImportError:
        return type("Loop", (_Lookups, asyncio.SelectorEventLoop), {})
    return type("Loop", (_Lookups, uvloop.Loop), {})
