"""The dead-man ping: somebody outside hears that the monitor lives, for as long as its parts move.

It lies beside the watchdog, which it resembles: systemd starts a daemon that hangs afresh, but nobody hears from a
box that has no power. It knows nothing of the parts but what the composition root hands over.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from monitor.model import Value

if TYPE_CHECKING:
    import httpx

__all__ = ["Deadman"]

_log = structlog.get_logger()

_LONGEST = 10.0
_REFUSED = 400


class Deadman:
    """Asks `url` every `every` seconds, unless `stuck` names parts that stand still.

    The address is a secret: neither the log nor the facts have it.
    """

    def __init__(
        self, url: str, every: float, *, stuck: Callable[[], Sequence[str]], now: Callable[[], int]
    ) -> None:
        self._url = url
        self._every = every
        self._stuck = stuck
        self._now = now
        self._failing = False
        self._facts: dict[str, Value] = {"pings": 0, "failed": 0, "last_success": 0, "last_error": ""}

    def status(self) -> Mapping[str, Value]:
        """Facts for `status` and metrics; described in docs/metrics.md."""
        return dict(self._facts)

    async def run(self) -> None:
        """Ping until cancelled; a failure is logged once, and so is the first success after it."""
        client = await asyncio.to_thread(_client)
        async with client:
            while True:
                parts = self._stuck()
                error = f"standing still: {', '.join(parts)}" if parts else await self._ping(client)
                self._note(error)
                await asyncio.sleep(self._every)

    async def _ping(self, client: "httpx.AsyncClient") -> str:
        """Ask once; answers what went wrong, without the address."""
        import httpx

        try:
            async with asyncio.timeout(_LONGEST):
                answer = await client.get(self._url)
        except TimeoutError:
            return f"no answer within {_LONGEST:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return f"not reached ({type(error).__name__})"
        return f"answered {answer.status_code}" if answer.status_code >= _REFUSED else ""

    def _note(self, error: str) -> None:
        if error:
            self._facts |= {"failed": int(self._facts["failed"]) + 1, "last_error": error}
            if not self._failing:
                _log.warning("deadman_not_told", error=error, check="the address under `monitor.deadman`, network")
        else:
            pings = int(self._facts["pings"]) + 1
            self._facts |= {"pings": pings, "last_success": self._now(), "last_error": ""}
            if self._failing:
                _log.info("deadman_told_again")
        self._failing = bool(error)


def _client() -> "httpx.AsyncClient":
    """In a thread: the library takes a moment to load. Its own log would tell the address."""
    import httpx

    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return httpx.AsyncClient(follow_redirects=False, timeout=_LONGEST)
