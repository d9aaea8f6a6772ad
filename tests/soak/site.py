"""The site of the soak, and the servers around it: what it does in 100 ms, a plant room does in ten seconds."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.faults.clocks import WallClock
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

__all__ = ["DATABASE", "JOURNAL_BYTES", "Life", "Site", "site"]

METERS, PUMPS, COUNTERS = range(1, 11), range(21, 24), range(4)
DATABASE = "facility"
JOURNAL_BYTES = 20_000_000
_DEAD = 99
_EVERY = 6.0
_POINTS = ", ".join(f"p{at}_w: {{register: holding {2 * at}, type: float32, unit: W}}" for at in range(1, 8))

_SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 1 s}}}}
  - {{id: risers, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 200 ms}}}}
  - {{id: old-broker, mqtt: {{url: "{broker}", protocol: 3.1.1}}}}
  - {{id: new-broker, mqtt: {{url: "{broker}"}}}}
devices:
{devices}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
  - {{id: overload, kind: threshold, devices: {{class: electricity}}, point: power_w, above: 2 kW, on_delay: 1 s}}
  - {{id: silent, kind: stale, devices: {{class: water}}, max_age: 10 s}}
  - stock: monitor
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
    - {{id: ben, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ben@example.org"}}}}
  teams:
    - id: house
      members: [ana, ben]
      escalation: [{{after: 0 s, notify: [ana]}}, {{after: 5 s, notify: [ben]}}]
  routes: [{{team: house}}]
journal: {{max_size: {journal} MB}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
_METER = (
    "  - {{id: meter-{0}, connection: plant-room, unit: {0}, every: 100 ms, class: electricity,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}}, {1}}}}}"
)
_PUMP = (
    "  - {{id: pump-{0}, profile: digital-input, connection: plant-room, unit: {0}, every: 100 ms,"
    " points: {{fault: {{register: discrete 0}}}}}}"
)
_COUNTER = (
    "  - {{id: counter-{0}, connection: {1}, topic: meters/counter-{0}, class: water,"
    " points: {{volume_m3: {{json: $.n, unit: m3}}}}}}"
)
_NOBODY = (
    "  - {{id: removed, profile: digital-input, connection: risers, unit: {0}, every: 100 ms,"
    " points: {{fault: {{register: discrete 0}}}}}}"
)
_HOSTILE = ("[" * 5000, '{"n": NaN}', '{"n": 1e999}', '{"n": "many"}', '{"n": {"n": 1}}', "\x00", "x" * 300_000)


@dataclass(frozen=True)
class Site:
    """A daemon (not running yet), its clock, and the servers around it."""

    daemon: Daemon
    clock: WallClock
    endpoint: Endpoint
    broker: Mosquitto
    influx: InfluxServer
    mail: MailServer
    publisher: NumberedPublisher

    def begin(self) -> None:
        """Start the daemon; load follows once the broker keeps messages for it."""
        self.daemon.start()
        before = {number: self._heard(number) for number in COUNTERS}
        self.daemon.until(lambda: self._is_heard(before), "both connections have subscribed")
        self.publisher.begin()

    def restart_broker(self) -> None:
        """Restart it under a daemon that is being served; no message of a meter is on its way to it just then."""
        with self.publisher.rest():
            self.broker.restart()

    def say_nonsense(self) -> None:
        """Publish what no meter would."""
        for number, payload in enumerate(_HOSTILE):
            self.publisher.say_raw(f"meters/counter-{number % len(COUNTERS)}", payload)

    def all_fail(self, *, fail: bool) -> None:
        """Let every pump and two loads fail, or none."""
        for unit in PUMPS:
            self.endpoint[unit].set("discrete", 0, [int(fail)])
        for unit in METERS[:2]:
            self.endpoint[unit].set("holding", 0, [5000 if fail else 100])

    def _is_heard(self, before: dict[int, int]) -> bool:
        silent = [n for n in COUNTERS if self._heard(n) == before[n]]
        for number in silent:
            self.publisher.say(f"meters/counter-{number}", 0)
        return not silent

    def _heard(self, number: int) -> int:
        query = "SELECT coalesce(max(position), 0) AS n FROM entries WHERE kind = 1 AND device = ?"
        return int(self.daemon.journal(query, f"counter-{number}")[0]["n"])


class Life:
    """Lets meters count, and pumps and loads fail and recover every few seconds, in a thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _live(self) -> None:
        turn = 0
        while not self._ended.wait(_EVERY):
            turn += 1
            self._site.all_fail(fail=turn % 2 == 1)


@contextmanager
def site(folder: Path, first: int) -> Iterator[Site]:
    """The servers on the folder of earlier days, if there were any; numbers of messages begin at `first`."""
    for part in ("influxdb", "broker"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        influx = running.enter_context(influxdb(folder / "influxdb"))
        influx.create(DATABASE, f"{DATABASE}-access")
        broker = running.enter_context(Mosquitto(folder / "broker"))
        mail = running.enter_context(MailServer())
        endpoint = running.enter_context(Endpoint({unit: Unit() for unit in (*METERS, *PUMPS)}))
        text = _write(endpoint, broker, mail, influx)
        (folder / "site.yaml").write_text(text)
        clock = WallClock(folder)
        daemon = running.enter_context(Daemon(folder / "site.yaml", folder / "state", clock.environ))
        numbers = NumberedPublisher(broker.port, lambda n: f"meters/counter-{n % 4}", a_second=40, first=first)
        publisher = running.enter_context(numbers)
        yield Site(daemon, clock, endpoint, broker, influx, mail, publisher)


def _write(endpoint: Endpoint, broker: Mosquitto, mail: MailServer, influx: InfluxServer) -> str:
    devices = [_METER.format(unit, _POINTS) for unit in METERS] + [_PUMP.format(unit) for unit in PUMPS]
    devices += [_COUNTER.format(number, ("old-broker", "new-broker")[number % 2]) for number in COUNTERS]
    devices.append(_NOBODY.format(_DEAD))
    return _SITE.format(
        modbus=endpoint.port,
        broker=broker.url,
        mail=mail.port,
        influx=influx.url,
        token=influx.token,
        journal=JOURNAL_BYTES // 1_000_000,
        devices="\n".join(devices),
    )
