"""Metering in the daemon as a user runs it: faults, kills and outages, and what is booked is what was used."""

import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from monitor.app import load_site
from monitor.periods import day_of
from monitor.simulation.world import World
from monitor.site import Site
from tests.end_to_end.daemon import Daemon, rows
from tests.end_to_end.test_simulate import Simulation, simulation
from tests.metering.plants import plant, reading
from tests.metering.wire import Truth
from tests.servers.influxdb import InfluxServer
from tests.servers.ports import free_port

IMPATIENT: Final = [sys.executable, "-m", "tests.end_to_end.impatient"]
EVERY: Final = 300
"""Milliseconds between two polls."""
AWAY: Final = 3000
"""Milliseconds that the faults last which let nothing be heard."""
DIGIT: Final = 0.0001
OTHER: Final = 5000.0
FEW: Final = 300
"""Entries that may wait at any moment of a site that is read; what a past leaves behind is thousands."""
"""What another meter showed more."""
METERS: Final = ("plain", "glitch", "dip", "roll", "swap", "dead")
SITE: Final = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}, timeout: 200 ms}}}}
devices:
{devices}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
METER: Final = (
    "  - {{id: {name}, connection: plant, unit: {unit}, every: 300 ms, class: electricity, points:"
    " {{energy_import_kwh: {{register: holding 0, type: uint64, scale: 0.0001, unit: kWh{more}}}}}}}\n"
)
MODULUS: Final = ", counter: {modulus: 1000}"


@pytest.fixture
def site(tmp_path: Path, influx: InfluxServer) -> Path:
    devices = "".join(
        METER.format(name=name, unit=unit, more=MODULUS if name == "roll" else "")
        for unit, name in enumerate(METERS, 1)
    )
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(port=free_port(), influx=influx.url, token=influx.token, devices=devices))
    return file


class Faults:
    """The file of faults, which grows."""

    def __init__(self, file: Path, *lines: str) -> None:
        self.file = file
        self._lines = [*lines]
        self._write()

    def add(self, *lines: str) -> None:
        self._lines += lines
        self._write()

    def _write(self) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text("".join(f"- {line}\n" for line in self._lines), "utf-8")
        fresh.replace(self.file)


def events(daemon: Daemon) -> Counter[tuple[str, str]]:
    """What counters were told to have done."""
    found = daemon.entries(2)
    return Counter((each["device"], each["kind"]) for each in found if each["kind"].startswith("counter_"))


def ledger(daemon: Daemon) -> Mapping[str, Any]:
    """Each counter in the ledger: first, head, sum, and what is still to be told as a delta."""
    found = rows(
        daemon.state / "ledger.db",
        "SELECT device, first, head, body, (SELECT sum(amount) FROM quarter WHERE counter = id) AS sum"
        " FROM counter",
    )
    return {row["device"]: {**dict(row), "delta": orjson.loads(row["body"])["delta"]} for row in found}


def settle(daemon: Daemon) -> None:
    """Return once the ledger and InfluxDB have all that was read; nothing must be read any more."""

    def is_settled() -> bool:
        (last,) = daemon.journal("SELECT max(position) AS position FROM entries WHERE kind = 1")
        (metering,) = rows(
            daemon.state / "ledger.db", "SELECT position FROM positions WHERE consumer = 'metering'"
        )
        waiting = rows(daemon.state / "ledger.db", "SELECT 1 FROM produced")
        (told,) = daemon.journal("SELECT count(*) AS n FROM entries WHERE kind = 3 AND device = 'plain'")
        return bool(metering["position"] >= last["position"] and not waiting and told["n"])

    daemon.until(is_settled, "metering has come to the end")
    (last,) = daemon.journal("SELECT max(position) AS position FROM entries WHERE kind = 3")

    def is_sent() -> bool:
        found = daemon.memory("SELECT position FROM positions WHERE consumer = 'influxdb'")
        return bool(found and found[0]["position"] >= last["position"])

    daemon.until(is_sent, "InfluxDB has all of it")


@contextmanager
def running(daemon: Daemon, site: Path, faults: Faults) -> Iterator[Simulation]:
    """The simulator and the daemon, once every meter has been read."""
    with simulation(str(site), "--faults", str(faults.file)) as simulated:
        simulated.says("ready")
        daemon.start()
        daemon.until(lambda: all(len(daemon.readings(each)) >= 3 for each in METERS), "every meter is read")
        yield simulated


