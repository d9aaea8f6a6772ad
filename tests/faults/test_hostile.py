"""Whoever may publish or answer sends what he likes: it is bounded, counted, survived, and not logged."""

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.servers.mosquitto import Mosquitto

SECRET = "hunter2-in-the-payload"
MEGABYTE = 1_000_000
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: new, mqtt: {{url: "{broker}"}}}}
  - {{id: old, mqtt: {{url: "{broker}", protocol: 3.1.1}}}}
  - {{id: good-bus, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 5 s}}}}
  - {{id: bad-bus, modbus: {{transport: tcp, host: 127.0.0.1, port: {hostile}, timeout: 300 ms}}}}
devices:
  - {{id: counter-new, connection: new, topic: meters/new, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: counter-old, connection: old, topic: meters/old, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: odd-new, connection: new, topic: odd/#, class: water, points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: odd-old, connection: old, topic: odd/#, class: water, points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: good, connection: good-bus, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: bad, connection: bad-bus, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
"""
SAID = SECRET.encode()
PAYLOADS = (
    b'{"n": 1, "pad": "' + SAID * (MEGABYTE // len(SAID)) + b'"}',
    b'{"n": 1, "pad": "' + SAID * (12 * MEGABYTE // len(SAID)) + b'"}',
    b"[" * 100_000,
    b'{"n": ' * 100_000,
    b'{"n": "' + SAID + b'\xff\xfe"}',
    '{"n": 1, "w": "hunter2-in-the-payload"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"n": "' + SAID + b'"}',
    b'{"n": NaN}',
    b'{"n": Infinity}',
    b'{"n": 1e999}',
    b'{"n": ' + b"9" * 10_000 + b"}",
    b'{"n": -' + b"9" * 10_000 + b"." + b"9" * 10_000 + b"}",
    b'{"n": "\\ud800' + SAID + b'"}',
    b'{"n": {"n": "' + SAID + b'"}}',
    b'"' + SAID,
    b"",
    bytes(range(256)) * 100,
)
TOPICS = (
    "odd",
    "odd//",
    "odd/ / ",
    f"odd/{SECRET}",
    "odd/$SYS/$share",
    "odd/\u4e2d\u6587\U0001f600",
    "odd/\u202e\u200b",
    "odd/" + "x" * 60_000,
    "odd/" + "deep/" * 150,
    "odd/../../etc/passwd",
    "odd/%s%n{0}",
)


def _site(folder: Path, broker: Mosquitto, modbus: int, hostile: int) -> Daemon:
    site = folder / "site.yaml"
    site.write_text(SITE.format(broker=broker.url, modbus=modbus, hostile=hostile))
    return Daemon(site, folder / "state")


def _most_memory(daemon: Daemon) -> int:
    """The most that it ever had resident, in kB."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def _say(port: int, messages: list[tuple[str, bytes]], *, retain: bool = False) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    said = [client.publish(topic, payload, qos=1, retain=retain) for topic, payload in messages]
    until(lambda: all(each.is_published() for each in said), "the broker has taken all of them")
    client.disconnect()
    client.loop_stop()


@pytest.mark.fault(
    "hostile bytes",
    part="MQTT",
    outcome="Megabytes, nesting without an end, bytes that are no text, numbers that are none and odd topics cost"
    " themselves: counted, never in the log, in little memory, while everybody else is heard.",
)
def test_hostile_messages_cost_themselves_and_nobody_else(tmp_path: Path) -> None:
    retained = [(f"odd/retained-{number}", payload) for number, payload in enumerate(PAYLOADS) if payload]
    messages = [(f"meters/{name}", payload) for payload in PAYLOADS for name in ("new", "old")]
    messages += [(topic, b'{"n": 5}') for topic in TOPICS]
    with ExitStack() as running:
        broker = running.enter_context(Mosquitto(tmp_path / "broker", template=None))
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        _say(broker.port, retained, retain=True)
        daemon = running.enter_context(_site(tmp_path, broker, endpoint.port, endpoint.port))
        topics = ("meters/new", "meters/old")
        publisher = running.enter_context(
            NumberedPublisher(broker.port, lambda n: topics[n % 2], a_second=50, first=7)
        )
        daemon.start()
        daemon.until(lambda: _are_heard(daemon, publisher), "both have subscribed")
        before = _most_memory(daemon)
        publisher.begin()
        _say(broker.port, messages)
        daemon.until(lambda: len(_fives(daemon, "odd-new")) == len(TOPICS), "MQTT 5 takes odd topics")
        daemon.until(lambda: len(_fives(daemon, "odd-old")) == len(TOPICS), "3.1.1 takes odd topics")
        publisher.end()
        until(lambda: not publisher.waits, "the broker has acknowledged every message")
        daemon.until(lambda: len(_numbers(daemon)) == publisher.published, "everybody else is heard")
        grown = _most_memory(daemon) - before
        facts = daemon.get("status")["connections"]
        assert daemon.stop() == 0

    assert sorted(_numbers(daemon)) == publisher.acknowledged
    for name in ("new", "old"):
        assert facts[name]["connections"] == 1, "nothing made it hang up"
        assert facts[name]["failed"] == 0
        assert facts[name]["undecodable"] >= 10
    assert grown < 60_000, f"{grown} kB"
    log = daemon.tail(10_000_000)
    assert SECRET not in log
    assert "Traceback" not in log
    assert len(log) < 20_000


def _are_heard(daemon: Daemon, publisher: NumberedPublisher) -> bool:
    silent = [name for name in ("new", "old") if not daemon.readings(f"counter-{name}")]
    for name in silent:
        publisher.say(f"meters/{name}", 0)
    return not silent


def _numbers(daemon: Daemon) -> list[int]:
    found = [
        int(values["volume_m3"]) for name in ("new", "old") for _, values in daemon.readings(f"counter-{name}")
    ]
    return [number for number in found if number >= 7]


def _fives(daemon: Daemon, device: str) -> list[object]:
    return [values for _, values in daemon.readings(device) if values["volume_m3"] == 5]


# Modbus ------------------------------------------------------------------------------------------------------


def _frame(request: bytes, answer: bytes, *, length: int | None = None) -> bytes:
    """An answer to a request, under its transaction id and unit."""
    size = len(answer) + 1 if length is None else length
    return request[:4] + size.to_bytes(2, "big") + request[6:7] + answer


def _answers(dice: random.Random) -> list[Callable[[bytes], bytes]]:
    return [
        lambda request: _frame(request, b"\x03\xff" + b"\x00" * 255),
        lambda request: _frame(request, b"\x03\xff\x00\x01"),
        lambda request: _frame(request, b"\x03\x00"),
        lambda request: _frame(request, b"\x03\x02\x00\x01", length=65535),
        lambda request: _frame(request, b"\x03\x02\x00\x01", length=0),
        lambda request: _frame(request, b"\x04\x02\x00\x01"),
        lambda request: _frame(request, b"\x2b\x0e\x01"),
        lambda request: _frame(request, b"\x83"),
        lambda request: _frame(request, b"\x83\xff"),
        lambda request: request[:2] + b"\x77\x77" + _frame(request, b"\x03\x02\x00\x01")[4:],
        lambda request: _frame(request, b"\x03\x02\x00\x01") * 1000,
        lambda _: SAID * 100,
        lambda _: b"",
        lambda _: dice.randbytes(5000),
        lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ]


@contextmanager
def _hostile_bus(flood: threading.Event) -> Iterator[tuple[int, list[int]]]:
    """Whatever it is asked, it answers wrongly in the next way; during `flood` it sends garbage without an end."""
    listening = socket.create_server(("127.0.0.1", 0))
    answered = [0]
    ways = _answers(random.Random(7))

    def talk(link: socket.socket) -> None:
        with link, suppress(OSError):
            link.settimeout(20)
            while request := link.recv(300):
                link.sendall(ways[answered[0] % len(ways)](request))
                answered[0] += 1
                while flood.is_set():
                    link.sendall(random.randbytes(65536))

    def serve() -> None:
        while True:
            try:
                link, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(link,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], answered
    finally:
        flood.clear()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.fault(
    "hostile bytes",
    part="Modbus",
    outcome="Wrong lengths, foreign functions, floods of frames and garbage without an end give no value, take no"
    " memory and no time from the other buses, and are logged once.",
)
def test_a_hostile_converter_gives_no_value_and_delays_nobody(tmp_path: Path) -> None:
    flood = threading.Event()
    with ExitStack() as running:
        broker = running.enter_context(Mosquitto(tmp_path / "broker"))
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        port, answered = running.enter_context(_hostile_bus(flood))
        daemon = running.enter_context(_site(tmp_path, broker, endpoint.port, port).start())
        daemon.until(lambda: len(daemon.readings("good")) > 3, "the good bus is read")
        before = _most_memory(daemon)
        daemon.until(lambda: answered[0] >= 6, "it has answered in many ways")
        flood.set()
        polls = len(daemon.readings("good"))
        daemon.until(lambda: len(daemon.readings("good")) > polls + 20, "the good bus is read on")
        grown = _most_memory(daemon) - before
        facts = daemon.get("status")["connections"]["good-bus"]
        assert daemon.stop() == 0

    assert facts["failed"] == 0
    assert grown < 40_000, f"{grown} kB"
    assert not daemon.readings("bad")
    log = daemon.tail(1_000_000)
    assert SECRET not in log
    assert "Traceback" not in log
    assert log.count('"device": "bad"') <= 2, log
