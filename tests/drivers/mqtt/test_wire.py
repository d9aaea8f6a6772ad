"""The places inside paho that drivers/mqtt/wire.py touches are where it expects them."""

import socket
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt.payload import MAX_PAYLOAD
from drivers.mqtt.wire import Wire
from tests.servers.mosquitto import Mosquitto, Tls


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    wire = Wire(CallbackAPIVersion.VERSION2, manual_ack=True)
    wire._sock = ours
    yield wire, theirs
    wire._sock = None
    ours.close()
    theirs.close()


def test_paho_still_has_what_is_replaced():
    replaced = {"_sock_recv", "_packet_queue", "_send_pingreq", "_handle_pingresp", "_ssl_wrap_socket"}

    assert replaced <= vars(paho.Client).keys()


def test_small_reads_are_served_from_what_was_read_ahead(pair: tuple[Wire, socket.socket]):
    wire, theirs = pair
    theirs.sendall(b"abcdef")

    assert wire._sock_recv(1) == b"a"
    assert wire.has_more
    assert wire._sock_recv(3) == b"bcd"
    assert wire._sock_recv(10) == b"ef"
    assert not wire.has_more
    with pytest.raises(BlockingIOError):
        wire._sock_recv(1)
    theirs.sendall(b"g")
    assert wire._sock_recv(1) == b"g"


def test_the_end_of_the_connection_is_seen(pair: tuple[Wire, socket.socket]):
    wire, theirs = pair
    theirs.close()

    assert wire._sock_recv(1) == b""


def test_a_packet_that_is_too_large_is_taken_without_its_end(pair: tuple[Wire, socket.socket]):
    wire, theirs = pair
    heard: list[paho.MQTTMessage] = []
    wire.on_message = lambda _client, _data, message: heard.append(message)
    head = b"\x00\x01t\x00\x07"
    size = 20_000_000 + len(head)
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    small = b"\x32\x06" + b"\x00\x01t\x00\x08x"
    packets = b"\x32" + length + head + bytes(20_000_000) + small
    writer = threading.Thread(target=theirs.sendall, args=(packets,), daemon=True)
    tracemalloc.start()
    writer.start()

    while len(heard) < 2:
        wire.loop_read()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    writer.join()

    assert [message.mid for message in heard] == [7, 8]
    assert len(heard[0].payload) > MAX_PAYLOAD
    assert heard[1].payload == b"x"
    assert most < 5_000_000


def test_acknowledgements_are_the_packets_of_mqtt_in_their_order(pair: tuple[Wire, socket.socket]):
    wire, theirs = pair

    wire.acknowledge([1, 0x1234])
    wire.acknowledge([])
    wire.loop_write()

    assert theirs.recv(100) == bytes.fromhex("4002000140021234")


def test_a_connection_on_which_tls_fails_is_closed_at_once(tmp_path: Path):
    stranger = Tls.make(tmp_path)
    with Mosquitto(tmp_path / "broker", tls=stranger) as broker:
        wire = Wire(CallbackAPIVersion.VERSION2)
        wire.tls_set_context(ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError) as failed:
            wire.connect("localhost", broker.port)

        left = [frame.tb_frame.f_locals.get("wrapped") for frame in _frames(failed.value.__traceback__)]

    assert [each.fileno() for each in left if each is not None] == [-1]


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
