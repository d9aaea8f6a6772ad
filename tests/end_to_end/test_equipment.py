"""Equipment, batteries and supply in the daemon as a user runs it: what is told is what was, over kills too."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from tests.end_to_end.daemon import Daemon, rows
from tests.end_to_end.plantroom import PRESENT, Contacts, Plant
from tests.faults.checks import wrong_with_mails
from tests.servers.influxdb import InfluxServer

Reading = tuple[int, dict[str, Any]]

DELAY: Final = 1000
"""Milliseconds that a supply has to be lost for."""

TOLD: Final = Counter(
    {
        ("pump-1", "no_reserve"): 1,
        ("pump-1", "took_over"): 1,
        ("pump-1", "short_cycling"): 1,
        ("pump-2", "took_over"): 1,
        ("pump-2", "failed_to_start"): 1,
        ("pump-2", "failed_to_stop"): 1,
        ("pump-2", "no_reserve"): 1,
        ("mains", "supply_partial"): 1,
        ("mains", "supply_lost"): 1,
        ("mains", "supply_back"): 2,
        ("switch", "supply_lost"): 1,
        ("switch", "supply_back"): 1,
        ("door", "battery_soon"): 1,
    }
)
"""Every event that upkeep has to tell of what the stories do, and no other."""
RAISED: Final = Counter(
    {
        ("equipment-fault", "pump-1"): 1,
        ("equipment-fault", "lift"): 1,
        ("failed-to-start", "pump-2"): 1,
        ("failed-to-stop", "pump-2"): 1,
        ("building-supply-partial", "mains"): 1,
        ("building-supply-lost", "mains"): 1,
        ("building-supply-lost", "switch"): 1,
        ("detector-alarm", "leak"): 1,
        ("detector-offline", "leak"): 1,
        ("detector-silent", "smoke"): 1,
    }
)


# What happens -------------------------------------------------------------------------------------------


def pumps(plant: Plant) -> None:
    """Two pumps run by turns; one trips, one does not start, one does not stop, and one starts too often."""
    one, two = plant.pumps
    for pump in (one, two, one):
        _cycle(pump)
    one.become(1, 0, 1)
    one.become(0, 1, 0)  # its motor protection trips
    two.become(1, 0, 1)
    plant.is_told("pump-2", "took_over")
    plant.is_told("pump-1", "no_reserve")
    plant.is_raised("equipment-fault", "pump-1")
    one.become(0, 0, 0)
    two.become(0, 0, 0)
    two.become(0, 0, 1)  # its breaker is open
    plant.is_told("pump-2", "failed_to_start")
    one.become(1, 0, 1)
    plant.is_told("pump-1", "took_over")
    plant.is_told("pump-2", "no_reserve")
    one.become(0, 0, 0)
    two.become(0, 0, 0)
    two.become(1, 0, 1)
    two.become(1, 0, 0)  # its contactor sticks
    plant.is_told("pump-2", "failed_to_stop")
    two.become(0, 0, 0)
    _cycle(one)
    plant.is_told("pump-1", "short_cycling")
    _cycle(one)


def _cycle(pump: Contacts) -> None:
    pump.become(0, 0, 1)
    pump.become(1, 0, 1)
    time.sleep(0.5)
    pump.become(1, 0, 0)
    pump.become(0, 0, 0)


def supply(plant: Plant) -> None:
    """A phase is gone, then all; meanwhile nothing answers for a while; then there is no water."""
    plant.mains.become(230, 0, 229)
    plant.is_told("mains", "supply_partial")
    plant.mains.become(*PRESENT)
    plant.is_told("mains", "supply_back")
    plant.mains.become(0, 0, 0)
    plant.is_told("mains", "supply_lost")
    plant.endpoint.stop()
    time.sleep(1)
    plant.endpoint.start()
    plant.mains.become(0, 0, 1)
    plant.mains.become(*PRESENT)
    plant.is_told("mains", "supply_back", 2)
    plant.switch.become(0)
    plant.is_told("switch", "supply_lost")
    plant.switch.become(1)
    plant.is_told("switch", "supply_back")


def detectors(plant: Plant) -> None:
    """Water on the floor, a detector that loses its radio, one that falls silent; and a lift that is stuck."""
    said = plant.publisher.say_json
    said("z/leak", {"water_leak": True, "battery": 81})
    plant.is_raised("detector-alarm", "leak")
    said("z/leak", {"water_leak": False, "battery": 81})
    said("z/leak/availability", {"state": "offline"})
    plant.is_raised("detector-offline", "leak")
    said("z/leak/availability", {"state": "online"})
    said("z/leak", {"water_leak": False, "battery": 81})
    plant.heartbeat.stop()
    plant.lift.become(1)
    plant.is_raised("equipment-fault", "lift")
    plant.lift.become(0)
    for percent in (12, 11, 10, 9, 8):
        said("z/door", {"contact": True, "battery": percent})
    plant.is_told("door", "battery_soon")
    plant.is_raised("detector-silent", "smoke")
    plant.heartbeat.go_on()


def killed(daemon: Daemon, times: int) -> None:
    """Kill it at any moment, and let it come back a moment later."""
    dice = random.Random()
    for _ in range(times):
        time.sleep(dice.uniform(0.5, 3))
        daemon.kill()
        time.sleep(dice.uniform(0, 1))
        daemon.start()


def all_at_once(*stories: Callable[[], None]) -> None:
    """Let it all happen at the same time; raises what the first that failed has raised."""
    with ThreadPoolExecutor(len(stories)) as pool:
        for each in [pool.submit(story) for story in stories]:
            each.result()


# What is compared -----------------------------------------------------------------------------------------


@pytest.mark.fault(
    "SIGKILL",
    part="ledger",
    outcome="Killed at any instant, running hours, starts and the history of the supply are what they would have"
    " been, and each failure, outage and empty battery is told once.",
)
@pytest.mark.fault(
    "bus restarted",
    part="ledger",
    outcome="Hours go on over it; the supply is unknown meanwhile, which is told to nobody.",
)
def test_what_is_told_of_equipment_and_supply_is_what_was(tmp_path: Path, influx: InfluxServer) -> None:
    with Plant(tmp_path, influx) as plant:
        daemon = plant.daemon.start()
        daemon.until(lambda: daemon.readings("smoke"), "the detectors are heard")
        plant.publisher.say_json("z/leak", {"water_leak": False, "battery": 81})
        plant.publisher.say_json("z/door", {"contact": True, "battery": 14})
        daemon.until(lambda: daemon.readings("leak") and daemon.readings("door"), "all of them")
        all_at_once(
            lambda: pumps(plant),
            lambda: supply(plant),
            lambda: detectors(plant),
            lambda: killed(daemon, 3),
        )
        still = settle(plant)
        looks = {
            "list": daemon.ask("equipment", "list"),
            "batteries": daemon.ask("equipment", "batteries"),
            "supply": daemon.ask("equipment", "supply"),
            "pump-1": daemon.ask("equipment", "show", "pump-1"),
            "status": daemon.get("status")["equipment"],
            "report": report(daemon, "equipment"),
            "supply-report": report(daemon, "supply"),
        }
        assert daemon.stop() == 0

        check_told(daemon, influx)
        check_alarms(plant, still)
        check_hours(plant, looks)
        check_supply(plant, looks)
        check_rest(plant, looks)


def settle(plant: Plant) -> int:
    """Return once the ledger, InfluxDB and everybody has what was read; answers since when nothing is (UTC ms)."""
    daemon, still = plant.daemon, round(time.time() * 1000)
    plant.heartbeat.stop()
    plant.endpoint.stop()
    daemon.kill()
    daemon.start()  # so that it keeps at once what it would have kept within a quarter of a minute

    def is_settled() -> bool:
        (last,) = daemon.journal(
            "SELECT max(position) AS position FROM entries WHERE device IN ('pump-1', 'pump-2', 'mains', 'lift')"
            " AND kind < 4 AND json_extract(body, '$[3]') != '{}'"
        )
        (at,) = rows(daemon.state / "ledger.db", "SELECT position FROM positions WHERE consumer = 'equipment'")
        waiting = rows(daemon.state / "ledger.db", "SELECT 1 FROM produced")
        return bool(at["position"] >= last["position"] and not waiting)

    daemon.until(is_settled, "the ledger has come to the end")
    daemon.until(lambda: sum(daemon.get("status")["notify"][each] for each in WAITING) == 0, "all is told")
    daemon.until(lambda: daemon.get("status")["sinks"]["influxdb"]["lag"] <= 5, "InfluxDB has it")
    return still


WAITING: Final = ("queued", "sending", "failed")


def report(daemon: Daemon, kind: str) -> Any:
    """The rows of a report about today, by the names of their columns."""
    made = daemon.command("report", kind, "--period", "today", "--format", "json")
    assert made.returncode == 0, made.stderr
    tables = json.loads(made.stdout)
    return {
        table["title"]["key"]: [
            dict(zip([each["name"] for each in table["columns"]], row["cells"], strict=True))
            for row in table["rows"]
        ]
        for table in (*tables["sections"], *tables["details"])
    }


def check_told(daemon: Daemon, influx: InfluxServer) -> None:
    """Each event is told once, in the journal and in InfluxDB, and derived entries are there once."""
    kinds = {kind for _, kind in TOLD} | {"idle", "service_soon", "service_due"}
    told = [each for each in daemon.entries(2) if each["kind"] in kinds]
    assert Counter((each["device"], each["kind"]) for each in told) == TOLD
    written = influx.query("SELECT device, kind, count FROM events", "facility")
    assert Counter((each["device"], each["kind"]) for each in written if each["kind"] in kinds) == TOLD
    took = {each["device"]: each["attributes"]["for"] for each in told if each["kind"] == "took_over"}
    assert took == {"pump-2": "pump-1", "pump-1": "pump-2"}
    derived = [each for each in daemon.entries(3) if each["producer"] == "equipment"]
    identities = Counter((each["device"], each["time"], each["measurement"], each["key"]) for each in derived)
    assert max(identities.values()) == 1


def check_alarms(plant: Plant, still: int) -> None:
    """Each alarm was raised once, and whoever is to be told was told once; no power explains detectors.

    What is raised because nothing is said any more is left out.
    """
    everything = [each for each in plant.daemon.entries(4) if each["cause"] == "raised"]
    steps = [each for each in everything if each["time"] < still]
    due = plant.daemon.memory("SELECT occurrence FROM outbox WHERE kind = 'raise'")

    assert Counter((each["rule"], each["device"]) for each in steps) == RAISED
    told = Counter(row["occurrence"] for row in due)
    assert told.keys() <= {each["occurrence"] for each in everything}
    explained = {each["rule"] for each in steps if each["suppression"]}
    assert explained <= {"detector-offline", "detector-silent"}
    assert {each["occurrence"] for each in steps if not each["suppression"]} <= told.keys()
    assert not [*wrong_with_mails(plant.daemon, plant.mail.messages)]


def reckoned(readings: Sequence[Reading], point: str) -> tuple[float, int]:
    """Seconds in which a contact was closed and how often it did, by the readings: the edge is in the middle."""
    found = [(at, bool(values[point])) for at, values in readings if point in values]
    closed, starts = 0.0, 0
    for (before, was), (after, now) in pairwise(found):
        share = {(True, True): 1.0, (False, False): 0.0}.get((was, now), 0.5)
        closed += share * (after - before) / 1000
        starts += now and not was
    return closed, starts


def check_hours(plant: Plant, looks: Mapping[str, Any]) -> None:
    """Hours and starts are those of the contacts, within a poll for each edge, wherever they are shown."""
    now = {each["device"]: each for each in looks["list"]["equipment"]}
    runs = {each["machine"]: each for each in looks["report"]["equipment_runs"]}
    days = _days(plant.daemon)
    for pump in plant.pumps:
        readings, name = plant.daemon.readings(pump.device), pump.device
        spans = pump.spans("running")
        truth = sum(end - start for start, end in spans) / 1000
        polls = sum(_between(readings, edge) for span in spans for edge in span) / 1000
        seconds, starts = reckoned(readings, "running")
        day = days[name]

        assert abs(day["running_s"] - truth) <= polls, name
        assert day["running_s"] == pytest.approx(seconds, abs=0.001 * len(readings)), name
        assert day["starts"] == starts == len(spans), name
        assert day["known_s"] == pytest.approx((readings[-1][0] - readings[0][0]) / 1000, abs=0.1), name
        assert now[name]["hours"] == pytest.approx(seconds / 3600, abs=1e-5), name
        assert now[name]["starts"] == starts, name
        assert runs[name]["run_time"] == pytest.approx(seconds / 3600, abs=1e-5), name
        assert runs[name]["starts"] == starts, name
        written = plant.influx.query(f"SELECT hours, starts FROM equipment WHERE device = '{name}'", "facility")
        last = [each for each in written if each["starts"] is not None][-1]
        assert (last["hours"], last["starts"]) == (pytest.approx(seconds / 3600, abs=1e-3), starts), name
    stuck = plant.lift.spans("fault")
    polls = sum(_between(plant.daemon.readings("lift"), edge) for span in stuck for edge in span) / 1000
    assert abs(days["lift"]["fault_s"] - sum(end - start for start, end in stuck) / 1000) <= polls
    assert (days["pump-1"]["short_cycles"], days["pump-2"]["failed"]) == (1, 2)
    assert looks["pump-1"]["days"][-1]["starts"] == days["pump-1"]["starts"]


def _days(daemon: Daemon) -> dict[str, dict[str, float]]:
    """What the ledger has of all days, by device: one of them, unless it is midnight."""
    found: dict[str, Counter[str]] = {}
    for row in rows(daemon.state / "ledger.db", "SELECT device, body FROM equipment_day"):
        told = {name: value for name, value in json.loads(row["body"]).items() if name != "shortest_s"}
        found.setdefault(row["device"], Counter()).update(told)
    return {device: dict(day) for device, day in found.items()}


def _between(readings: Sequence[Reading], edge: int) -> int:
    """How far the readings on both sides of a moment are apart: one poll, or a restart of the monitor."""
    before = max(at for at, _ in readings if at <= edge)
    return min(at for at, _ in readings if at > edge) - before


def check_supply(plant: Plant, looks: Mapping[str, Any]) -> None:
    """Each outage is as long as the readings say, which say it with the first poll; nothing else is one."""
    shown = {each["utility"]: each for each in looks["supply"]}
    told = {each["utility"]: _outages(each["spans"]) for each in looks["supply"]}
    assert {name: [state for state, _, _ in each] for name, each in told.items()} == {
        "electricity": ["partial", "lost"],
        "water": ["lost"],
    }
    assert {each["state"] for each in shown.values()} <= {"present", "unknown"}
    for contacts, outages in ((plant.mains, told["electricity"]), (plant.switch, told["water"])):
        moments = [at for at, _ in plant.daemon.readings(contacts.device)]
        edges = [at for (at, now), (_, was) in pairwise(reversed(contacts.told)) if _state(now) != _state(was)]
        found = [edge for _, start, end in outages for edge in (start, end)]
        for true, edge in zip(reversed(edges[:-1]), found, strict=True):
            assert edge in _first_said(plant.daemon, moments, true), (contacts.device, true, edge)
    back = {each["id"]: each for each in plant.daemon.entries(2) if each["kind"] == "supply_back"}
    lasted = [each["attributes"]["lost_s"] for each in sorted(back.values(), key=lambda each: each["time"])]
    assert sorted(lasted) == sorted((end - start) / 1000 for each in told.values() for _, start, end in each)
    written = plant.influx.query("SELECT time, state, utility FROM supply", "facility")
    for utility, each in told.items():
        changes = {(row["time"], row["state"]) for row in written if row["utility"] == utility}
        assert {(start, state) for state, start, _ in each} <= changes
        assert {(end, "present") for _, _, end in each} <= changes
    listed = looks["supply-report"]["supply_outages"]  # what is unknown cuts an interruption in two there
    for utility, each in told.items():
        mine = [(row["start"], row["end"]) for row in listed if row["utility"] == utility]
        assert {start for _, start, _ in each} <= {start for start, _ in mine}
        assert all(any(start <= begin < until <= end for _, start, end in each) for begin, until in mine)


def _state(values: Mapping[str, int]) -> str:
    lost = [value < (1 if name == "pressure_ok" else 50) for name, value in values.items()]
    return "lost" if all(lost) else "partial" if any(lost) else "present"


def _outages(spans: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """State, begin and end of what was the matter; what was unknown then is a part of it."""
    known = sorted((each["start"], each["state"]) for each in spans if each["state"] != "unknown")
    changes = [known[0], *(after for before, after in pairwise(known) if before[1] != after[1])]
    return [(state, start, end) for (start, state), (end, _) in pairwise(changes) if state != "present"]


def _first_said(daemon: Daemon, moments: Sequence[int], true: int) -> Iterator[int]:
    """The readings that may say first what was so from a moment on: the one after it, or one that was under way.

    Who is killed before the delay is over does not know since when it lasts, and begins anew.
    """
    after = [at for at in moments if at > true][:2]
    yield from after
    starts = [each["attributes"] for each in daemon.entries(2) if each["kind"] == "monitor_started"]
    for each in starts[1:]:
        if true <= each["off_since"] <= after[-1] + DELAY:
            after = [at for at in moments if at >= each["off_until"]][:2]
            yield from after


def check_rest(plant: Plant, looks: Mapping[str, Any]) -> None:
    """Batteries, detectors and the status say the same."""
    batteries = {each["device"]: each["percent"] for each in looks["batteries"]}
    assert batteries == {"door": 8.0, "leak": 81.0, "smoke": None}
    assert looks["status"]["position"] > 0
    assert (looks["status"]["equipment"], looks["status"]["failed"]) == (4, 0)
    written = plant.influx.query("SELECT alarm FROM safety WHERE device = 'leak'", "facility")
    assert [each["alarm"] for each in written if each["alarm"] is not None].count(True) == 1
