"""A small site whose files a test harms: a meter and two pumps over Modbus, a counter over MQTT, two people."""

from tests.end_to_end.daemon import Daemon
from tests.servers.smtp import MailServer

__all__ = ["SITE", "THREE_DEVICES", "mails", "numbers", "polls"]

SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: meter, connection: plant-room, unit: 1, every: 200 ms, class: electricity,
      points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}
  - {{id: pump-1, profile: digital-input, connection: plant-room, unit: 21, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: pump-2, profile: digital-input, connection: plant-room, unit: 22, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: counter, connection: broker, topic: meters/counter, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
    - {{id: ben, language: zh,
        channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ben@example.org"}}}}
  teams:
    - {{id: house, members: [ana, ben], escalation: [{{after: 0 s, notify: ana}}, {{after: 1 h, notify: ben}}]}}
  routes: [{{team: house}}]
"""

THREE_DEVICES = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{mqtt}"}}}}
devices:
  - id: meter
    connection: plant-room
    every: 200 ms
    class: electricity
    points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}
  - id: counter
    connection: broker
    topic: meters/counter
    class: water
    points: {{volume_m3: {{json: $.n, unit: m3}}}}
  - id: leak
    connection: broker
    topic: detectors/leak
    class: safety
    points: {{alarm: {{json: $.leak}}}}
rules:
  - {{id: leak, kind: state, devices: {{class: safety}}, point: alarm, is: true, severity: critical}}
"""
"""Without notify and sinks: a meter over Modbus; a counter and a leak detector over MQTT, and a rule for that."""


def mails(mail: MailServer, person: str) -> list[str]:
    """The subjects of the mails to a person."""
    return [str(each["Subject"]) for each in mail.messages if person in str(each["To"])]


def numbers(daemon: Daemon) -> list[int]:
    """The numbers that the counter has told, as the journal has them."""
    return [int(values["volume_m3"]) for _, values in daemon.readings("counter")]


def polls(daemon: Daemon) -> int:
    """How often the meters were asked since the start."""
    status = daemon.get("status")
    return int(status["connections"]["plant-room"]["polls"]) if status else 0
