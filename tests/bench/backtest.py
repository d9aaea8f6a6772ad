"""`rules backtest` over a month of readings each 10 s of 100 devices, with 200 rules. Nothing is asserted.

The journal holds some days at full density (`FACILITY_DAYS`, one if nothing is said), written straight into its
table, and a month is thirty times that. So the start of the processes counts thirty times, too: a real month takes
a little less.
"""

import contextlib
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from asyncio import run
from collections.abc import Iterator, Mapping
from pathlib import Path

from monitor.app import load_site
from monitor.cli.progress import Watched
from monitor.journal.codec import encode
from monitor.journal.sqlite import SqliteJournal
from monitor.model import Reading
from monitor.site import JournalSettings, Site
from monitor.trials.backtest import Variant, Wish, backtest

__all__ = ["BEGIN", "DEVICES", "fill", "load", "main", "write_site"]

BEGIN = 1_767_225_600_000
DEVICES = 100
BUSES = 4
EVERY = 10_000
DAY = 86_400_000
MONTH = 30
_POINTS = {
    "voltage_l1_v": "V",
    "voltage_l2_v": "V",
    "voltage_l3_v": "V",
    "current_l1_a": "A",
    "current_l2_a": "A",
    "current_l3_a": "A",
    "power_w": "W",
    "frequency_hz": "Hz",
    "reactive_power_var": "var",
    "energy_import_kwh": "kWh",
}
_WIDE = """\
  - {id: low, kind: threshold, points: "voltage_*_v", below: 207 V, deadband: 3 V, on_delay: 2 min}
  - {id: high, kind: threshold, points: "voltage_*_v", above: 253 V, deadband: 3 V, on_delay: 2 min}
  - {id: current, kind: threshold, points: "current_*_a", on_delay: 5 min,
      levels: [{above: 50 A, severity: medium}, {above: 63 A, severity: high}]}
  - {id: frequency, kind: range, point: frequency_hz, low: 49.5 Hz, high: 50.5 Hz}
  - {id: dead, kind: offline, devices: {class: electricity}, on_delay: 1 min}
  - {id: old, kind: stale, devices: {class: electricity}}
"""
RULES = 200
_NOTIFY = """\
notify:
  people: [{id: ana, name: Ana, channels: {mail: "mailto://u:p@127.0.0.1/?to=ana@example.org"}}]
  teams: [{id: house, members: [ana], escalation: [{after: 0 min, notify: [ana]}]}]
  routes: [{team: house}]
"""


def write_site(folder: Path) -> Path:
    """100 meters on four buses; six rules of all of them, and 194 of one meter each."""
    lines = ["site: {id: house, name: House, timezone: Europe/Berlin}", "connections:"]
    lines += [
        f"  - {{id: bus-{n}, modbus: {{transport: tcp, host: 127.0.0.1, port: {502 + n}}}}}" for n in range(BUSES)
    ]
    points = ", ".join(
        f"{name}: {{register: holding {2 * n}, type: float32, unit: {unit!r}}}"
        for n, (name, unit) in enumerate(_POINTS.items())
    )
    lines.append("devices:")
    lines += [
        f"  - {{id: m-{n}, connection: bus-{n % BUSES}, unit: {n + 1}, every: 10 s, class: electricity,"
        f" points: {{{points}}}}}"
        for n in range(DEVICES)
    ]
    lines += ["rules:", _WIDE.rstrip()]
    lines += [
        f"  - {{id: peak-{n}, kind: threshold, devices: {{id: m-{n % DEVICES}}}, point: power_w,"
        f" above: {9000 + n} W, on_delay: 5 min}}"
        for n in range(RULES - 6)
    ]
    lines.append(_NOTIFY.rstrip())
    path = folder / "site.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(file: Path, changes: Mapping[str, Mapping[str, str]]) -> Site:
    """Load the site file."""
    return load_site(file, {}, changes=changes).site


def _rows(days: int) -> Iterator[tuple[int, int, int, str, int, None, bytes]]:
    """Meters whose voltage dips now and then, and whose power walks about its limit."""
    chance = random.Random(7)
    power = [5000.0] * DEVICES
    left = [0] * DEVICES
    position = 0
    for at in range(BEGIN, BEGIN + days * DAY, EVERY):
        for number in range(DEVICES):
            position += 1
            power[number] += chance.uniform(-40, 40) + (5000 - power[number]) * 0.001
            if left[number]:
                left[number] -= 1
            elif chance.random() < 0.0002:
                left[number] = 30
            volts = 200.0 if left[number] else 230.1
            amps = power[number] / 690
            values: dict[str, float] = dict.fromkeys(("voltage_l1_v", "voltage_l2_v", "voltage_l3_v"), volts)
            values |= dict.fromkeys(("current_l1_a", "current_l2_a", "current_l3_a"), round(amps, 3))
            values |= {
                "power_w": round(power[number], 1),
                "frequency_hz": 50.01,
                "reactive_power_var": 12.5,
                "energy_import_kwh": position / 1000,
            }
            time = at + 97 * number
            reading = Reading(device=f"m-{number}", time=time, arrived=time, values=values)
            yield position, time, 1, reading.device, time, None, encode(reading)


def fill(folder: Path, days: int) -> int:
    """Write the journal of so many days, and answer how many entries it has."""
    now = BEGIN + days * DAY
    run(SqliteJournal.open(folder / "journal.db", JournalSettings(), now=lambda: now).close())
    with contextlib.closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", _rows(days))
        db.execute("COMMIT")
        (count,) = db.execute("SELECT count(*) FROM entries").fetchone()
    return int(count)


def main() -> None:
    """Print how fast the past is judged, by one process and by all, and what a month would take."""
    days = int(os.environ.get("FACILITY_DAYS", "1"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_site(folder)
        count = fill(folder, days)
        wish = Wish(folder=folder, start=BEGIN, end=BEGIN + days * DAY)
        for processes in dict.fromkeys((1, os.cpu_count() or 1)):
            began, spent = time.monotonic(), _cpu()
            with Watched(100, "percent of what was recorded") as bar:

                def reached(done: int, total: int, bar: Watched = bar) -> None:
                    bar.reach(100 * done // total)

                (result,) = backtest(load, [Variant(name="now", file=path)], wish, reached, processes=processes)
            took, used = time.monotonic() - began, _cpu() - spent
            sys.stdout.write(
                f"{processes} processes: {count:,} entries, {len(result.occurrences)} alarms, in {took:.1f} s"
                f" and {used:.1f} s of CPU ({used / count * 1e6:.1f} us an entry);"
                f" a month of {count * MONTH // days:,} would take {took * MONTH / days / 60:.1f} min,"
                f" {used * MONTH / days / processes / 60:.1f} with all of each processor\n"
            )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        sys.stdout.write(f"the largest of the processes came to {peak:.0f} MB\n")


def _cpu() -> float:
    """Seconds of CPU of this process and of those that it has ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