@pytest.mark.fault(
    "SIGKILL",
    part="ledger",
    outcome="Killed at any instant, metering goes on where it was: what is booked is what was used, to the digit,"
    " and each event of a counter is told once.",
)
def test_faults_kills_and_outages_take_nothing_from_what_is_booked(
    tmp_path: Path, site: Path, influx: InfluxServer
) -> None:
    dice = random.Random()
    faults = Faults(tmp_path / "faults.yaml", "{device: roll, fault: rollover, modulus: 1000, in: 15 s}")
    daemon = Daemon(site, tmp_path / "state", before=IMPATIENT)
    with daemon, running(daemon, site, faults) as simulated:
        faults.add("{device: glitch, fault: glitch}", "{device: dip, fault: dip, for: 2 s}")
        daemon.until(lambda: events(daemon)["glitch", "counter_glitch"], "the glitch is told")
        daemon.until(lambda: events(daemon)["dip", "counter_glitch"], "the dip is over")
        for _ in range(4):
            time.sleep(dice.uniform(0.1, 1.5))
            daemon.kill()
            time.sleep(dice.uniform(0.0, 1.0))
            daemon.start()
        faults.add("{connection: plant, fault: away, for: 3 s}")
        simulated.says("fault ends: plant: away")
        known = len(daemon.readings("dead"))
        daemon.until(lambda: len(daemon.readings("dead")) > known + 2, "the meters answer again")
        faults.add("{device: dead, fault: dead, for: 3 s}", "{device: swap, fault: swap}")
        simulated.says("fault ends: dead: dead")
        daemon.until(lambda: events(daemon)["swap", "counter_reset"], "the swap is told")
        daemon.until(lambda: events(daemon)["roll", "counter_rollover"], "the rollover is told")
        known = len(daemon.readings("dead"))
        daemon.until(lambda: len(daemon.readings("dead")) > known + 4, "the dead one answers again")
        simulated.ends(signal.SIGTERM)
        settle(daemon)
        covered = {each: daemon.get("meters", each)["coverage"] for each in METERS}
        assert daemon.stop() == 0

    check_sums(daemon, influx, load_site(site).site)
    check_told(daemon)
    check_coverage(daemon, covered)


def check_sums(daemon: Daemon, influx: InfluxServer, site: Site) -> None:
    """What is booked is what the simulated meters counted between the first and the last register, and so told."""
    world = World(site)
    query = "SELECT sum(energy_import_delta_kwh) FROM electricity GROUP BY device"
    deltas = {row["device"]: row["sum"] for row in influx.query(query, "facility")}
    for name, counter in ledger(daemon).items():
        device = site.devices[name]
        first, head = (counter[each] / 1000 for each in ("first", "head"))
        true = (world.total(device, head) - world.total(device, first)) / 1000
        behind = 0.5 * world.rate(device, head) * 2 / 3.6e6  # registers are set each quarter of a second
        unknown = EVERY / 1000 * world.rate(device, head) * 3 / 3.6e6 if name == "swap" else 0.0
        assert true - DIGIT - behind - unknown <= counter["sum"] <= true + DIGIT + behind, name
        assert true > 20 * DIGIT
        assert deltas[name] + counter["delta"] == pytest.approx(counter["sum"], abs=1e-6)


def check_told(daemon: Daemon) -> None:
    """Each event is told once, with its evidence; each derived entry is in the journal once."""
    told = [each for each in daemon.entries(2) if each["kind"].startswith("counter_")]
    assert Counter((each["device"], each["kind"]) for each in told) == {
        ("glitch", "counter_glitch"): 1,
        ("dip", "counter_reset"): 1,
        ("dip", "counter_glitch"): 1,
        ("roll", "counter_rollover"): 1,
        ("swap", "counter_reset"): 1,
    }
    for each in told:
        assert {"point", "from_register", "to_register", "from_time", "why"} <= each["attributes"].keys()
    derived = [each for each in daemon.entries(3) if each["producer"] == "metering"]
    identities = Counter((each["device"], each["time"], each["measurement"], each["key"]) for each in derived)
    assert max(identities.values()) == 1


def apart(times: Sequence[int]) -> int:
    """How many readings are in time slots of their own for certain: a busy machine reads twice within one."""
    found, last = 0, 0
    for at in times:
        if at - last >= EVERY:
            found, last = found + 1, at
    return found


