"""A bus of the running daemon, read through its API: its requests wait their turn between the polls."""

import asyncio
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable, RequestRefused, TooManyAsk
from monitor.wording import Sentence, verbatim

__all__ = ["DaemonBus"]

_BASE = "http://facility-monitor/api/v1"
_TRIES, _PAUSE = 20, 0.5
"""How often it is asked, and after how many seconds again, while too many others ask."""
_LONGEST = 600.0
"""Seconds for an answer: guests before us have ten seconds each, and a fifth of the time together."""


class DaemonBus:
    """A `drivers.modbus.survey.bus.SurveyBus`; who speaks out of turn is not told by the daemon."""

    def __init__(self, socket: Path, connection: str, *, timeout: float | None = None) -> None:
        self.timeout = timeout
        self.spoke: set[int] = set()
        self.took = 0.0
        self._connection = connection
        no_store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # as in Client
        transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=no_store)
        self._http = httpx.AsyncClient(transport=transport, timeout=_LONGEST)

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        """Ask once; raises what `monitor.ports.RegisterBus.read` does."""
        body = {"unit": unit, "table": table, "first": first, "count": count, "timeout": self.timeout}
        url = f"{_BASE}/connections/{quote(self._connection, safe='')}/registers"
        for left in range(_TRIES - 1, -1, -1):
            try:
                answer = await self._http.post(url, json=body)
                said = answer.json()
            except (httpx.HTTPError, ValueError) as error:
                raise RequestRefused(
                    Sentence("the daemon does not answer any more ({error})", error=str(error))
                ) from error
            if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS or not left:
                break
            await asyncio.sleep(_PAUSE)
        if answer.is_success:
            values: list[int] = said["values"]
            self.took = said["ms"]
            return values
        raise _error(answer.status_code, said)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()


def _error(status: int, said: dict[str, Any]) -> DeviceError | RequestRefused:
    text = said.get("detail", f"the daemon answered {status}")
    kind = said.get("kind")
    if kind == "silence":
        return DeviceUnreachable(text)
    if kind == "exception":
        return DeviceRefused(text, said.get("code") or 0)
    if kind == "garbled":
        return DeviceError(text)
    refused = TooManyAsk if status == HTTPStatus.TOO_MANY_REQUESTS else RequestRefused
    return refused(verbatim(text))
