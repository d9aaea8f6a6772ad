"""The site of the month as a technician writes it: with holidays, or with a change of the clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from drivers import DRIVERS
from monitor.settings import load
from monitor.settings.tables import resolve
from monitor.site import Site
from rules.kinds import RULES

__all__ = ["DECEMBER", "MARCH", "POINTS", "Month", "devices"]

POINTS: Mapping[str, tuple[str, str, float, Mapping[str, float]]] = {
    "electricity": (
        "voltage",
        "voltage_l1_v",
        230.0,
        {"low": 215.0, "medium": 205.0, "high": 185.0, "critical": 140.0},
    ),
    "water": ("flow", "flow_m3h", 0.5, {"low": 2.5, "medium": 6.0, "high": 11.0, "critical": 30.0}),
    "environment": ("warm", "temperature_c", 20.0, {"low": 31.0, "medium": 36.0, "high": 41.0, "critical": 61.0}),
}
"""Class -> the id of its rule, its point, what is usual, and a value for each severity."""

_TEXT = """\
site: {id: courts, name: Maple and Oak Court, timezone: Europe/Berlin}
access:
  holidays: {country: DE}
connections:
  - {id: a-cellar, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: a-roof, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: b-cellar, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: b-roof, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
DEVICES
rules:
  - id: voltage
    kind: threshold
    devices: {class: electricity}
    point: voltage_l1_v
    ack: not_required
    levels:
      - {below: 220 V, severity: low}
      - {below: 207 V, severity: medium}
      - {below: 190 V, severity: high}
      - {below: 150 V, severity: critical}
  - id: flow
    kind: threshold
    devices: {class: water}
    point: flow_m3h
    ack: not_required
    levels:
      - {above: 2 m3/h, severity: low}
      - {above: 5 m3/h, severity: medium}
      - {above: 10 m3/h, severity: high}
      - {above: 20 m3/h, severity: critical}
  - id: warm
    kind: threshold
    devices: {class: environment}
    point: temperature_c
    ack: not_required
    levels:
      - {above: 30 degC, severity: low}
      - {above: 35 degC, severity: medium}
      - {above: 40 degC, severity: high}
      - {above: 60 degC, severity: critical}
  - {id: monitor-nobody-answered, kind: event, devices: {id: facility-monitor}, event: nobody_answered,
     severity: high}
notify:
  quiet: {hours: "22:00-07:00", below: high}
  grouping: {wait: 30 s, interval: 5 min, pace: 60 s}
  people:
    - {id: ana, name: Ana, language: en, budget: {day: 8, night: 2},
       channels: {phone: "json://ana-phone", mail: "json://ana-mail"},
       over: {critical: [phone, mail], high: phone, medium: phone, low: mail}}
    - {id: ben, name: Ben, language: zh, budget: {day: 5},
       channels: {phone: "json://ben-phone", mail: "json://ben-mail"},
       over: {high: phone, medium: phone, low: mail},
       away: [{from: AWAY_FROM, to: AWAY_TO}]}
    - {id: cy, name: Cy, language: en, quiet: false, budget: {day: 6, night: 1}, channels: {phone: "json://cy-phone"}}
    - {id: dan, name: Dan, language: zh, quiet: {hours: "20:00-08:00", below: critical},
       channels: {phone: "json://dan-phone", mail: "json://dan-mail"}, over: {critical: phone}}
    - {id: eve, name: Eve, language: en, channels: {mail: "json://eve-mail"}}
  rosters:
    - id: duty
      layers:
        - {people: [ana, ben, dan], turn: 1 week, handover: mon 08:00, from: ROTATES}
        - {name: holidays, people: cy, hours: {days: holidays}}
      overrides:
        - {from: OVER_FROM 12:00, to: OVER_TO 09:00, person: eve, reason: a wedding}
    - id: pipes
      layers:
        - {people: [cy, dan], turn: 1 day, handover: "18:00", from: ROTATES}
  teams:
    - id: house
      escalation: [{after: 0 min, notify: duty}, {after: 15 min, notify: [duty, eve]}]
      repeat: 2
      repeat_every: 15 min
    - id: plumbers
      escalation: [{after: 0 min, notify: pipes, channels: phone}, {after: 20 min, notify: [cy, dan]}]
      repeat: 1
      repeat_every: 30 min
    - {id: managers, members: [eve]}
  routes:
    - {match: {rule: monitor-nobody-answered}, team: managers}
    - {match: {class: water, severity: [high, critical]}, team: plumbers, continue: true}
    - {match: {class: environment, building: B}, team: plumbers}
    - {team: house}
"""


@dataclass(frozen=True)
class Month:
    """A month of the calendar: `away` is when Ben is not there, `over` when Eve stands in (12:00 to 9:00).

    `said` is another stand-in, told by command: on which day, of whom, from which day to which (both 10:00).
    """

    first: date
    last: date
    rotates: date
    holidays: frozenset[date]
    away: tuple[date, date]
    over: tuple[date, date]
    said: tuple[date, str, date, date]

    @property
    def text(self) -> str:
        """The site file."""
        replaced = {
            "DEVICES\n": "".join(_device(name, *about) for name, about in devices().items()),
            "ROTATES": self.rotates,
            "AWAY_FROM": self.away[0],
            "AWAY_TO": self.away[1],
            "OVER_FROM": self.over[0],
            "OVER_TO": self.over[1],
        }
        text = _TEXT
        for word, value in replaced.items():
            text = text.replace(word, str(value))
        return text

    @property
    def written(self) -> Mapping[str, Any]:
        """The section `notify` as it is written, for an oracle that does not believe the settings."""
        notify: Mapping[str, Any] = yaml.safe_load(self.text)["notify"]
        return notify

    def load(self, folder: Path) -> Site:
        """The site as the daemon has it."""
        path = folder / "site.yaml"
        path.write_text(self.text, encoding="utf-8")
        return load(path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={}).site


def devices() -> dict[str, tuple[str, str]]:
    """Id -> class and building; two gateways in each building."""
    found = {}
    for building in "AB":
        for number in range(1, 7):
            found[f"{building.lower()}-electricity-{number}"] = ("electricity", building)
            found[f"{building.lower()}-water-{number}"] = ("water", building)
            found[f"{building.lower()}-environment-{number}"] = ("environment", building)
    return found


_PROFILES = {"electricity": "eastron-sdm630", "water": "xintai-water", "environment": "wb-msw-v4"}


def _device(name: str, device_class: str, building: str) -> str:
    number = int(name[-1])
    line = f"{building.lower()}-{'cellar' if number % 2 else 'roof'}"
    unit = 10 * number + sorted(_PROFILES).index(device_class) + 1
    shown = name.replace("-", " ").upper()
    return (
        f"  - {{id: {name}, name: {shown}, profile: {_PROFILES[device_class]}, connection: {line}, unit: {unit},"
        f" building: {building}}}\n"
    )


DECEMBER = Month(
    first=date(2026, 12, 1),
    last=date(2026, 12, 31),
    rotates=date(2026, 11, 30),
    holidays=frozenset({date(2026, 12, 25), date(2026, 12, 26)}),
    away=(date(2026, 12, 21), date(2026, 12, 23)),
    over=(date(2026, 12, 5), date(2026, 12, 6)),
    said=(date(2026, 12, 14), "dan", date(2026, 12, 16), date(2026, 12, 18)),
)
"""A month with two public holidays of all of Germany."""

MARCH = Month(
    first=date(2027, 3, 1),
    last=date(2027, 3, 31),
    rotates=date(2027, 2, 22),
    holidays=frozenset({date(2027, 3, 26), date(2027, 3, 29)}),
    away=(date(2027, 3, 9), date(2027, 3, 11)),
    over=(date(2027, 3, 20), date(2027, 3, 21)),
    said=(date(2027, 3, 25), "ana", date(2027, 3, 27), date(2027, 3, 28)),
)
"""A month in which the clock is set, in the night to Sunday the 28th, between Good Friday and Easter Monday."""
