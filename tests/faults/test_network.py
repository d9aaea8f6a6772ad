"""The network falls silent, breaks off in mid-frame, is slow; the broker restarts: nothing is lost or doubled."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR1

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.faults.proxy import Proxy
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto

__all__ = ["influx"]

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 1 s}}}}
  - {{id: new, mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", keepalive: 2 s}}}}
  - {{id: old, mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", keepalive: 2 s, protocol: 3.1.1}}}}
devices:
  - {{id: meter, connection: plant-room, every: 500 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: counter-0, connection: new, topic: meters/0, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
  - {{id: counter-1, connection: old, topic: meters/1, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
sinks:
  influxdb: {{url: "http://127.0.0.1:{influx}", bucket: facility, token: "{token}", api: v1}}
"""


@dataclass(frozen=True)
class House:
    """A daemon, what it talks to, and the ways there."""

    daemon: Daemon
    broker: Mosquitto
    publisher: NumberedPublisher
    influx: InfluxServer
    ways: dict[str, Proxy]

    def begin(self) -> None:
        """Start, and publish once the broker keeps messages for both connections."""
        self.daemon.start()
        self.daemon.until(self._is_heard, "both have subscribed")
        self.publisher.begin()
        self.daemon.until(lambda: self.written() and self.polls() > 3, "all goes well")

    def settle(self) -> None:
        """Publish no more, wait until everything is in InfluxDB, and end."""
        self.publisher.end()
        until(lambda: not self.publisher.waits, "the broker has acknowledged every message")
        self.daemon.until(lambda: len(self.kept()) >= self.publisher.published, "every message is kept")
        self.daemon.until(lambda: len(self.written()) >= self.publisher.published, "every message is written")
        assert self.daemon.stop() == 0

    def wrong(self) -> dict[str, Counter[int]]:
        """Messages that are lost or there twice, by place."""
        wanted = Counter(self.publisher.acknowledged)
        places = {"journal": Counter(self.kept()), "InfluxDB": Counter(self.written())}
        found = {name: (wanted - there) + (there - wanted) for name, there in places.items()}
        return {name: numbers for name, numbers in found.items() if numbers}

    def kept(self) -> list[int]:
        found = [values["volume_m3"] for name in (0, 1) for _, values in self.daemon.readings(f"counter-{name}")]
        return [int(number) for number in found if number]

    def written(self) -> list[int]:
        found = self.influx.query("SELECT volume_m3 FROM water WHERE volume_m3 > 0", "facility")
        return [int(row["volume_m3"]) for row in found]

    def polls(self) -> int:
        return len(self.daemon.readings("meter"))

    def said(self, event: str) -> int:
        return self.daemon.tail(1_000_000).count(f'"event": "{event}"')

    def _is_heard(self) -> bool:
        silent = [number for number in (0, 1) if not self.daemon.readings(f"counter-{number}")]
        for number in silent:
            self.publisher.say(f"meters/{number}", 0)
        return not silent


@contextmanager
def _house(folder: Path, influx: InfluxServer) -> Iterator[House]:
    with ExitStack() as running:
        endpoint = running.enter_context(Endpoint({1: Unit()}))
        broker = running.enter_context(Mosquitto(folder / "broker"))
        targets = {"modbus": endpoint.port, "mqtt": broker.port, "influx": influx.port}
        ways = {name: running.enter_context(Proxy(port)) for name, port in targets.items()}
        site = folder / "site.yaml"
        site.write_text(SITE.format(token=influx.token, **{name: way.port for name, way in ways.items()}))
        publisher = NumberedPublisher(broker.port, lambda number: f"meters/{number % 2}", a_second=100)
        running.enter_context(publisher)
        daemon = running.enter_context(Daemon(site, folder / "state"))
        yield House(daemon, broker, publisher, influx, ways)


