"""The name server is away, wrong, silent, or has changed its mind: the daemon starts, goes on, and follows it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.faults.clocks import KernelClock, together
from tests.faults.names import HANGS, Names
from tests.faults.proxy import Proxy
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto

__all__ = ["influx"]

CONVERTER, BROKER, DATABASE = NAMES = ("converter.test", "broker.test", "database.test")
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
_SILENT = f'"name": "{CONVERTER}"'
_METER = (
    "{{id: {0}, connection: {1}, every: 200 ms, class: electricity,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}"
)
SITE = f"""\
site: {{{{id: works, timezone: Europe/Berlin}}}}
connections:
  - {{{{id: near, modbus: {{{{transport: tcp, host: 127.0.0.1, port: {{near}}, timeout: 5 s}}}}}}}}
  - {{{{id: far, modbus: {{{{transport: tcp, host: {CONVERTER}, port: {{modbus}}, timeout: 1 s}}}}}}}}
  - {{{{id: broker, mqtt: {{{{url: "mqtt://{BROKER}:{{mqtt}}"}}}}}}}}
devices:
  - {_METER.format("near", "near").replace("{", "{{").replace("}", "}}")}
  - {_METER.format("far", "far").replace("{", "{{").replace("}", "}}")}
  - {{{{id: counter, connection: broker, topic: meters/counter, class: water,
      points: {{{{volume_m3: {{{{json: $.n, unit: m3}}}}}}}}}}}}
sinks:
  influxdb: {{{{url: "http://{DATABASE}:{{influx}}", bucket: facility, token: "{{token}}", api: v1}}}}
"""


@contextmanager
def _at(address: str, ports: dict[str, int], targets: dict[str, int]) -> Iterator[dict[str, Proxy]]:
    """A way to each of the servers at an address of this machine, at the same ports at every address."""
    with ExitStack() as running:
        yield {
            name: running.enter_context(Proxy(target, host=address, port=ports.get(name, 0)))
            for name, target in targets.items()
        }


@contextmanager
def _site(folder: Path, names: Names, ports: dict[str, int], near: int, token: str) -> Iterator[Daemon]:
    site = folder / "site.yaml"
    site.write_text(SITE.format(near=near, token=token, **ports))
    # The host's own clock may be unsynchronised: nothing would be written to a server elsewhere for ten minutes.
    with Daemon(site, folder / "state", together(names.environ, KernelClock(folder).environ)) as daemon:
        yield daemon


def _sink(daemon: Daemon) -> Any:
    return daemon.get("status")["sinks"]["influxdb"]


@pytest.mark.fault(
    "name server away or silent",
    part="Modbus",
    outcome="Everything starts without a name and says so once; the converter is found as soon as its name is, and"
    " looked for where the name says when it says something else.",
)
@pytest.mark.fault(
    "name server away or silent",
    part="MQTT",
    outcome="Everything starts without a name and says so once; the broker is found as soon as its name is, and"
    " where the name says then; no message is lost or doubled by it.",
)
@pytest.mark.fault(
    "name server away or silent",
    part="InfluxDB sink",
    outcome="What is read meanwhile is kept, and written once as soon as the name is there; when the name says"
    " something else, it is written there.",
)
def test_names_that_come_late_and_move_are_followed_without_a_restart(
    tmp_path: Path, influx: InfluxServer
) -> None:
    names = Names(tmp_path)
    with ExitStack() as running:
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        broker = running.enter_context(Mosquitto(tmp_path / "broker"))
        targets = {"modbus": endpoint.port, "mqtt": broker.port, "influx": influx.port}
        first = running.enter_context(_at(FIRST, {}, targets))
        ports = {name: way.port for name, way in first.items()}
        second = running.enter_context(_at(SECOND, ports, targets))
        daemon = running.enter_context(_site(tmp_path, names, ports, endpoint.port, influx.token))
        publisher = running.enter_context(NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=50))
        daemon.start()
        daemon.until(lambda: _sink(daemon)["last_error"], "the database is missed")
        daemon.until(lambda: daemon.get("devices", "far")["failures"] >= 3, "the converter is missed")
        daemon.until(lambda: len(daemon.readings("near")) > 10, "what needs no name is read")

        names.set(dict.fromkeys(NAMES, FIRST))
        daemon.until(lambda: daemon.get("devices", "far")["state"] == "answering", "the converter is found")
        daemon.until(lambda: _is_heard(daemon, publisher), "the broker is found")
        daemon.until(lambda: influx.query("SELECT power_w FROM electricity", "facility"), "the database is found")
        publisher.begin()
        names.set(dict.fromkeys(NAMES, SECOND))
        for way in first.values():
            way.stop()
        before = len(daemon.readings("far"))
        daemon.until(lambda: all(way.connections for way in second.values()), "all three are followed")
        daemon.until(lambda: len(daemon.readings("far")) > before + 3, "the converter is read again")
        publisher.end()
        until(lambda: not publisher.waits, "the broker has acknowledged every message")
        daemon.until(lambda: len(_written(influx)) >= publisher.published, "InfluxDB has every message")
        assert daemon.stop() == 0

    kept = [int(values["volume_m3"]) for _, values in daemon.readings("counter") if values["volume_m3"]]
    assert sorted(kept) == sorted(_written(influx)) == publisher.acknowledged
    log = daemon.tail(100_000)
    events = {
        name: log.count(f'"event": "{name}"') for name in ("sink_down", "sink_up", "broker_lost", "broker_back")
    }
    assert events["sink_down"] == events["sink_up"] <= 2, log
    assert events["broker_lost"] == events["broker_back"] == 2, log
    assert log.count('"device has never answered"') == 1, log
    for told in ("Name or service not known", "the host in `url`, the name server", "The `host` is not known"):
        assert told in log


@pytest.mark.fault(
    "name server away or silent",
    part="whole monitor",
    outcome="Only what needs a name waits for it: meters with an address are read in time, the API answers, and"
    " the monitor ends when it is told to.",
)
def test_a_name_server_that_says_nothing_holds_up_neither_the_others_nor_the_end(tmp_path: Path) -> None:
    names = Names(tmp_path)
    names.set(dict.fromkeys(NAMES, HANGS))
    ports = {"modbus": 502, "mqtt": 1883, "influx": 8086}
    with Endpoint({1: Unit()}) as endpoint, _site(tmp_path, names, ports, endpoint.port, "a:b") as daemon:
        daemon.start()
        daemon.until(lambda: daemon.get("devices", "far")["failures"] >= 2, "the converter is missed")
        daemon.until(lambda: len(daemon.readings("near")) > 20, "what needs no name is read")
        daemon.until(lambda: _SILENT in daemon.tail(), "it is told that nobody answers for the name")
        facts = daemon.get("status")["connections"]["near"]
        began = time.monotonic()

        assert daemon.stop(within=30) == 0
        print(f"ended within {time.monotonic() - began:.1f} s")  # noqa: T201

    assert facts["failed"] == 0
    assert "within 1 s" in daemon.tail()
    assert daemon.tail(100_000).count(_SILENT) == 1


def _is_heard(daemon: Daemon, publisher: NumberedPublisher) -> bool:
    publisher.say("meters/counter", 0)
    return bool(daemon.readings("counter"))


def _written(influx: InfluxServer) -> list[int]:
    found = influx.query("SELECT volume_m3 FROM water WHERE volume_m3 > 0", "facility")
    return [int(row["volume_m3"]) for row in found]
