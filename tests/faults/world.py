"""A whole site under load, with real servers around it, for faults to be done to: what is told and who is told."""

import asyncio
import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

__all__ = ["COUNTERS", "METERS", "PUMPS", "Life", "SlowMail", "World", "world"]

METERS, PUMPS, COUNTERS = range(1, 7), range(1, 5), range(4)
DATABASE = "facility"
_OVERLOADED = range(1, 3)
_SECONDS = 60.0

_SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 1 s}}}}
  - {{id: old-broker, mqtt: {{url: "{broker}", protocol: 3.1.1}}}}
  - {{id: new-broker, mqtt: {{url: "{broker}"}}}}
devices:
{devices}
rules:
  # critical: so many at once are a flood, and what is less severe waits for others
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: critical}}
  - {{id: overload, kind: threshold, devices: {{class: electricity}}, point: power_w, above: 2 kW, on_delay: 2 s,
      severity: critical}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
    - {{id: ben, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ben@example.org"}}}}
  teams:
    - id: house
      members: [ana, ben]
      escalation: [{{after: 0 s, notify: [ana]}}, {{after: 4 s, notify: [ben]}}]
  routes:
    - {{team: house}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
_METER = (
    "  - {{id: meter-{0}, connection: plant-room, unit: {0}, every: 200 ms, class: electricity,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}"
)
_PUMP = (
    "  - {{id: pump-{0}, profile: digital-input, connection: plant-room, unit: 2{0}, every: 200 ms,"
    " points: {{fault: {{register: discrete 0}}}}}}"
)
_COUNTER = (
    "  - {{id: counter-{0}, connection: {1}, topic: meters/counter-{0}, class: water,"
    " points: {{volume_m3: {{json: $.n, unit: m3}}}}}}"
)


class SlowMail(MailServer):
    """Takes its time before it keeps a mail and before it says so: what is killed meanwhile cannot know."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.longest = 0.3
        """Seconds of either pause."""
        self._dice = dice

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self._dice.uniform(0, self.longest))
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(self._dice.uniform(0, self.longest))
        return answer


@dataclass
class Told:
    """What the daemon has told somebody, and so has to know for ever."""

    commands: dict[str, str] = field(default_factory=dict)
    """Acknowledgements that were accepted: the command's id and its occurrence."""
    sent: set[int] = field(default_factory=set)
    """Notifications that were listed as sent."""
    position: int = 0
    """The journal's end as `status` told it."""


class Life:
    """What goes on in the building, in a thread: pumps fail, loads rise and fall, somebody acknowledges alarms."""

    def __init__(self, endpoint: Endpoint, daemon: Daemon, dice: random.Random) -> None:
        self.told = Told()
        self._endpoint = endpoint
        self._daemon = daemon
        self._dice = dice
        self._changed: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let nothing happen any more."""
        self._ended.set()
        self._thread.join(60)

    def all_fail(self, *, fail: bool) -> None:
        """Let every pump and every load that can fail do so, or none."""
        for number in PUMPS:
            self._endpoint[20 + number].set("discrete", 0, [int(fail)])
        for number in _OVERLOADED:
            self._endpoint[number].set("holding", 0, [5000 if fail else 100])

    def acknowledge_one(self) -> bool:
        """Acknowledge an alarm that waits for it; answers whether that was accepted."""
        open_ones = [each for each in self._daemon.get("alarms") or () if each["response"] == "unacked"]
        if not open_ones:
            return False
        occurrence = self._dice.choice(open_ones)["occurrence"]
        accepted = _post(self._daemon.state / "api.sock", f"/api/v1/alarms/{occurrence}/acknowledge")
        if accepted:
            self.told.commands[accepted["command"]] = occurrence
        return bool(accepted)

    def _live(self) -> None:
        self._endpoint[21].set("discrete", 0, [1])
        while not self._ended.wait(self._dice.uniform(0.1, 0.5)):
            what = self._dice.randrange(6)
            if what < 2:
                self._change(20 + self._dice.choice(PUMPS), "discrete", self._dice.randrange(2))
            elif what == 2:
                self._change(self._dice.choice(_OVERLOADED), "holding", self._dice.choice([100, 5000]))
            elif what == 3:
                self.acknowledge_one()
            else:
                self._listen()

    def _change(self, unit: int, table: Literal["holding", "discrete"], value: int) -> None:
        """Not twice in two seconds: mails tell occurrences apart by the second in which they were raised."""
        if time.monotonic() - self._changed.get(unit, 0) > 2:
            self._changed[unit] = time.monotonic()
            self._endpoint[unit].set(table, 0, [value])

    def _listen(self) -> None:
        status = self._daemon.get("status")
        rows = self._daemon.get("notifications", last=50)
        if status is not None:
            self.told.position = max(self.told.position, status["journal"]["position"])
        self.told.sent |= {row["id"] for row in rows or () if row["state"] == "sent"}


@dataclass(frozen=True)
class World:
    """A site, its daemon (not running yet) and the servers around it."""

    daemon: Daemon
    life: Life
    mail: SlowMail
    influx: InfluxServer
    publisher: NumberedPublisher

    def begin(self) -> None:
        """Start the daemon for the first time; load follows once the broker keeps messages for it."""
        self.daemon.start()
        until(self._is_heard, lambda: f"both connections have subscribed\n{self.daemon.tail()}")
        self.publisher.begin()

    def settle(self) -> None:
        """End the load, let every alarm be raised and cleared once more, wait until nothing is owed to anybody."""
        self.publisher.end()
        self.life.end()
        self.mail.longest = 0.0
        daemon, told = self.daemon, len(self.life.told.commands)
        self.life.all_fail(fail=True)
        devices = len(PUMPS) + len(_OVERLOADED)
        active = "SELECT 1 FROM alarm WHERE state = 'active'"
        daemon.until(lambda: len(daemon.memory(active)) == devices, "everything is in alarm", _SECONDS)
        daemon.until(
            lambda: self.life.acknowledge_one() or len(self.life.told.commands) > told, "one is acknowledged"
        )
        self.life.all_fail(fail=False)
        ongoing = "SELECT 1 FROM alarm WHERE state <> 'clear'"
        daemon.until(lambda: not daemon.memory(ongoing), "every alarm has cleared", _SECONDS)
        until(lambda: not self.publisher.waits, "the broker has acknowledged every message", _SECONDS)
        daemon.until(lambda: self._kept() >= self.publisher.published, "every message is in the journal", 120)
        daemon.until(self._is_all_told, "every notification is sent", 240)
        end = daemon.journal("SELECT max(position) AS position FROM entries")[0]["position"]
        daemon.until(lambda: self._position("influxdb") >= end, "everything is in InfluxDB", 120)

    def _is_heard(self) -> bool:
        """Whether the broker keeps messages for the daemon already: what is said before that is lost by right."""
        silent = [number for number in COUNTERS if not self.daemon.readings(f"counter-{number}")]
        for number in silent:
            self.publisher.say(f"meters/counter-{number}", 0)
        return not silent

    def _kept(self) -> int:
        query = "SELECT count(*) AS n FROM entries WHERE kind = 1 AND device LIKE 'counter-%'"
        return int(self.daemon.journal(query)[0]["n"])

    def _position(self, consumer: str) -> int:
        (row,) = self.daemon.memory("SELECT position FROM positions WHERE consumer = ?", consumer)
        return int(row["position"])

    def _is_all_told(self) -> bool:
        query = "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending', 'failed') UNION SELECT 1 FROM produced"
        return not self.daemon.memory(query)


@contextmanager
def world(folder: Path, dice: random.Random, environ: Mapping[str, str] | None = None) -> Iterator[World]:
    """Build it all in a folder; `environ` is added to the daemon's environment."""
    for part in ("influxdb", "broker"):
        (folder / part).mkdir(parents=True)
    seeds = [random.Random(dice.random()) for _ in range(2)]
    with ExitStack() as running:
        influx = running.enter_context(influxdb(folder / "influxdb"))
        influx.create(DATABASE, f"{DATABASE}-access")
        broker = running.enter_context(Mosquitto(folder / "broker"))
        mail = running.enter_context(SlowMail(seeds[0]))
        units = {number: Unit() for number in METERS} | {20 + number: Unit() for number in PUMPS}
        endpoint = running.enter_context(Endpoint(units))
        site = folder / "site.yaml"
        site.write_text(_site(endpoint, broker, mail, influx))
        daemon = running.enter_context(Daemon(site, folder / "state", dict(environ or {})))
        topics = NumberedPublisher(broker.port, lambda number: f"meters/counter-{number % 4}", a_second=200)
        publisher = running.enter_context(topics)
        life = running.enter_context(Life(endpoint, daemon, seeds[1]))
        yield World(daemon, life, mail, influx, publisher)


def _site(endpoint: Endpoint, broker: Mosquitto, mail: MailServer, influx: InfluxServer) -> str:
    devices = [_METER.format(number) for number in METERS] + [_PUMP.format(number) for number in PUMPS]
    devices += [_COUNTER.format(number, ("old-broker", "new-broker")[number % 2]) for number in COUNTERS]
    return _SITE.format(
        modbus=endpoint.port,
        broker=broker.url,
        mail=mail.port,
        influx=influx.url,
        token=influx.token,
        devices="\n".join(devices),
    )


def _post(path: Path, where: str) -> Any:
    """Post to the daemon's socket; None unless it was accepted and the whole answer came."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        try:
            link.connect(str(path))
            with closing(HTTPConnection("daemon")) as client:
                client.sock = link
                body = json.dumps({"reason": "seen"})
                client.request("POST", where, body, {"Content-Type": "application/json"})
                answer = client.getresponse()
                return json.loads(answer.read()) if answer.status == HTTPStatus.ACCEPTED else None
        except (OSError, HTTPException):
            return None
