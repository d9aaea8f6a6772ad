"""The demo as a newcomer runs it: once for as long as everything takes to happen, then again."""

import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.docs.pages import ROOT, section
from tests.end_to_end.daemon import COMMAND, rows
from tests.servers.influxdb import ADMIN, PASSWORD, InfluxServer, influxdb

ALARMS = {
    ("undervoltage", "main-electricity", "high"),
    ("detector-alarm", "laundry-leak", "critical"),
    ("door-forced", "cellar-door", "high"),
    ("device-offline", "shop-electricity", "medium"),
    ("door-held-open", "front-door", "medium"),
    ("equipment-fault", "booster-pump", "high"),
    ("took-over", "booster-pump-2", "medium"),
    ("no-reserve", "booster-pump", "medium"),
    ("building-supply-lost", "water-pressure", "high"),
}


@dataclass
class Demo:
    """One run: what it printed, what it reported, and where it listened meanwhile."""

    state: Path
    status: int
    said: str
    report: dict[str, Any]
    listened: set[tuple[str, int]]


def _run(state: Path, seconds: int, *options: str) -> Demo:
    report = state.parent / f"{state.name}-{time.monotonic_ns()}.json"
    command = [*COMMAND, "demo", "--state", str(state), "--for", f"{seconds}s", "--report", str(report), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        listened = set()
        try:
            deadline = time.monotonic() + seconds
            while demo.poll() is None and time.monotonic() < deadline:
                listened |= _listening(demo.pid)
                time.sleep(1)
            said, _ = demo.communicate(timeout=60)
        finally:
            _end(demo)
    return Demo(state, demo.returncode, said, json.loads(report.read_text()) if report.exists() else {}, listened)


def _end(demo: "subprocess.Popen[str]") -> None:
    """Leave nothing behind when a test fails."""
    if demo.poll() is None:
        demo.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            demo.wait(20)
        demo.kill()


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _listening(pid: int) -> set[tuple[str, int]]:
    """Every address of TCP and UDP that somebody else could reach the processes at."""
    found = set()
    for process in _family(pid):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            for connection in process.net_connections("inet"):
                if connection.status in {psutil.CONN_LISTEN, psutil.CONN_NONE} and connection.laddr:
                    found.add((connection.laddr.ip, connection.laddr.port))
    return found


def _entries(state: Path) -> tuple[int, int]:
    """How many entries the journal has, and its newest position."""
    (found,) = rows(state / "journal.db", "SELECT count(*) AS entries, max(position) AS newest FROM entries")
    return found["entries"], found["newest"]


def _fields(alarms: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(alarm["rule"], alarm["device"], alarm["severity"]) for alarm in alarms}


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as server:
        server.create("facility", "facility-access")
        yield server


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, influx: InfluxServer) -> Demo:
    """The long run, which every test below looks at."""
    address = influx.url.replace("://", f"://{ADMIN}:{PASSWORD}@") + "/facility"
    return _run(tmp_path_factory.mktemp("demo") / "state", 75, "--influxdb", address)


def test_it_ends_by_itself_and_reports_what_was_promised(demo: Demo) -> None:
    assert demo.status == 0, demo.said
    assert set(demo.report) == {
        *("devices", "readings", "events", "alarms", "notifications", "journal", "sinks", "used", "compared"),
    }
    assert demo.report["devices"] >= 12
    assert demo.report["readings"] > 300
    assert demo.report["events"] > 5


def test_it_says_where_the_console_is_and_where_residents_report(demo: Demo) -> None:
    here = r"http://127\.0\.0\.1:\d+"

    assert re.search(rf"console: {here}: choose a password for admin here, once: {here}/welcome/", demo.said)
    assert re.search(
        rf"residents: report at {here}/\S+ \(Entrance hall\);.* {here}/labels$", demo.said, re.MULTILINE
    )


def test_every_incident_is_an_alarm_that_is_acknowledged_and_cleared(demo: Demo) -> None:
    alarms = demo.report["alarms"]

    assert _fields(alarms) == ALARMS
    assert len(alarms) == len(ALARMS)
    for alarm in alarms:
        assert alarm["acknowledged_at"] > alarm["raised_at"], alarm
        assert alarm["state"] == "clear", alarm
        assert alarm["cleared_at"] >= alarm["raised_at"], alarm


