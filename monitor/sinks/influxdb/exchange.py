"""One request to whatever answers at InfluxDB's address, and its answer: bounded in time and in size."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from influxdb_client.rest import ApiException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["Answer", "Exchange", "refusal"]

_LONGEST_S: Final = 60.0
_LARGEST: Final = 64 * 1024


class Answer(NamedTuple):
    """What came back; `body` is what was read of it, as it came."""

    status: int
    reason: str
    headers: Any
    body: bytes


def refusal(answer: Answer) -> ApiException:
    """The error of an answer that does not tell of success, with its body."""
    error = ApiException(status=answer.status, reason=answer.reason)  # type: ignore[no-untyped-call]
    error.body, error.headers = answer.body.decode(errors="replace"), answer.headers
    return error


class Exchange:
    """Sends requests through a pool of urllib3, one at a time.

    The time-outs of a pool are for each piece: an answer that comes byte by byte would never end, nor would one
    that never stops. Here the connection is shut after a minute, and 64 KiB are read at most, if nothing else is
    said.
    """

    def __init__(self, pool: PoolManager, timeout: Timeout) -> None:
        self._pool = pool
        self._timeout = timeout
        self._newest: HTTPConnection | None = None
        pool.pool_classes_by_scheme = self._noting()

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, Mapping[str, str]]:
        """Answer status and headers when they tell of success, else raise ApiException with the body.

        Raises what urllib3 raises when no whole answer comes.
        """
        answer = self.exchange(method, url, headers, body)
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 - HTTP
            raise refusal(answer)
        return answer.status, answer.headers

    def exchange(  # noqa: PLR0913 - a request, and its two bounds
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        longest: float | None = None,
        largest: int = _LARGEST,
    ) -> Answer:
        """Answer whatever comes, of at most so many bytes within so many seconds; redirects are not followed.

        Raises what urllib3 raises when no whole answer comes.
        """
        cut = threading.Timer(_LONGEST_S if longest is None else longest, self._cut)
        cut.daemon = True
        cut.start()
        try:
            answer: Any = self._pool.request(
                method,
                url,
                headers=headers,
                body=body,
                timeout=self._timeout,
                preload_content=False,
                redirect=False,
            )
            try:
                said: bytes = answer.read(largest, decode_content=False)
                left = answer.read(1, decode_content=False)
            except BaseException:
                answer.close()
                raise
        finally:
            cut.cancel()
        if left:
            answer.close()  # reading the rest, to use the connection again, could take for ever
        else:
            answer.release_conn()
        return Answer(answer.status, answer.reason or "", answer.headers, said)

    def _cut(self) -> None:
        """End whatever is under way: who reads sees the end of the connection."""
        line = None if self._newest is None else self._newest.sock
        if line is not None:
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _noting(self) -> dict[str, Any]:
        """The pools of a scheme, whose connections tell us of themselves."""

        def noted(kind: type[HTTPConnection]) -> type[HTTPConnection]:
            def connect(connection: HTTPConnection) -> None:
                kind.connect(connection)
                self._newest = connection

            return type(kind.__name__, (kind,), {"connect": connect})

        kinds = (("http", HTTPConnectionPool, HTTPConnection), ("https", HTTPSConnectionPool, HTTPSConnection))
        return {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": noted(connection)})
            for scheme, pool, connection in kinds
        }
