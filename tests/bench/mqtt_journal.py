"""MQTT into the journal, and where its time goes: the driver and the journal against paho alone.

QoS 1, JSON of 200 bytes, a real Mosquitto with the shipped configuration. Messages wait in the broker for the
session of whoever is measured, so that the publisher costs nothing meanwhile. What counts is the CPU time of this
process: receiving, decoding, journal and acknowledgements. Nothing is asserted.
"""

import asyncio
import json
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import orjson
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from drivers.mqtt import MQTT
from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.site import JournalSettings
from tests.bench.whole import runner
from tests.drivers.mqtt.site import connection, context, device
from tests.servers.mosquitto import Mosquitto

__all__ = ["main"]

MESSAGES = 40_000
RUNS = 3
DEVICES = 100
POINTS = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "power_w", "energy_import_kwh", "frequency_hz")


def main() -> None:
    """Print messages per second of one core, and what each costs."""
    _, run = runner()
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker") as broker:
        _tell("paho alone, orjson, acknowledged", [_paho_alone(broker.port, number) for number in range(RUNS)])
        for protocol in ("5", "3.1.1"):
            paths = [Path(folder) / f"{protocol}-{number}.db" for number in range(RUNS)]
            found = [run(_driver_and_journal(broker, path, protocol)) for path in paths]
            _tell(f"the driver into the journal, MQTT {protocol}", found)


def _tell(what: str, found: list[tuple[float, float]]) -> None:
    """Print the median of the runs, each (wall, CPU) seconds."""
    wall, cpu = (median(figures) / MESSAGES for figures in zip(*found, strict=True))
    sys.stdout.write(
        f"  {what:<42}{cpu * 1e6:5.0f} µs of CPU each, {1 / cpu:7,.0f} a second of one core, {1 / wall:7,.0f}/s\n"
    )
    sys.stdout.flush()


# The driver and the journal -----------------------------------------------------------------------------


async def _driver_and_journal(broker: Mosquitto, path: Path, protocol: str) -> tuple[float, float]:
    points = {name: {"json": f"$.{name}"} for name in POINTS}
    devices = [device(f"meter-{number}", points=points) for number in range(DEVICES)]
    journal = SqliteJournal.open(path, JournalSettings(), now=Clock().now)
    place = connection(broker.url, protocol=protocol, client_id=f"bench-{path.stem}")
    driver = MQTT.create(place, devices, context())
    await _until(driver, journal, lambda: driver.status()["connected"])
    await asyncio.to_thread(_publish, broker.port)

    wall, cpu = time.monotonic(), time.process_time()
    await _until(driver, journal, lambda: driver.status()["kept"] >= MESSAGES)
    answer = time.monotonic() - wall, time.process_time() - cpu
    if journal.stats()["kept"] != MESSAGES:
        raise RuntimeError(f"{journal.stats()['kept']} messages were kept")
    await journal.close()
    return answer


async def _until(driver, journal, done) -> None:
    """Run the driver until something holds; its session stays with the broker."""
    task = asyncio.create_task(driver.run(journal.append))
    deadline = time.monotonic() + 60
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - a count is watched
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# paho alone ---------------------------------------------------------------------------------------------


def _paho_alone(port: int, number: int) -> tuple[float, float]:
    subscribed, done = threading.Event(), threading.Event()
    left = MESSAGES

    def received(client: Client, _: object, message) -> None:
        nonlocal left
        orjson.loads(message.payload)
        client.ack(message.mid, message.qos)
        left -= 1
        if not left:
            done.set()

    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"paho-{number}",
        clean_session=False,
        protocol=MQTTProtocolVersion.MQTTv311,
        manual_ack=True,
    )
    client.on_connect = lambda client, *_: client.subscribe("meters/+", qos=1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = received
    client.connect("127.0.0.1", port)
    client.loop_start()
    subscribed.wait(10)
    client.disconnect()
    client.loop_stop()
    _publish(port)

    wall, cpu = time.monotonic(), time.process_time()
    client.reconnect()
    client.loop_start()
    if not done.wait(60):
        raise RuntimeError(f"{left} messages did not come")
    answer = time.monotonic() - wall, time.process_time() - cpu
    client.unsubscribe("meters/+")
    client.disconnect()
    client.loop_stop()
    return answer


# What is sent -------------------------------------------------------------------------------------------


def _publish(port: int) -> None:
    """Publish by hand: connect as 3.1.1, send, and read what is acknowledged."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(bytes.fromhex("101000044d51545404020000000462656e63"))
        link.recv(4)
        for start in range(0, MESSAGES, 500):
            link.sendall(b"".join(_packet(number) for number in range(start, start + 500)))
            acknowledged = 0
            while acknowledged < 500 * 4:
                acknowledged += len(link.recv(65536))


def _packet(number: int) -> bytes:
    topic = f"meters/meter-{number % DEVICES}".encode()
    values = {name: round(number * 0.37 + index, 2) for index, name in enumerate(POINTS)}
    payload = json.dumps({**values, "n": number, "pad": ""}).encode()
    payload = payload[:-2] + b"x" * (200 - len(payload)) + payload[-2:]
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number % 60_000 + 1) + payload
    length = len(body)
    return b"\x32" + bytes([length % 128 | 128, length // 128]) + body


if __name__ == "__main__":
    main()
