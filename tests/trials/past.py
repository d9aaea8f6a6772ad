"""A recorded past of two meters and a door, which the live shell of the engine has judged."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from monitor.alarms import Alarms
from monitor.app import load_site
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Command, Entry, Event, Missing, Position, Reading, Recorded
from monitor.notify.routing import make_router
from monitor.ports import Batch
from monitor.site import JournalSettings, Site
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.clock import ManualClock
from tests.running import running

__all__ = ["BEGIN", "END", "load", "recorded", "transitions"]

BEGIN: Final = 1_767_571_200_000 + 17 * 3_600_000
"""2026-01-05 17:00 UTC, a Monday; in Berlin it is 18:00."""

_MINUTE: Final = 60_000
MINUTES: Final = 660
END: Final = BEGIN + MINUTES * _MINUTE
_MAIL = "mailto://u:p@127.0.0.1/?to=ana@example.org"
_SITE = f"""\
site: {{id: house, name: House, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1}}}}
  - {{id: cellar, modbus: {{transport: tcp, host: 127.0.0.1, port: 503}}}}
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1"}}}}
devices:
  - {{id: main, connection: plant, unit: 1, every: 1 min, class: electricity,
      points: {{voltage_v: {{register: holding 0, type: uint16, unit: V}}}}}}
  - {{id: shop, connection: cellar, unit: 1, every: 1 min, class: electricity,
      points: {{voltage_v: {{register: holding 0, type: uint16, unit: V}}}}}}
  - {{id: door, profile: aqara-mccgq11lm, connection: broker, topic: zigbee/door}}
rules:
  - {{id: low, kind: threshold, point: voltage_v, below: 207 V, on_delay: 2 min, severity: high}}
  - {{id: dead, kind: offline, devices: {{class: electricity}}, on_delay: 5 min, severity: medium}}
  - {{id: forced, kind: event, event: forced, severity: high}}
notify:
  people:
    - {{id: ana, name: Ana, channels: {{mail: "{_MAIL}"}}}}
    - {{id: ben, name: Ben, channels: {{mail: "{_MAIL}"}}}}
  teams:
    - id: house
      members: [ana, ben]
      escalation: [{{after: 0 min, notify: [ana]}}, {{after: 15 min, notify: [ben]}}]
  routes: [{{team: house}}]
"""


def load(folder: Path, change: Callable[[str], str] = str) -> tuple[Path, Site]:
    """Write the site file, and read it."""
    path = folder / "site.yaml"
    path.write_text(change(_SITE), encoding="utf-8")
    return path, load_site(path, {}).site


def _entries(seed: int) -> list[tuple[int, Entry]]:
    """Dips of the voltage of a minute to an hour, polls without an answer, a door; all by chance of a seed."""
    chance = random.Random(seed)
    found: list[tuple[int, Entry]] = []
    for device, begin in (("main", BEGIN), ("shop", BEGIN + 30_000)):  # a commit each, a second apart at least
        at, left, what = begin, 0, "well"
        while at < END:
            if left == 0:
                what = chance.choices(["well", "low", "dead"], [4, 3, 1])[0]
                left = chance.choice([1, 2, 3, 5, 8, 20])
            left -= 1
            values = {} if what == "dead" else {"voltage_v": 205.0 if what == "low" else 230.0}
            missing = {"voltage_v": Missing.TIMEOUT} if what == "dead" else {}
            found.append((at, Reading(device=device, time=at, arrived=at, values=values, missing=missing)))
            at += _MINUTE
    for number in range(6):
        at = BEGIN + chance.randrange(MINUTES) * _MINUTE + 15_000
        found.append((at, Event(device="door", kind="forced", time=at, arrived=at, id=str(number))))
    return sorted(found, key=lambda each: each[0])


async def recorded(folder: Path, site: Site, *, seed: int = 7, acks: bool = True) -> Sequence[Mapping[str, Any]]:
    """Fill the folder with a past, and let the shell judge it; Ana acknowledges each alarm after ten minutes."""
    entries = _entries(seed)
    if acks:
        entries = sorted([*entries, *_acknowledged(site, entries)], key=lambda each: each[0])
    clock = ManualClock()
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=clock.now)
    state = State.open(folder / "state.db")
    for at, entry in entries:
        clock.time = at
        await journal.append([Batch(entries=[entry])])
    clock.time = END
    alarms = Alarms(journal, state, site, make_router(site), clock.now, monotonic=lambda: clock.time / 1000)
    last = journal.last
    async with running(alarms), asyncio.timeout(60):
        while alarms.applied < last:
            clock.time += 1100
            await asyncio.sleep(0.01)
    found = await transitions(state)
    await state.close()
    await journal.close()
    return found


def _acknowledged(site: Site, entries: Sequence[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    engine = Engine(list(site.rules.values()), Surroundings.of(site))
    raised: dict[str, int] = {}
    for at, entry in entries:
        for step in engine.judge([Recorded(Position(1), at, entry)]).steps:
            if step.transition.cause == "raised":
                raised[step.transition.occurrence] = at
    return [
        (
            at + 10 * _MINUTE,
            Command(id=occurrence, time=at + 10 * _MINUTE, by="ana", kind="acknowledge", target=occurrence),
        )
        for occurrence, at in raised.items()
        if at + 10 * _MINUTE < END
    ]


async def transitions(state: State) -> list[Mapping[str, Any]]:
    """What the live engine had kept of its steps."""
    rows = await state.query("SELECT occurrence, number, cause, time FROM alarm_event ORDER BY time, occurrence")
    return [dict(row) for row in rows]
