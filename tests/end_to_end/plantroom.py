"""A plant room whose contacts a script moves, who knows when: two pumps, a lift, the supply and detectors."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from json import loads
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any, Final, Self

from monitor.simulation.unit import Unit
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

__all__ = ["SITE", "Contacts", "Heartbeat", "Plant"]

SITE: Final = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: pump-1, profile: digital-input, connection: plant, unit: 1, every: 150 ms, building: A, points: &pump
      {{running: {{register: discrete 0}}, fault: {{register: discrete 1}}, called: {{register: discrete 2}}}},
      equipment: {{type: pump, start_within: 1 s, stop_within: 1 s, starts_per_hour: 4,
        service: [{{id: seals, name: Change the seals, running: 4000 h}}]}}}}
  - {{id: pump-2, profile: digital-input, connection: plant, unit: 2, every: 150 ms, building: A, points: *pump,
      equipment: {{type: pump, start_within: 1 s, stop_within: 1 s}}}}
  - {{id: lift, profile: digital-input, connection: plant, unit: 3, every: 200 ms, building: A,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: switch, profile: digital-input, connection: plant, unit: 4, every: 200 ms, building: A,
      points: {{pressure_ok: {{register: discrete 0}}}}}}
  - {{id: mains, class: electricity, connection: plant, unit: 5, every: 100 ms, building: A, role: main, points:
      {{voltage_l1_v: {{register: holding 0, type: uint16, unit: V}},
        voltage_l2_v: {{register: holding 1, type: uint16, unit: V}},
        voltage_l3_v: {{register: holding 2, type: uint16, unit: V}}}}}}
  - {{id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: z/leak, every: 1 s, building: A}}
  - {{id: smoke, profile: heiman-hs1cg, connection: broker, topic: z/smoke, every: 1 s, building: A}}
  - {{id: door, profile: aqara-mccgq11lm, connection: broker, topic: z/door, building: A}}
equipment:
  groups: [{{id: pumps, name: Pumps, members: [pump-1, pump-2]}}]
supply:
  - {{utility: electricity, device: mains, points: voltage_l*_v, below: 50 V, delay: 1 s}}
  - {{utility: water, device: switch, point: pressure_ok, is: false, delay: 1 s}}
rules:
  - {{stock: equipment}}  # less some of them: more than ten alarms in ten minutes would be a flood, and gathered
  - {{id: took-over, kind: event, event: took_over, enabled: false}}
  - {{id: no-reserve, kind: event, event: no_reserve, enabled: false}}
  - {{id: short-cycling, kind: event, event: short_cycling, enabled: false}}
  - {{id: battery-soon, kind: event, event: battery_soon, enabled: false}}
  - {{id: device-flapping, kind: event, event: health, enabled: false}}
  - {{stock: supply}}
  - {{stock: safety}}
  - {{stock: devices}}
  - {{id: detector-silent, kind: stale, devices: {{id: smoke}}, max_age: 8 s, severity: high}}
  - {{id: detector-offline, kind: offline, devices: {{class: safety}}, on_delay: 500 ms, severity: high}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
PRESENT: Final = (230, 231, 229)


def quietly(look: Callable[[], Any]) -> Any:
    """What a look at the daemon's files answers; None while it is about to open them."""
    try:
        return look()
    except OperationalError:
        return None


class Contacts:
    """The registers of one device; `told` says when (UTC ms) they became what."""

    def __init__(self, plant: "Plant", device: str, unit: Unit, names: tuple[str, ...], table: str) -> None:
        self._plant, self.device, self._unit, self._table = plant, device, unit, table
        self._names = names
        self.told: list[tuple[int, Mapping[str, int]]] = []

    def become(self, *values: int) -> int:
        """Be like this from now on, and return once that has been read; answers when it began (UTC ms)."""
        at = self.turn(*values)
        wanted = self.told[-1][1]

        def is_read() -> bool:
            last = quietly(lambda: self._plant.last_reading(self.device))
            return bool(last) and last[0] > at and all(last[1].get(name) == now for name, now in wanted.items())

        until(is_read, lambda: f"{self.device} was read as {wanted}\n{self._plant.daemon.tail()}")
        return at

    def turn(self, *values: int) -> int:
        """Be like this from now on; answers when it began (UTC ms)."""
        at = round(time.time() * 1000)
        self._unit.set(self._table, 0, values)  # type: ignore[arg-type]
        self.told.append((at, dict(zip(self._names, values, strict=True))))
        return at

    def spans(self, name: str) -> list[tuple[int, int]]:
        """From when to when a contact was closed; what still is has no end and is left out."""
        found, since = [], None
        for at, values in self.told:
            if values[name] and since is None:
                since = at
            elif not values[name] and since is not None:
                found.append((since, at))
                since = None
        return found


