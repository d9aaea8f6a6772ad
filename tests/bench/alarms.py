"""What judging costs with all that the shell keeps, and how soon an alarm is in the outbox. Nothing is asserted.

1000 meters say something each second, 2000 rules hear them: a limit and a range of each meter by itself (1998),
and `offline` and `stale` of all. Journal and state are real. The CPU is that of the process with the rules, less
that of the same flow into a journal that nobody reads. The alarm: from the moment the value arrives to the return
of the transaction that puts the message into the outbox.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from monitor.alarms import Alarms
from monitor.app import load_site
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Reading
from monitor.notify.routing import make_router
from monitor.ports import Batch
from monitor.site import JournalSettings, Site

__all__ = ["main"]

DEVICES = 1000
SECONDS = 30
SLICES = 20
"""Groups of meters in a second: polls are spread."""
ALARM_EVERY = 0.2
BUSES = 10
_PROFILE = """\
class: electricity
modbus: {order: ABCD, scan: {fast: 1 s}}
points:
  power_w: {register: holding 0, type: float32, unit: W}
  voltage_v: {register: holding 2, type: float32, unit: V}
"""
_MAIL = "mailto://u:p@127.0.0.1/?to=ana@example.org"


def site_of(folder: Path) -> Site:
    """1000 meters with two rules each, all told to Ana."""
    (folder / "profiles" / "electricity").mkdir(parents=True)
    (folder / "profiles" / "electricity" / "bench-meter.yaml").write_text(_PROFILE, encoding="utf-8")
    lines = ["site: {id: house, name: House, timezone: Europe/Berlin}", "connections:"]
    lines += [
        f"  - {{id: bus-{n}, modbus: {{transport: tcp, host: 127.0.0.1, port: {2000 + n}}}}}" for n in range(BUSES)
    ]
    lines.append("devices:")
    lines += [
        f"  - {{id: m-{n}, profile: bench-meter, connection: bus-{n % BUSES}, unit: {n // BUSES + 1}, every: 1 s}}"
        for n in range(DEVICES)
    ]
    lines += [
        "rules:",
        "  - {id: dead, kind: offline, devices: {class: electricity}}",
        "  - {id: old, kind: stale, devices: {class: electricity}}",
    ]
    for n in range(DEVICES - 1):
        lines += [
            f"  - {{id: high-{n}, kind: threshold, devices: {{id: m-{n}}}, point: power_w, above: 9000 W}}",
            f"  - {{id: band-{n}, kind: range, devices: {{id: m-{n}}}, point: voltage_v, low: 200 V, high: 1 kV}}",
        ]
    lines += [
        "notify:",
        f'  people: [{{id: ana, name: Ana, channels: {{mail: "{_MAIL}"}}}}]',
        "  teams: [{id: house, members: [ana], escalation: [{after: 0 min, notify: [ana]}]}]",
        "  routes: [{team: house}]",
    ]
    path = folder / "site.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_site(path, {}).site


@dataclass
class _Alarm:
    """The one that is waited for; and how long (ms) those took that are through."""

    began: float = 0.0
    took: list[float] = field(default_factory=list)

    def told(self) -> None:
        if self.began:
            self.took.append((time.monotonic() - self.began) * 1000)
            self.began = 0.0


def _now() -> int:
    return time.time_ns() // 1_000_000


def _readings(devices: Sequence[int], power: float) -> list[Reading]:
    now = _now()
    values = {"power_w": power, "voltage_v": 230.0 + now % 7}
    return [Reading(device=f"m-{n}", time=now, arrived=now, values=values) for n in devices]


async def _flow(journal: SqliteJournal, begin: float) -> None:
    for number in range(SECONDS * SLICES):
        await asyncio.sleep(max(0.0, begin + number / SLICES - time.monotonic()))
        chosen = range(number % SLICES, DEVICES, SLICES)
        await journal.append([Batch(entries=_readings(chosen, 4000.0))])


async def _alarms(journal: SqliteJournal, alarm: _Alarm) -> None:
    """Now and then a value beyond its limit, of a meter that has not been there yet."""
    chance = random.Random(5)
    for number in chance.sample(range(DEVICES - 1), int(SECONDS / ALARM_EVERY)):
        await asyncio.sleep(ALARM_EVERY * chance.uniform(0.5, 1.5))
        alarm.began = time.monotonic()
        await journal.append([Batch(entries=_readings([number], 9500.0))])


async def _run(site: Site, folder: Path, *, judges: bool, raises: bool) -> tuple[float, list[float]]:
    """CPU seconds of a second, and what the alarms took."""
    journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=_now)
    state = State.open(folder / "state.db")
    alarm = _Alarm()
    tasks = []
    if judges:
        alarms = Alarms(journal, state, site, make_router(site), _now, woken=alarm.told)
        tasks = [asyncio.create_task(alarms.run())]
        await asyncio.sleep(0.5)
    wall, cpu = time.monotonic(), time.process_time()
    if raises:
        tasks.append(asyncio.create_task(_alarms(journal, alarm)))
    await _flow(journal, wall)
    used = (time.process_time() - cpu) / (time.monotonic() - wall)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await state.close()
    await journal.close()
    return used, alarm.took


def main() -> None:
    """Print the share of a core that judging takes, and how long alarms took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = site_of(folder)
        for part in ("bare", "judged", "raised"):
            (folder / part).mkdir()
        bare, _ = asyncio.run(_run(site, folder / "bare", judges=False, raises=False))
        judged, _ = asyncio.run(_run(site, folder / "judged", judges=True, raises=False))
        _, took = asyncio.run(_run(site, folder / "raised", judges=True, raises=True))
    took.sort()
    sys.stdout.write(
        f"{len(site.rules)} rules, {DEVICES} meters each second: {100 * (judged - bare):.1f} % of a core"
        f" (with the journal {100 * judged:.1f} %)\n"
        f"{len(took)} alarms meanwhile, value to outbox: median {median(took):.0f} ms,"
        f" 99 of 100 {took[len(took) * 99 // 100 - 1]:.0f} ms, at most {took[-1]:.0f} ms\n"
    )


if __name__ == "__main__":
    main()
