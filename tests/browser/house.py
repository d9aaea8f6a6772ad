"""A house that browsers look into: the daemon as it runs, its devices, its mails, and the people who sign in."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer

__all__ = ["NAMES", "House", "living"]

SITE: Final = """\
site: {{id: maple-court, name: Maple Court, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: pump, name: Zirkulation, profile: digital-input, connection: plant, unit: 1, every: 200 ms, building: A,
      zone: Keller, points: {{running: {{register: discrete 0}}, fault: {{register: discrete 1}}}},
      equipment: {{type: pump, service: [{{id: seals, name: Dichtungen, running: 4000 h}}]}}}}
  - {{id: lift, name: Aufzug, profile: digital-input, connection: plant, unit: 2, every: 200 ms, building: A,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: mains, name: Hauptzaehler, class: electricity, connection: plant, unit: 3, every: 200 ms, building: A,
      role: main, points: {{voltage_l1_v: {{register: holding 0, type: uint16, unit: V}},
        energy_import_kwh: {{register: holding 1, type: uint32, unit: kWh}}}}}}
  - {{id: garden, name: Gartenhahn, class: water, manual: volume_m3, rating: 2.5 m3/h, building: A, role: sub,
      medium: cold}}
  - {{id: door, name: Haustuer, profile: aqara-mccgq11lm, connection: broker, topic: z/door, building: A}}
  - {{id: reader, name: Leser, profile: esp-rfid, connection: broker, topic: r/in, direction: in, door: door}}
supply:
  - {{utility: electricity, device: mains, points: voltage_l*_v, below: 50 V, delay: 1 s}}
access:
  pseudonyms: false
  zones: [{{id: house, name: Haus, doors: [door], reset: "03:00"}}]
rules:
  - {{id: pump-fault, name: Pumpe gestoert, kind: state, point: fault, devices: {{id: pump}}, is: true,
      severity: critical, response: Nachsehen.}}
  - {{id: lift-fault, name: Aufzug steht, kind: state, point: fault, devices: {{id: lift}}, is: true,
      severity: high}}
  - {{id: volts, name: Spannung, kind: threshold, devices: {{id: mains}}, points: voltage_l1_v, below: 207 V,
      severity: medium}}
notify:
  links: {{base: "http://127.0.0.1:{links}/fm", listen: "127.0.0.1:{links}"}}
  grouping: {{wait: 0 s, pace: 0 s}}
  people:
    - {{id: ana, name: Ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=m@example.org&to=ana@example.org"}}}}
  teams: [{{id: team, members: [ana]}}]
  routes: [{{team: team}}]
console: {{listen: "127.0.0.1:{console}", base: "http://127.0.0.1:{console}"}}
"""
NAMES: Final = frozenset(re.findall(r"(?:name|id): ([^,}\n]+)", SITE)) | {"running", "fault", "open"}
"""What the site file and profiles call things: the same in every language."""
LOGIN: Final = "ana"
PASSWORD: Final = "seven quiet meters hum"


@dataclass
class House:
    """What runs."""

    daemon: Daemon
    units: dict[int, Unit]
    mail: MailServer
    messages: NumberedPublisher
    origin: str

    def fails(self, unit: int, *, fault: bool = True) -> None:
        """Raise the contact of a device that means a fault, or let it fall."""
        self.units[unit].set("discrete", 1 if unit == 1 else 0, [int(fault)])

    def volts(self, value: int) -> None:
        """What the main meter measures."""
        self.units[3].set("holding", 0, [value])

    def alarm(self, rule: str) -> dict[str, Any]:
        """The open alarm of a rule, once there is one."""
        return dict(
            self.daemon.until(
                lambda: next(
                    (each for each in self.daemon.get("alarms") or () if each["rule"] == rule and each["active"]),
                    None,
                ),
                f"an alarm of {rule}",
            )
        )

    @property
    def has_users(self) -> bool:
        """Whether anybody has an account."""
        return bool(self.daemon.get("status")["console"]["users"])

    def link(self, login: str = LOGIN) -> str:
        """A one-time link, as the command on the machine makes it: the first one makes an administrator."""
        made = self.daemon.command("user", "link", login, "--json")
        assert made.returncode == 0, made.stderr
        return str(json.loads(made.stdout)["url"])


@contextmanager
def living(folder: Path) -> Iterator[House]:
    """Let it live in a folder until the block ends; nothing is wrong yet, and nobody has an account."""
    units = {number: Unit() for number in (1, 2, 3)}
    units[1].set("discrete", 0, [1, 0])
    units[2].set("discrete", 0, [0])
    units[3].set("holding", 0, [230, 0, 4711])
    site, console = folder / "site.yaml", free_port()
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        mail = stack.enter_context(MailServer())
        endpoint = stack.enter_context(Endpoint(units))
        daemon = stack.enter_context(Daemon(site, folder / "state"))
        site.write_text(
            SITE.format(
                modbus=endpoint.port, broker=broker.url, mail=mail.port, links=free_port(), console=console
            ),
            encoding="utf-8",
        )
        daemon.start()
        messages = stack.enter_context(NumberedPublisher(broker.port, str, a_second=1))
        house = House(daemon, units, mail, messages, f"http://127.0.0.1:{console}")
        daemon.until(lambda: daemon.get("status")["console"]["listening"], "the console listens")
        yield house
        assert daemon.stop() == 0