class Heartbeat:
    """A detector that says each half second that all is well, for as long as it has a battery."""

    def __init__(self, publisher: NumberedPublisher, topic: str) -> None:
        self._publisher, self._topic = publisher, topic
        self._beats, self._ended = threading.Event(), threading.Event()
        self._beats.set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(20)

    def stop(self) -> None:
        self._beats.clear()

    def go_on(self) -> None:
        self._beats.set()

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            if self._beats.is_set():
                self._publisher.say_json(self._topic, {"gas": False, "battery_low": False, "tamper": False})


class Plant:
    """All of it: servers that run, a daemon that does not yet, and what was done when."""

    def __init__(self, folder: Path, influx: InfluxServer, *, site: str = SITE) -> None:
        self.folder, self.influx = folder, influx
        self._running = ExitStack()
        self._text = site

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.endpoint = stack.enter_context(Endpoint({unit: Unit() for unit in range(1, 6)}))
            self.broker = stack.enter_context(Mosquitto(self.folder / "broker"))
            self.mail = stack.enter_context(MailServer())
            file = self.folder / "site.yaml"
            file.write_text(
                self._text.format(
                    modbus=self.endpoint.port,
                    broker=self.broker.url,
                    mail=self.mail.port,
                    influx=self.influx.url,
                    token=self.influx.token,
                )
            )
            self.daemon = stack.enter_context(Daemon(file, self.folder / "state"))
            first = NumberedPublisher(self.broker.port, lambda _: "z/none", a_second=1)
            self.publisher = stack.enter_context(first)
            self.heartbeat = stack.enter_context(Heartbeat(self.publisher, "z/smoke"))
            self._running = stack.pop_all()
        pump = ("running", "fault", "called")
        self.pumps = [self._contacts(f"pump-{unit}", unit, pump) for unit in (1, 2)]
        self.lift = self._contacts("lift", 3, ("fault",))
        self.switch = self._contacts("switch", 4, ("pressure_ok",))
        phases = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
        self.mains = self._contacts("mains", 5, phases, "holding")
        self.switch.turn(1)
        self.mains.turn(*PRESENT)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _contacts(self, device: str, unit: int, names: tuple[str, ...], table: str = "discrete") -> Contacts:
        contacts = Contacts(self, device, self.endpoint[unit], names, table)
        contacts.turn(*(0 for _ in names))
        return contacts

    def last_reading(self, device: str) -> tuple[int, dict[str, Any]] | None:
        """Time and values of the newest reading that has values."""
        found = self.daemon.journal(
            "SELECT json_extract(body, '$[1]') AS time, json_extract(body, '$[3]') AS said FROM entries"
            " WHERE kind = 1 AND device = ? ORDER BY position DESC LIMIT 5",
            device,
        )
        return next(((row["time"], loads(row["said"])) for row in found if loads(row["said"])), None)

    def is_told(self, device: str, kind: str, number: int = 1) -> None:
        """Wait until an event was told so often."""

        def found() -> bool:
            query = (
                "SELECT count(*) AS n FROM entries WHERE kind = 2 AND device = ?"
                " AND json_extract(body, '$.kind') = ?"
            )
            rows = quietly(lambda: self.daemon.journal(query, device, kind))
            return bool(rows) and rows[0]["n"] >= number

        until(found, lambda: f"{device}: {kind}\n{self.daemon.tail()}")

    def is_raised(self, rule: str, device: str) -> None:
        """Wait until an alarm was raised."""

        def found() -> bool:
            steps = quietly(lambda: self.daemon.entries(4)) or ()
            return any((each["rule"], each["device"], each["cause"]) == (rule, device, "raised") for each in steps)

        until(found, lambda: f"{device}: alarm {rule}\n{self.daemon.tail()}")
