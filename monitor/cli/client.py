"""The client of the daemon's API: asks over its Unix socket and says clearly when nobody answers."""

import json
import ssl
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from monitor.cli.places import find_socket
from monitor.errors import FacilityMonitorError

__all__ = ["Client", "NoDaemon", "Refused"]

_TIMEOUT = 10.0
_BASE = "http://facility-monitor/api/v1"
_FOR_PROGRAMS = "openapi.json"
"""Advice with this in it helps whoever writes a program, and not who types a command."""


class NoDaemon(FacilityMonitorError):
    """Nobody answers at the socket; the message says what to do."""


class Refused(FacilityMonitorError):
    """The daemon refused; the message is the daemon's own, `status` that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """One daemon, asked by one command."""

    def __init__(self, socket: Path | None, state: Path | None) -> None:
        self.path = find_socket(socket, state)
        no_store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no TLS here: to read all authorities takes 20 ms
        transport = httpx.HTTPTransport(uds=str(self.path), verify=no_store)
        self._http = httpx.Client(transport=transport, timeout=_TIMEOUT)
        self._let_go = weakref.finalize(self, self._http.close)

    def close(self) -> None:
        """Let go of the socket; done by itself when nobody has the client any more."""
        self._let_go()

    def get(self, *path: str, timeout: float = _TIMEOUT, **query: object) -> Any:
        """Ask for a resource; `timeout` in seconds. A list in the query is said item by item."""
        return self._ask("GET", path, params=query, timeout=timeout)

    def post(self, *path: str, body: object, timeout: float = _TIMEOUT, **query: object) -> Any:
        """Ask for something to be done; `timeout` in seconds."""
        return self._ask("POST", path, json=body, params=query, timeout=timeout)

    def follow(self, *path: str, **query: object) -> Iterator[Any]:
        """Yield what a stream says, for as long as it lasts."""
        return self._stream("GET", path, params=_query(query))

    def watch(self, *path: str, body: object) -> Iterator[Any]:
        """Ask for a long job to be done, and yield what it says of its progress."""
        return self._stream("POST", path, json=body)

    def _stream(self, method: str, path: tuple[str, ...], **options: Any) -> Iterator[Any]:
        timeout = httpx.Timeout(_TIMEOUT, read=None)
        try:
            with self._http.stream(method, _url(path), timeout=timeout, **options) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refused(answer)
                for line in answer.iter_lines():
                    yield json.loads(line)
        except httpx.HTTPError as error:
            raise self._no_daemon(error) from error

    def _ask(self, method: str, path: tuple[str, ...], **options: Any) -> Any:
        options["params"] = _query(options.get("params", {}))
        try:
            answer = self._http.request(method, _url(path), **options)
        except httpx.HTTPError as error:
            raise self._no_daemon(error) from error
        if answer.is_error:
            raise _refused(answer)
        return answer.json()

    def _no_daemon(self, error: httpx.HTTPError) -> NoDaemon:
        why = str(error)
        if "Permission denied" in why:
            advice = "Become a member of the group facility-monitor (and log in again), or use sudo."
        elif isinstance(error, httpx.ConnectError):
            advice = (
                "Start the daemon (`systemctl start facility-monitor`, or `facility-monitor run FILE`), or say "
                "where it is with --state FOLDER or --socket PATH."
            )
        else:
            advice = "Look at its log (`journalctl -u facility-monitor`)."
        return NoDaemon(f"no daemon answers at {self.path} ({why}).\n{advice}")


def _url(path: tuple[str, ...]) -> str:
    return "/".join((_BASE, *(quote(part, safe="") for part in path)))


def _query(query: dict[str, object]) -> dict[str, str | list[str]]:
    return {
        name: [str(each) for each in value] if isinstance(value, list) else str(value)
        for name, value in query.items()
        if value is not None
    }


def _refused(answer: httpx.Response) -> Refused:
    try:
        said = answer.json()
        advice = "" if _FOR_PROGRAMS in said["what_to_do"] else f"\n{said['what_to_do']}"
        return Refused(f"{said['detail']}{advice}", answer.status_code)
    except (ValueError, KeyError, TypeError):
        return Refused(f"the daemon answered {answer.status_code}", answer.status_code)
