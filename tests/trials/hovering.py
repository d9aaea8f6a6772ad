"""A past with a truth: a voltage that is well, hovers about its limit for minutes, and twice really goes away."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.app import load_site
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Entry, Event, Reading
from monitor.ports import Batch
from monitor.site import JournalSettings, Site
from tests.clock import ManualClock

__all__ = ["BEGIN", "END", "Truth", "load", "recorded"]

_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000
_DAY: Final = 24 * _HOUR
BEGIN: Final = 1_793_487_600_000
"""2026-11-01 00:00 in Berlin."""
DAYS: Final = 4
END: Final = BEGIN + DAYS * _DAY
_EVERY: Final = 20 * _SECOND
_SITE = """\
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
  - {id: main, connection: plant, unit: 1, every: 1 min, class: electricity,
      points: {voltage_v: {register: holding 0, type: uint16, unit: V}}}
  - {id: pump, connection: plant, unit: 2, every: 1 min, class: electricity,
      points: {voltage_v: {register: holding 0, type: uint16, unit: V}}}
  - {id: door, profile: aqara-mccgq11lm, connection: broker, topic: zigbee/door}
rules:
  - {id: low, kind: threshold, devices: {id: main}, point: voltage_v, below: 207 V, severity: high}
  - {id: short, kind: threshold, devices: {id: pump}, point: voltage_v, below: 207 V, severity: medium}
  - {id: forced, kind: event, event: forced, severity: high}
notify:
  people:
    - {id: ana, name: Ana, channels: {mail: "mailto://u:p@127.0.0.1/?to=ana@example.org"}}
  teams: [{id: house, members: [ana], escalation: [{after: 0 min, notify: [ana]}]}]
  routes: [{team: house}]
"""


@dataclass(frozen=True)
class Truth:
    """When the voltage of `main` really went away, and how often that of `pump` dipped for half a minute."""

    dips: Sequence[tuple[int, int]]
    short: int


def load(folder: Path, change: Callable[[str], str] = str) -> tuple[Path, Site]:
    """Write the site file, and read it."""
    path = folder / "site.yaml"
    path.write_text(change(_SITE), encoding="utf-8")
    return path, load_site(path, {}).site


def _entries(seed: int, well: float, away: Callable[[int], float]) -> tuple[Truth, list[tuple[int, list[Entry]]]]:
    """Noise of 0.5 V about the limit for ten minutes before and after each dip; read densely where it matters."""
    chance = random.Random(seed)
    dips = [(BEGIN + _DAY + 9 * _HOUR, 40 * _MINUTE), (BEGIN + 2 * _DAY + 14 * _HOUR, 25 * _MINUTE)]
    short = sorted(chance.sample(range(BEGIN + _HOUR, END - _HOUR, 20 * _MINUTE), 24))
    long = BEGIN + 3 * _DAY + 7 * _HOUR + 7 * _MINUTE
    found: list[tuple[int, list[Entry]]] = []
    for at in range(BEGIN, END, _EVERY):
        volts, is_near = well + chance.gauss(0, 0.5), at % (10 * _MINUTE) == 0
        for begin, lasts in dips:
            if begin <= at < begin + lasts:
                volts, is_near = away(at) + chance.gauss(0, 0.5), True
            elif begin - 10 * _MINUTE <= at < begin + lasts + 10 * _MINUTE:
                volts, is_near = 207 + chance.gauss(0, 0.5), True
        is_low = any(begin <= at < begin + 2 * _EVERY for begin in short) or long <= at < long + 30 * _MINUTE
        is_near |= is_low or any(begin <= at < begin + 4 * _EVERY for begin in short)
        is_near |= long <= at < long + 31 * _MINUTE
        if is_near:
            found.append((at, [_reading("main", at, volts), _reading("pump", at, 199.0 if is_low else 229.0)]))
    for number in range(5):
        at = BEGIN + chance.randrange(DAYS * 24) * _HOUR + 7 * _SECOND
        found.append((at, [Event(device="door", kind="forced", time=at, arrived=at, id=str(number))]))
    return Truth(dips, len(short)), sorted(found, key=lambda each: each[0])


def _reading(device: str, at: int, volts: float) -> Reading:
    return Reading(device=device, time=at, arrived=at, values={"voltage_v": round(volts, 2)}, missing={})


async def recorded(folder: Path, *, well: float = 230.0, away: Callable[[int], float] = lambda _: 195.0) -> Truth:
    """Fill the journal of a folder. `well`: the voltage of `main` when all is well; `away`: in a dip, by time."""
    truth, entries = _entries(5, well, away)
    clock = ManualClock()
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=clock.now)
    for at, batch in entries:
        clock.time = at
        await journal.append([Batch(entries=batch)])
    await journal.close()
    return truth
