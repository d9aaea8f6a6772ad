"""What answers at InfluxDB's address may be anything: an exchange with it ends, and takes little memory."""

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings

Send = Callable[[bytes], None]


def _headers_without_end(send: Send) -> None:
    send(b"HTTP/1.1 204 No Content\r\n")
    while True:
        send(b"X-More: and more\r\n")


def _a_header_byte_by_byte(send: Send) -> None:
    ended = threading.Event()
    send(b"HTTP/1.1 500 Internal Server Error\r\nX-Slow: ")
    while not ended.wait(0.05):
        send(b"x")


def _chunks_without_end(send: Send) -> None:
    send(b"HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def _chunks_byte_by_byte(send: Send) -> None:
    ended = threading.Event()
    send(b"HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not ended.wait(0.05):
        send(b"1\r\nx\r\n")


def _a_body_of_a_gigabyte(send: Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(10_000):
        send(b"<p>" + b"x" * 99_997)


def _patience_without_end(send: Send) -> None:
    while True:
        send(b"HTTP/1.1 100 Continue\r\n\r\n")


def _noise(send: Send) -> None:
    while True:
        send(bytes(range(256)) * 16)


@contextmanager
def _saying(what: Callable[[Send], None]) -> Iterator[tuple[str, list[int]]]:
    """A server that says this to everybody; yields its URL and how many bytes it got rid of each time."""
    listening = socket.create_server(("127.0.0.1", 0))
    said: list[int] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            said.append(0)

            def send(data: bytes, connection: socket.socket = connection) -> None:
                connection.sendall(data)
                said[-1] += len(data)

            with connection, suppress(OSError):
                connection.recv(65536)
                what(send)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", said
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.fault(
    "hostile answers over HTTP",
    part="InfluxDB sink",
    outcome="Headers or a body without an end, byte by byte or in gigabytes, end after a minute or 64 KiB;"
    " nothing is taken for a success, and everything is kept.",
)
@pytest.mark.parametrize(
    ("what", "error"),
    [
        (_headers_without_end, SinkUnavailable),
        (_a_header_byte_by_byte, SinkUnavailable),
        (_chunks_without_end, SinkUnavailable),
        (_chunks_byte_by_byte, SinkUnavailable),
        (_a_body_of_a_gigabyte, SinkMisconfigured),
        (_patience_without_end, SinkUnavailable),
        (_noise, SinkUnavailable),
    ],
)
def test_an_answer_without_an_end_is_ended_and_is_no_success(
    what: Callable[[Send], None], error: type[SinkError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.sinks.influxdb.exchange._LONGEST_S", 1.0)
    with _saying(what) as (url, said):
        client = InfluxClient(InfluxSettings(url=url, api="v2"))
        tracemalloc.start()
        for _ in range(2):
            with pytest.raises(error):
                client.write("facility", b"m v=1 1", lines=1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        client.close()

    assert len(said) == 2
    assert most < 3_000_000
