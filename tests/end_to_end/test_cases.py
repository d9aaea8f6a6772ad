"""What people do about an alarm after it was told, with the whole daemon, and a kill between."""

from pathlib import Path
from typing import Any

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.smtp import MailServer

SITE = """\
site: {{id: works, timezone: UTC}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
devices:
  - {{id: pump, profile: digital-input, connection: plant, unit: 21, every: 200 ms, building: A,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, point: fault, is: true, severity: critical, response: Look at the pump.}}
notify:
  people:
    - {{id: ana, name: Ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=m@example.org&to=ana@example.org"}}}}
    - {{id: ben, name: Ben, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=m@example.org&to=ben@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
"""
KEY = "fault/pump/fault"


def _shown(daemon: Daemon) -> dict[str, Any]:
    """The newest alarm of the pump, asked of the socket: a process for each look would take longer."""
    found: dict[str, Any] = (daemon.get("alarms") or [{"state": ""}])[0]
    return found


def _of(mail: MailServer, person: str) -> list[str]:
    return [str(each["subject"]) for each in mail.messages if person in str(each["to"])]


@pytest.mark.fault(
    "SIGKILL at any instant",
    part="rules and alarms",
    outcome="Who was given an alarm, what was said of it and what it came of is booked and told once.",
)
def test_who_was_given_an_alarm_is_told_once_and_the_next_one_knows_what_it_came_of(tmp_path: Path) -> None:
    units = {21: Unit()}
    site = tmp_path / "site.yaml"
    with MailServer() as mail, Endpoint(units) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        site.write_text(SITE.format(modbus=endpoint.port, mail=mail.port))
        daemon.start()
        units[21].set("discrete", 0, [1])
        daemon.until(lambda: _of(mail, "ana"), "Ana is told")
        given = daemon.command("alarms", "assign", KEY, "ben", "--reason", "you know it")
        too_early = daemon.command("alarms", "close", KEY, "--cause", "fixed")
        daemon.kill()
        daemon.start()
        daemon.until(lambda: _of(mail, "ben"), "Ben is told")
        mine = daemon.get("cases", person="ben")
        units[21].set("discrete", 0, [0])
        daemon.until(lambda: _shown(daemon)["state"] == "clear", "it is over")
        for person in ("ana", "ben"):
            daemon.until(lambda who=person: len(_of(mail, who)) == 2, f"{person} hears that it is over")
        first = _shown(daemon)
        closed = daemon.command("alarms", "close", KEY, "--cause", "replaced", "--note", "New seal.")
        units[21].set("discrete", 0, [1])
        daemon.until(lambda: _shown(daemon)["state"] == "active", "it is raised again")
        second = _shown(daemon)
        (body,) = daemon.memory(
            "SELECT json_extract(body, '$.earlier.note') AS note, json_extract(body, '$.earlier.count') AS count"
            " FROM outbox WHERE kind = 'raise' AND occurrence = ?",
            second["occurrence"],
        )
        figures = daemon.get("alarms", "performance")
        assert daemon.stop() == 0

    assert given.returncode == 0, given.stderr
    assert too_early.returncode == 1
    assert "is not over" in too_early.stderr
    assert ["CLEARED" in subject for subject in _of(mail, "ben")] == [False, True]
    assert [each["occurrence"] for each in mine] == [first["occurrence"]]
    assert first["case"]["assigned_to"] == "ben"
    assert closed.returncode == 0, closed.stderr
    assert (second["earlier"]["occurrence"], second["earlier"]["cause"]) == (first["occurrence"], "replaced")
    assert second["times_in_7_days"] == 2
    assert (body["note"], body["count"]) == ("New seal.", 2)
    assert (figures["causes"], figures["again"]) == ({"replaced": 1}, 1)
    assert figures["response"]["unacknowledged"] == 2
