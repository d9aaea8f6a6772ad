"""A real HTTP server on loopback for web hooks: keeps what it is sent, answers by a script, can hang."""
# ruff: noqa: N815 - the names are those of http.server

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Answer", "Request", "WebServer"]


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


Answer = int | tuple[int, Mapping[str, str]] | tuple[int, Mapping[str, str], bytes]


class WebServer:
    """`answers` are the statuses of the next requests, oldest first, then `otherwise`.

    A status may be a pair of a status and headers: `(429, {"Retry-After": "3"})`, or a triple with a body. Where
    `handle` is set it is asked what comes after the script. While `hang` is set, a request is read and not
    answered; `requested` is set when one has come. `taken` are the requests answered with 2xx. While `breaks` is
    set, that is all there is of an answer. `tls`: it speaks TLS.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self.answers: list[Answer] = []
        self.handle: Callable[[Request], Answer] | None = None
        self.otherwise = 200
        self.hang = False
        self.breaks: bytes | None = None
        self.requested = threading.Event()
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

            def log_message(self, *_: object) -> None:
                """Say nothing: the tests look at `requests`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(handler.command, handler.path, body, dict(handler.headers))
        self.requests.append(request)
        self.requested.set()
        if self.hang:
            self.released.wait()
            handler.close_connection = True
            return
        if self.breaks is not None:
            handler.wfile.write(self.breaks)
            handler.close_connection = True
            return
        if self.answers:
            answer = self.answers.pop(0)
        else:
            answer = self.otherwise if self.handle is None else self.handle(request)
        status, headers, said = (*answer, b"")[:3] if isinstance(answer, tuple) else (answer, {}, b"")
        if 200 <= status < 300:
            self.taken.append(request)
        (handler.send_response_only if "Date" in headers else handler.send_response)(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        if said:
            handler.wfile.write(said)