def test_everybody_is_told_and_nothing_fails(demo: Demo) -> None:
    sent = demo.report["notifications"]
    mails = [path.read_text() for path in (demo.state / "mailbox" / "new").iterdir()]

    assert sent["failed"] == 0
    assert sent["sent"] >= 2 * len(ALARMS), "raised, by mail and on the terminal"
    for word in (
        *("Undervoltage", "A detector has tripped", "Door forced", "Device does not answer", "Door held open"),
        *("Equipment reports a fault", "Equipment runs in place of another", "A building has lost its supply"),
    ):
        assert any(word in mail for mail in mails), word
        assert word in demo.said, word


def test_what_was_used_is_what_the_simulated_meters_counted_to_the_last_digit(demo: Demo) -> None:
    used = demo.report["used"]

    assert len(used) > 50, "every counter of nine meters"
    assert [each for each in used if each["difference"] != 0.0] == []
    counted = {each["device"] for each in used if each["used"] > 0}
    always = {
        *("main-electricity", "flats-electricity", "lift-electricity", "shop-electricity"),
        *("garden-water", "main-gas"),
    }
    assert always <= counted
    assert counted <= always | {"main-water", "flats-water", "laundry-water"}, "taps may be closed for a minute"
    assert {each["device"] for each in used} >= {"main-water", "flats-water", "laundry-water"}
    assert "garden-water" in demo.said, "the caretaker types what he has read"


def _agree(report: dict[str, Any], of: str) -> dict[str, int]:
    """What the monitor and the simulated house both say."""
    figures: dict[str, list[int]] = report["compared"][of]
    assert [name for name, (by_monitor, truly) in figures.items() if by_monitor != truly] == [], figures
    return {name: truly for name, (_, truly) in figures.items()}


def test_people_doors_and_the_supply_are_as_the_simulated_house_knows_them(demo: Demo) -> None:
    people = _agree(demo.report, "people")

    assert 1 <= people["inside"] <= 4
    assert people["granted"] >= 4
    assert people["denied"] >= 1
    assert _agree(demo.report, "doors") == {"forced": 1, "held": 1}
    assert _agree(demo.report, "supply") == {"interruptions": 1}
    for words in ("people inside", "cards granted", "doors held open", "supplies lost", "booster-pump-2 starts"):
        assert words in demo.said, words


@pytest.mark.parametrize(("pump", "starts", "least"), [("booster-pump", 2, 30), ("booster-pump-2", 1, 13)])
def test_a_pump_ran_as_often_and_as_long_as_it_truly_did(demo: Demo, pump: str, starts: int, least: float) -> None:
    figures = demo.report["compared"][pump]
    counted, truly = figures["running_s"]

    assert figures["starts"] == [starts, starts]
    assert truly >= least
    assert abs(counted - truly) <= 2 * starts * 1.5, "each edge is off by a poll at most"


def _used(demo: Demo, device: str, point: str) -> dict[str, Any]:
    (found,) = [each for each in demo.report["used"] if (each["device"], each["point"]) == (device, point)]
    return found


def test_a_glitch_of_a_meter_is_an_event_and_nothing_is_booked(demo: Demo) -> None:
    found = rows(demo.state / "journal.db", "SELECT body FROM entries WHERE kind = 2 AND device = 'main-water'")
    (event,) = [body for row in found if (body := json.loads(row["body"]))["kind"] == "counter_glitch"]
    water = _used(demo, "main-water", "volume_m3")
    steps = rows(demo.state / "ledger.db", "SELECT cause FROM step")

    assert event["attributes"]["to_register"] == 0.0
    assert water["first_register"] <= event["attributes"]["from_register"] <= water["last_register"]
    assert 0 <= water["used"] < 1
    assert "event counter_glitch (main-water)" in demo.said
    assert {step["cause"] for step in steps} <= {"gap"}


def test_nobody_else_can_reach_it(demo: Demo) -> None:
    assert len(demo.listened) >= 4, "two buses, a broker, a mail server"
    strangers = {(address, port) for address, port in demo.listened if not ip_address(address).is_loopback}
    assert not strangers


def test_it_leaves_nothing_running(demo: Demo) -> None:
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if str(demo.state) in " ".join(process.info["cmdline"] or ())
    ]
    assert not left