@pytest.mark.fault(
    "half-open connection",
    part="Modbus",
    outcome="A converter that silently forgot its connection is read again over a new one with the next polls;"
    " the device is lost and back once in the log.",
)
@pytest.mark.fault(
    "half-open connection",
    part="MQTT",
    outcome="The keepalive finds the dead connection; the session brings what was sent meanwhile, once; the broker"
    " is lost and back once in the log.",
)
@pytest.mark.fault(
    "half-open connection",
    part="InfluxDB sink",
    outcome="A request that nobody answers ends after 15 seconds and is sent again; what was read meanwhile is"
    " written once.",
)
def test_a_network_that_falls_silent_without_a_word_is_noticed_and_nothing_is_lost(
    tmp_path: Path, influx: InfluxServer
) -> None:
    with _house(tmp_path, influx) as house:
        house.begin()
        for way in house.ways.values():
            way.fall_silent()
        for event, times in {"broker_lost": 2, "device lost": 1, "sink_down": 1}.items():
            house.daemon.until(lambda event=event, times=times: house.said(event) >= times, f"{event} is said")
        for way in house.ways.values():
            way.come_back()
        for event, times in {"broker_back": 2, "device is back": 1, "sink_up": 1}.items():
            house.daemon.until(lambda event=event, times=times: house.said(event) >= times, f"{event} is said")
        house.settle()

        assert not house.wrong()
        once = {
            "sink_down": 1,
            "sink_up": 1,
            "broker_lost": 2,
            "broker_back": 2,
            "device lost": 1,
            "device is back": 1,
        }
        assert {event: house.said(event) for event in once} == once


@pytest.mark.fault(
    "connection reset",
    part="whole monitor",
    outcome="Whatever byte of an answer, a message or an acknowledgement the network breaks at, with a reset or an"
    " ordinary end: the rest is asked for anew, nothing is lost, doubled or taken for a value.",
)
def test_connections_that_break_at_any_byte_lose_nothing_and_double_nothing(
    tmp_path: Path, influx: InfluxServer
) -> None:
    with _house(tmp_path, influx) as house:
        house.begin()
        for number, size in enumerate((1, 9, 40)):
            for way in house.ways.values():
                way.break_after(size, ("reset", "close")[number % 2])
            house.daemon.until(
                lambda: all(way.has_broken for way in house.ways.values()), f"all have broken after {size} bytes"
            )
        polls = house.polls()
        house.daemon.until(lambda: house.polls() > polls + 4, "the meter is read on")
        house.settle()

        assert not house.wrong()
        assert {values["power_w"] for _, values in house.daemon.readings("meter")} == {0}


@pytest.mark.fault(
    "slow network or peer",
    part="whole monitor",
    outcome="Answers that are late or come byte by byte are put together; everything arrives once.",
)
def test_bytes_that_come_one_by_one_and_late_are_put_together(tmp_path: Path, influx: InfluxServer) -> None:
    with _house(tmp_path, influx) as house:
        for name, way in house.ways.items():
            way.delay = 0.1
            way.trickle = name != "influx"  # batches of thousands of bytes: a tenth of a second for each piece
        house.begin()
        house.daemon.until(lambda: len(house.kept()) > 300 and house.polls() > 10, "much has come")
        house.settle()

        assert not house.wrong()
        assert {house.said(event) for event in ("device lost", "broker_lost", "sink_down")} == {0}


def _stop(broker: Mosquitto) -> None:
    broker.stop()


def _kill(broker: Mosquitto) -> None:
    broker.kill()


@pytest.mark.fault(
    "broker restarts",
    part="MQTT",
    outcome="Stopped in order, or killed with the session on its disk and nothing in flight: every message that"
    " the broker took before, meanwhile and afterwards is kept once, with MQTT 5 and 3.1.1.",
)
@pytest.mark.parametrize("end", [_stop, _kill])
def test_a_broker_that_restarts_between_messages_loses_and_doubles_no_message(
    end: Callable[[Mosquitto], None], tmp_path: Path, influx: InfluxServer
) -> None:
    with _house(tmp_path, influx) as house:
        house.begin()
        for number in range(2):
            with house.publisher.rest():
                house.daemon.until(lambda: len(house.kept()) >= house.publisher.published, "all has come")
                _save(house.broker)
                end(house.broker)
                house.broker.start()
            kept = len(house.kept())
            house.daemon.until(lambda kept=kept: len(house.kept()) > kept + 100, f"restart {number} is survived")
        house.settle()

        assert not house.wrong()
        assert house.said("broker_lost") == house.said("broker_back") == 4


def _save(broker: Mosquitto) -> None:
    """Have the sessions written to the disk now; Mosquitto does so by itself once a minute."""
    assert broker._process is not None
    file = broker.folder / "mosquitto.db"
    before = file.stat().st_mtime_ns if file.exists() else 0
    broker._process.send_signal(SIGUSR1)
    until(lambda: file.exists() and file.stat().st_mtime_ns > before, "the sessions are saved")
