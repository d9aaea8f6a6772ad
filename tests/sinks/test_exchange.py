"""What answers at InfluxDB's address may be anything: an exchange with it ends, and takes little memory."""

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.influxdb.check import examine
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings
from tests.sinks.site import a_site

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


def chunks_without_end(send: Send) -> None:
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
def saying(what: Callable[[Send], None], port: int = 0) -> Iterator[tuple[str, list[int]]]:
    """A server that says this to everybody; yields its URL and how many bytes it got rid of each time."""
    listening = socket.create_server(("127.0.0.1", port))
    said: list[int] = []
    lines: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def talk(line: socket.socket, number: int) -> None:
        def send(data: bytes) -> None:
            line.sendall(data)
            said[number] += len(data)

        with suppress(OSError):
            line.recv(65536)
            what(send)

    def serve() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            said.append(0)
            lines.append(line)
            threads.append(threading.Thread(target=talk, args=(line, len(said) - 1)))
            threads[-1].start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", said
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)  # the system may keep a sender waiting for a minute
        for each in threads:
            each.join()
        for line in lines:
            line.close()


@pytest.mark.fault(
    "hostile bytes",
    part="InfluxDB sink",
    outcome="Headers or a body without an end, byte by byte or in gigabytes, end after a minute or 64 KiB;"
    " nothing is taken for a success, and everything is kept.",
)
@pytest.mark.parametrize(
    ("what", "error"),
    [
        (_headers_without_end, SinkUnavailable),
        (_a_header_byte_by_byte, SinkUnavailable),
        (chunks_without_end, SinkUnavailable),
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
    with saying(what) as (url, said):
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


@pytest.mark.fault(
    "hostile bytes",
    part="web and commands",
    outcome="`influx check` ends within half a minute whatever answers, says that it does not answer as it should,"
    " and takes little memory.",
)
@pytest.mark.parametrize(
    "what",
    [
        _headers_without_end,
        _a_header_byte_by_byte,
        chunks_without_end,
        _chunks_byte_by_byte,
        _a_body_of_a_gigabyte,
        _patience_without_end,
        _noise,
    ],
)
def test_a_look_at_it_ends_whatever_answers(what: Callable[[Send], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sinks.influxdb.check._LONGEST_S", 1.0)
    with saying(what) as (url, _):
        tracemalloc.start()
        findings = examine(InfluxSettings(url=url), a_site(), now=lambda: 0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert any(each.state == "wrong" for each in findings)
    assert most < 20_000_000