def test_influxdb_has_the_readings_and_the_alarms(demo: Demo, influx: InfluxServer) -> None:
    (counted,) = influx.query("SELECT count(power_w) AS n FROM electricity WHERE site = 'demo'", "facility")
    alarms = influx.query("SELECT rule, cause FROM alarms WHERE cause = 'raised'", "facility")
    access = influx.query("SELECT event FROM access", "facility-access")

    (sink,) = rows(demo.state / "state.db", "SELECT position FROM positions WHERE consumer = 'influxdb'")
    found = rows(demo.state / "journal.db", "SELECT position, body FROM entries WHERE kind = 1")
    kept = [row["position"] for row in found if "power_w" in json.loads(row["body"])[3]]
    sent = [position for position in kept if position <= sink["position"]]
    assert 100 < len(sent) <= counted["n"] <= len(kept)
    assert Counter(row["rule"] for row in alarms) == dict.fromkeys((rule for rule, _, _ in ALARMS), 1)
    assert {row["event"] for row in access} == {"card", "passage", "opened", "closed", "forced", "held"}
    (used,) = influx.query("SELECT sum(energy_import_delta_kwh) FROM electricity WHERE role = 'main'", "facility")
    garden = influx.query("SELECT amount, estimated FROM usage_daily WHERE device = 'garden-water'", "facility")
    assert 0 < round(used["sum"], 9) <= _used(demo, "main-electricity", "energy_import_kwh")["used"]
    assert 0 < round(sum(row["amount"] for row in garden), 9) <= _used(demo, "garden-water", "volume_m3")["used"]
    assert demo.report["sinks"]["influxdb"]["last_error"] == ""


def test_the_examples_of_the_page_on_influxdb_answer(demo: Demo, influx: InfluxServer) -> None:
    text = section(ROOT / "docs" / "influxdb.md", "## What doors, people and equipment did")
    access, others = re.findall(r"<!-- check: influxql -->\n```sql\n(.*?)```", text, re.DOTALL)
    answers = {
        example: influx.query(example, database)
        for database, block in (("facility-access", access), ("facility", others))
        for example in block.splitlines()
    }

    assert demo.status == 0, demo.said
    assert len(answers) > 14
    assert [each for each, found in answers.items() if not found and "out_of_hours" not in each] == []


def test_a_second_run_goes_on_where_the_first_one_ended(demo: Demo) -> None:
    entries, newest = _entries(demo.state)
    again = _run(demo.state, 15)
    more, last = _entries(demo.state)

    assert again.status == 0, again.said
    assert more > entries
    assert last - newest == more - entries, "positions go on without a hole"
    first = {(alarm["rule"], alarm["device"], alarm["raised_at"]): alarm for alarm in demo.report["alarms"]}
    now = Counter((alarm["rule"], alarm["device"], alarm["raised_at"]) for alarm in again.report["alarms"])
    assert {key: now[key] for key in first} == dict.fromkeys(first, 1), "each alarm of the first run is there once"
    identities = rows(
        demo.state / "journal.db",
        "SELECT identity FROM entries WHERE identity IS NOT NULL GROUP BY 1 HAVING count(*) > 1",
    )
    assert not identities
    (starts,) = rows(
        demo.state / "journal.db", "SELECT count(*) AS n FROM entries WHERE identity LIKE '%/started-%'"
    )
    assert starts["n"] == 2
    troubles = rows(
        demo.state / "state.db", "SELECT * FROM outbox WHERE last_error <> '' AND state <> 'superseded'"
    )
    assert [each for each in again.report["used"] if each["difference"] != 0.0] == []
    people = _agree(again.report, "people")
    assert people["inside"] <= 4, "who was inside still is: nobody is counted twice"
    assert _agree(again.report, "doors")["held"] == 0, "what happened in the first run is not counted again"
    assert again.report["notifications"]["failed"] == 0, [dict(row) for row in troubles]


def test_without_a_caretaker_alarms_wait_for_you(tmp_path: Path) -> None:
    alone = _run(tmp_path / "state", 22, "--no-caretaker")

    assert alone.status == 0, alone.said
    assert {"undervoltage", "detector-alarm"} <= {alarm["rule"] for alarm in alone.report["alarms"]}
    assert [alarm["acknowledged_at"] for alarm in alone.report["alarms"] if alarm["acknowledged_at"]] == []
    responses = rows(tmp_path / "state" / "state.db", "SELECT response FROM alarm")
    assert {row["response"] for row in responses} == {"unacked"}
