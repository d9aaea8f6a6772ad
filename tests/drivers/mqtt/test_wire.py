"""The places inside paho that drivers/mqtt/wire.py touches are where it expects them."""

import socket
from collections.abc import Iterator

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt.wire import Wire


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
    replaced = {"_sock_recv", "_packet_queue", "_send_pingreq", "_handle_pingresp"}

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


def test_acknowledgements_are_the_packets_of_mqtt_in_their_order(pair: tuple[Wire, socket.socket]):
    wire, theirs = pair

    wire.acknowledge([1, 0x1234])
    wire.acknowledge([])
    wire.loop_write()

    assert theirs.recv(100) == bytes.fromhex("4002000140021234")