def check_coverage(daemon: Daemon, covered: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """What is missing is missing because the monitor did not run, nothing answered, or this one alone did not."""
    starts = [each for each in daemon.entries(2) if each["kind"] == "monitor_started"][1:]
    off = sum(each["time"] - each["attributes"]["off_since"] for each in starts) / EVERY
    for name, days in covered.items():
        lost: Counter[str] = Counter()
        for day in days:
            assert day["expected"] == day["received"] + sum(day["lost"].values())
            lost.update(day["lost"])
        times = [at for at, _ in daemon.readings(name)]
        few = 2 * len(starts) + 4
        assert apart(times) - few <= sum(day["received"] for day in days) <= len(times) + few, name
        assert abs(lost["off"] - off) <= 3 * len(starts), (name, lost, off)
        assert lost["bus"] >= AWAY / EVERY - 3, (name, lost)
        if name == "dead":
            assert lost["unit"] >= AWAY / EVERY - 3, (name, lost)
        else:
            assert lost["unit"] <= 2, (name, lost)


HISTORY: Final = """\
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {port}, timeout: 200 ms}}}}
devices:
{devices}
  - {{id: rest, sum: [plain], minus: [swap]}}
tariffs:
  - {{id: power, utility: electricity, currency: EUR, terms: {{price: 0.30}}}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""
POINT: Final = "energy_import_kwh"
MINUTE: Final = 60_000
DAY: Final = 86_400_000


async def live_before(folder: Path, site: Site, swapped: int, now: int) -> dict[str, Truth]:
    """Three days of readings, before the daemon runs; the meter `swap` was another one until `swapped`."""
    world, truths, said = World(site), {}, []
    for name in ("plain", "swap"):
        device = site.devices[name]
        times = range((now - 3 * DAY) // (5 * MINUTE) * 5 * MINUTE, now, 5 * MINUTE)
        true = [(moment, round(world.total(device, moment / 1000) / 1000, 4)) for moment in (*times, swapped)]
        truths[name] = Truth(true)
        for moment, register in true[:-1]:
            shown = register + OTHER if name == "swap" and moment < swapped else register
            said.append(reading(name, moment, {POINT: shown}))
    async with plant(folder, site, lambda: now) as made:
        await made.keep(*sorted(said, key=lambda each: each.time))
        await made.settle()
    return truths


def test_a_replacement_told_by_the_command_line_mends_all_that_depends_on_it(
    tmp_path: Path, influx: InfluxServer
) -> None:
    devices = METER.format(name="plain", unit=1, more="") + METER.format(name="swap", unit=2, more="")
    file = tmp_path / "site.yaml"
    file.write_text(HISTORY.format(port=free_port(), influx=influx.url, token=influx.token, devices=devices))
    site, now = load_site(file).site, round(time.time() * 1000)
    swapped = (now - 26 * 60 * MINUTE) // (5 * MINUTE) * 5 * MINUTE + 2 * MINUTE
    (tmp_path / "state").mkdir(mode=0o700)
    truths = asyncio.run(live_before(tmp_path / "state", site, swapped, now))
    day = day_of(swapped, site.timezone)
    used = {name: truths[name].used(day.start, day.end) for name in truths}
    lost = truths["swap"].used(swapped - 2 * MINUTE, swapped + 3 * MINUTE)
    at = datetime.fromtimestamp(swapped / 1000, site.timezone).strftime("%Y-%m-%d %H:%M")
    start = truths["swap"].at(swapped)

    def told(name: str, field: str = "amount") -> float | None:
        found = influx.query(
            f"SELECT {field} FROM usage_daily WHERE device = '{name}' AND time = {day.start}ms", "facility"
        )
        return found[0][field] if found else None

    def written(daemon: Daemon) -> bool:
        status = daemon.get("status")
        return all(each["lag"] < FEW for each in (status["metering"], status["sinks"]["influxdb"]))

    with simulation(str(file)) as simulated, Daemon(file, tmp_path / "state", before=IMPATIENT) as daemon:
        simulated.says("ready")
        daemon.start()
        daemon.until(lambda: told("rest"), "the day is in InfluxDB")
        daemon.until(lambda: written(daemon), "and all that was told of it since")
        before = told("swap"), told("rest"), told("swap", "cost")
        mended = daemon.ask(
            "meter", "replace", "swap", "--final", f"{start + OTHER:.4f}", "--start", f"{start:.4f}", "--at", at
        )
        daemon.until(lambda: told("swap") != before[0], "the mended day is in InfluxDB")
        daemon.until(lambda: told("rest") != before[1], "and what is reckoned from it")
        after = told("swap"), told("rest"), told("swap", "cost")
        shown = daemon.get("meters", "swap", "usage", period=day.first.isoformat())
        hours = influx.query(
            "SELECT sum(amount) FROM usage_hourly WHERE device = 'swap'"
            f" AND time >= {day.start}ms AND time < {day.end}ms",
            "facility",
        )
        assert daemon.stop() == 0

    assert before == (
        pytest.approx(used["swap"] - lost, abs=1e-6),
        pytest.approx(used["plain"] - used["swap"] + lost, abs=1e-6),
        pytest.approx(0.30 * (used["swap"] - lost), abs=1e-4),
    )
    assert after == (
        pytest.approx(used["swap"], abs=1e-6),
        pytest.approx(used["plain"] - used["swap"], abs=1e-6),
        pytest.approx(0.30 * used["swap"], abs=1e-4),
    )
    assert mended["booked"]
    assert [each["amount"] for each in shown] == [pytest.approx(used["swap"], abs=1e-6)]
    assert hours[0]["sum"] == pytest.approx(used["swap"], abs=1e-6)
