"""Talking to systemd: ready, alive, stopping. Silent where there is no systemd.

Source: sd_notify(3). The protocol is one datagram to the socket named by $NOTIFY_SOCKET.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

import structlog

__all__ = ["Watchdog", "notify"]

_log = structlog.get_logger()


def notify(**fields: str | int) -> bool:
    """Send fields such as `READY=1`; answers whether there was anybody to tell."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    message = "\n".join(f"{key}={value}" for key, value in fields.items()).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        try:
            out.sendto(message, "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            _log.warning("systemd cannot be told", error=str(error))
            return False
    return True


class Watchdog:
    """Feeds systemd's watchdog while every part that must move has moved.

    Each mover answers a number that grows while its part works, or None when it has nothing to do. A part
    that has something to do and stands still for a whole watchdog period starves the watchdog: systemd
    then starts the daemon afresh, which loses nothing.
    """

    def __init__(self, movers: Mapping[str, Callable[[], int | None]]) -> None:
        self._movers = movers
        self._seen: dict[str, int | None] = dict.fromkeys(movers)

    async def run(self) -> None:
        """Feed until cancelled; returns at once where no watchdog is asked for."""
        microseconds = int(os.environ.get("WATCHDOG_USEC", "0") or 0)
        if microseconds <= 0 or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return
        while True:
            await asyncio.sleep(microseconds / 1e6 / 3)
            stuck = self.stuck()
            if not stuck:
                notify(WATCHDOG=1)
            else:
                _log.error("parts stand still; the watchdog is not fed", parts=stuck)

    def stuck(self) -> list[str]:
        """Names of the parts that have something to do and have not moved since the last look."""
        stuck = []
        for name, mover in self._movers.items():
            moved = mover()
            if moved is not None and moved == self._seen[name]:
                stuck.append(name)
            self._seen[name] = moved
        return stuck
