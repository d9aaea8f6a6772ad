"""An HTTP server before a real InfluxDB 1.x: 2.x's answers, a limit of sizes, and what every request held."""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import urllib3

from tests.servers.http import Answer, Request
from tests.servers.influxdb import InfluxServer

__all__ = ["as_2x", "breaking"]


def as_2x(server: InfluxServer, *, limit: int = 10**9) -> Callable[[Request], Answer]:
    """Hand writes on to `server`; a partial write is 422 in the words of 2.x, and a body beyond the limit 413."""
    http = urllib3.PoolManager(retries=False, timeout=20)

    def handle(request: Request) -> Answer:
        query = parse_qs(urlsplit(request.path).query)
        if len(request.body) > limit:
            return 413, {}, b'{"code":"request too large","message":"payload too large"}'
        name, _, word = server.token.partition(":")
        answer = http.request(
            "POST",
            f"{server.url}/write?db={query['bucket'][0]}&precision={query['precision'][0]}",
            body=request.body,
            headers=urllib3.make_headers(basic_auth=f"{name}:{word}"),
        )
        if answer.status != 400:
            return answer.status, {}, answer.data
        said = re.sub(r" dropped=\d+", "", json.loads(answer.data)["error"])
        told = {"code": "unprocessable entity", "message": f"failure writing points to database: {said}"}
        return 422, {"Content-Type": "application/json"}, json.dumps(told).encode()

    return handle


@contextmanager
def breaking(ending: str) -> Iterator[str]:
    """A server that ends connections in mid-request (`reset`, `end`) or in an answer (`half`); yields its URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                if ending == "half":
                    connection.sendall(b"HTTP/1.1 2")
                elif ending == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
