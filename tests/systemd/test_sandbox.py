"""The daemon lives under the unit's own filter of system calls, loaded into the kernel as systemd does."""

import re
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.conftest import influx
from tests.end_to_end.daemon import COMMAND, Daemon
from tests.end_to_end.meters import Endpoint, NumberedPublisher
from tests.servers.http import WebServer
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer
from tests.systemd.sandbox import allowed

__all__ = ["influx"]

UNIT = Path(__file__).parents[2] / "systemd" / "facility-monitor.service"
SANDBOX = [sys.executable, str(Path(__file__).with_name("sandbox.py")), str(UNIT)]
SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
monitor:
  metrics: {{listen: "127.0.0.1:{metrics}"}}
  deadman: {{url: "http://127.0.0.1:{web}/ping", every: 10 s}}
connections:
  - {{id: plant-room, modbus: {{transport: tcp, host: localhost, port: {modbus}}}}}
  - {{id: broker, mqtt: {{url: "{broker}"}}}}
devices:
  - {{id: pump, profile: digital-input, connection: plant-room, unit: 21, every: 200 ms,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: counter, connection: broker, topic: meters/counter, class: water,
      points: {{volume_m3: {{json: $.n, unit: m3}}}}}}
rules:
  - {{id: fault, kind: state, devices: {{class: equipment}}, point: fault, is: true, severity: high}}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  links: {{base: "http://127.0.0.1:{links}", listen: "127.0.0.1:{links}"}}
  reminders: off
  people:
    - id: ana
      channels:
        mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"
        hook: "json://127.0.0.1:{web}/alarm"
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""


def sandboxed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SANDBOX, *words], capture_output=True, text=True, check=False)


def test_what_the_unit_does_not_allow_is_killed_here() -> None:
    harmless = sandboxed(sys.executable, "-c", "print('lives')")
    forbidden = sandboxed(sys.executable, "-c", "import os; os.chroot('/')")

    assert (harmless.returncode, harmless.stdout) == (0, "lives\n")
    assert forbidden.returncode < 0
    assert {"chown", "sched_setscheduler", "mount", "ptrace"} & allowed(UNIT.read_text()) == set()


def test_the_service_may_ask_whether_the_clock_is_right_and_not_set_it() -> None:
    unit = UNIT.read_text()

    assert {"adjtimex", "clock_adjtime"} <= allowed(unit)
    assert {"clock_settime", "settimeofday"} & allowed(unit) == set()
    assert "\nProtectClock=yes" not in unit  # its own filter forbids the question, too
    assert "\nCapabilityBoundingSet=\n" in unit


def test_the_daemon_reads_writes_tells_reloads_and_stops_in_it(tmp_path: Path, influx: InfluxServer) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MailServer() as mail,
        WebServer() as web,
        Endpoint({21: Unit()}) as endpoint,
    ):
        site = tmp_path / "site.yaml"
        ports = {
            "modbus": endpoint.port,
            "mail": mail.port,
            "web": web.port,
            "metrics": free_port(),
            "links": free_port(),
        }
        site.write_text(SITE.format(**ports, broker=broker.url, influx=influx.url, token=influx.token))
        with (
            Daemon(site, tmp_path / "state", before=SANDBOX) as daemon,
            NumberedPublisher(broker.port, lambda _: "meters/counter", a_second=20) as publisher,
        ):
            daemon.start()
            publisher.begin()
            daemon.until(lambda: len(daemon.readings("pump")) > 3 and daemon.readings("counter"), "readings come")
            endpoint[21].set("discrete", 0, [1])
            daemon.until(lambda: mail.messages, "a mail comes")
            daemon.until(lambda: [each for each in web.taken if each.path == "/alarm"], "a web hook is called")
            link = re.search(r"http://127[^ \n]+/a/[\w-]+", mail.texts()[0])
            assert link
            with urllib.request.urlopen(link[0], timeout=30) as page:
                seen = page.read().decode()
            daemon.until(
                lambda: [each for each in web.taken if each.path == "/ping"], "the outside is told of life"
            )
            daemon.until(lambda: influx.query("SELECT volume_m3 FROM water", "facility"), "InfluxDB has readings")
            daemon.until((daemon.state / "state.db.copy").exists, "the state is copied")
            site.write_text(site.read_text().replace("every: 200 ms", "every: 300 ms"))
            reloaded = sandboxed(*COMMAND, "reload", "--state", str(daemon.state))
            daemon.until(lambda: daemon.get("status"), "the daemon answers again")
            found = daemon.ask("alarms", "list")
            publisher.end()
            stopped = daemon.stop()

    assert reloaded.returncode == 0, reloaded.stderr
    assert [alarm["device"] for alarm in found] == ["pump"]
    assert "I take care" in seen
    assert stopped == 0


@pytest.mark.parametrize("words", [["check"], ["--help"]])
def test_commands_run_in_it(words: list[str]) -> None:
    sample = [str(UNIT.parents[1] / "config" / "facility.yaml")] if words == ["check"] else []
    ran = sandboxed(*COMMAND, *words, *sample)

    assert ran.returncode == 0, ran.stderr


def test_pictures_of_reports_are_drawn_in_it() -> None:
    asked = (
        "from monitor.reports.pictures import draw; from monitor.reports.report import Chart, Phrase, Series;"
        "print(*map(bool, draw([Chart(kind='bars', title=Phrase('chart_per_day', {'class': 'water', 'meter': ''}),"
        " unit='m3', labels=('2026-10-01',), series=(Series('amount', (1.0,)),))], 'en')))"
    )
    ran = sandboxed(sys.executable, "-c", asked)

    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr


def test_trends_are_drawn_in_it(tmp_path: Path) -> None:
    asked = (
        "import asyncio, sys; from pathlib import Path;"
        "from monitor.web.console.plant.trendprocess import Trends; from monitor.web.trends import Trend;"
        "trends = Trends(Path(sys.argv[1]) / 'journal.db', now=lambda: 7_200_000);"
        "print(asyncio.run(trends.draw(Trend(device='d', point='p', start=0, end=3_600_000)))[:4]); trends.close()"
    )
    with closing(connect(tmp_path / "journal.db")) as journal:
        for step in sorted((UNIT.parents[1] / "monitor/journal/schema/journal").glob("*.sql")):
            journal.executescript(step.read_text("utf-8"))
    ran = sandboxed(sys.executable, "-c", asked, str(tmp_path))

    assert (ran.returncode, ran.stdout) == (0, "b'<svg'\n"), ran.stderr


def test_passwords_are_hashed_and_compared_in_it() -> None:
    asked = (
        "import asyncio; from monitor.accounts.passwords import Passwords; kept = Passwords();"
        "made = asyncio.run(kept.hash('seven quiet meters'));"
        "print(asyncio.run(kept.agrees('seven quiet meters', made)), asyncio.run(kept.agrees('six', made)))"
    )
    ran = sandboxed(sys.executable, "-c", asked)

    assert (ran.returncode, ran.stdout) == (0, "True False\n"), ran.stderr
