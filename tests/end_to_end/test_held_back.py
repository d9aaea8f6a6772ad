"""Whom the whole daemon does not tell: of what a dead gateway explains, of what is shelved or worked at."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.smtp import MailServer

_NOTIFY = """\
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people:
    - {{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{match: {{building: A}}, team: house}}]
"""
_METERS = """\
site: {{id: works, timezone: UTC}}
connections:
  - {{id: gateway, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
devices:
{devices}
rules:
  - {{id: gone, kind: offline, severity: high, response: Look at the meter.}}
  - {{id: dead, kind: segment, severity: high, response: Look at the gateway.}}
"""
_METER = (
    "  - {{id: meter-{0}, connection: gateway, unit: {0}, every: 300 ms, class: electricity, building: A,"
    " points: {{power_w: {{register: holding 0, type: uint16, unit: W}}}}}}"
)
_PUMPS = """\
site: {{id: works, timezone: UTC}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
devices:
  - {{id: pump-1, profile: digital-input, connection: plant, unit: 21, every: 200 ms, building: A,
      points: {{fault: {{register: discrete 0}}}}}}
  - {{id: pump-2, profile: digital-input, connection: plant, unit: 22, every: 200 ms, building: A,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, point: fault, is: true, severity: high}}
"""
FIRST, SECOND = "fault/pump-1/fault", "fault/pump-2/fault"


def _alarms(daemon: Daemon, rule: str) -> Sequence[dict[str, Any]]:
    return [alarm for alarm in daemon.get("alarms") or () if alarm["rule"] == rule]


def _one(daemon: Daemon, key: str) -> dict[str, Any]:
    found = (alarm for alarm in daemon.get("alarms") or () if f"{alarm['rule']}/{alarm['source_key']}" == key)
    return next(found, {"active": False, "suppression": []})


def _told(daemon: Daemon, rule: str = "") -> list[str]:
    """The kinds of messages to people about a rule (or all), in order."""
    rows = daemon.memory("SELECT kind, body FROM outbox ORDER BY id")
    return [row["kind"] for row in rows if not rule or json.loads(row["body"])["rule"]["id"] == rule]


def _causes(daemon: Daemon, key: str) -> list[str]:
    steps = daemon.entries(4)
    return [step["cause"] for step in steps if f"{step['rule']}/{step['source_key']}" == key]


def test_a_gateway_with_six_meters_dies_and_one_alarm_is_told(tmp_path: Path) -> None:
    units = {unit: Unit() for unit in range(1, 7)}
    site = tmp_path / "site.yaml"
    devices = "\n".join(_METER.format(unit) for unit in units)
    with MailServer() as mail, Endpoint(units) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        site.write_text(_METERS.format(modbus=endpoint.port, devices=devices) + _NOTIFY.format(mail=mail.port))
        daemon.start()
        daemon.until(lambda: all(daemon.readings(f"meter-{unit}") for unit in units), "all meters answer")

        endpoint.stop()
        daemon.until(lambda: len([a for a in _alarms(daemon, "gone") if a["active"]]) == 6, "all six are off-line")
        gone, dead = _alarms(daemon, "gone"), _alarms(daemon, "dead")
        listed = daemon.command("alarms", "list", "--suppressed").stdout
        daemon.until(lambda: mail.messages, "somebody is told")
        endpoint.start()
        daemon.until(lambda: not [a for a in daemon.get("alarms") if a["active"]], "all of it is over")
        daemon.until(lambda: len(mail.messages) == 2, "the end is told")
        assert daemon.stop() == 0

    assert [alarm["suppression"] for alarm in gone] == [["suppressed"]] * 6
    assert {tuple(alarm["suppressed_by"]) for alarm in gone} == {("dead/facility-monitor/gateway",)}
    assert [(alarm["title"], alarm["suppression"], alarm["limit"]) for alarm in dead] == [
        ("dead: gateway", [], 5.0)
    ]
    assert listed.count("dead/facility-monitor/gateway") == 6
    assert _told(daemon) == ["raise", "clear"]
    assert _told(daemon, "gone") == []
    assert "gateway" in str(mail.messages[0]["subject"])
    assert len([step for step in daemon.entries(4) if (step["rule"], step["cause"]) == ("gone", "cleared")]) == 6


def test_a_shelf_outlives_a_kill_and_when_it_ends_people_are_told_again(tmp_path: Path) -> None:
    units = {21: Unit(), 22: Unit()}
    site = tmp_path / "site.yaml"
    with MailServer() as mail, Endpoint(units) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        site.write_text(_PUMPS.format(modbus=endpoint.port) + _NOTIFY.format(mail=mail.port))
        daemon.start()
        units[21].set("discrete", 0, [1])
        daemon.until(lambda: _told(daemon) == ["raise"], "somebody is told")

        refused = daemon.command("alarms", "shelve", FIRST, "--for", "9h", "--reason", "work")
        said = daemon.command("alarms", "shelve", FIRST, "--for", "1h", "--reason", "filter is changed")
        daemon.kill()
        daemon.start()
        held = _one(daemon, FIRST)
        listed = daemon.command("alarms", "list", "--shelved").stdout
        shown = daemon.command("alarms", "show", held["occurrence"][:6]).stdout
        daemon.command("alarms", "shelve", FIRST, "--for", "2s", "--reason", "it was quick")
        daemon.until(lambda: "unshelved" in _causes(daemon, FIRST), "the shelf ends")
        daemon.until(lambda: _told(daemon).count("raise") == 2, "people are told again")
        after = _one(daemon, FIRST)
        assert daemon.stop() == 0

    assert "8 h at most" in refused.stderr
    assert said.stdout.startswith(f"{FIRST} is shelved until ")
    assert held["suppression"] == ["shelved"]
    assert (held["shelf"]["reason"], held["shelf"]["once"]) == ("filter is changed", False)
    assert "filter is changed" in listed
    assert "shelf            until " in shown
    assert "reason filter is changed, once no" in shown
    assert (after["active"], after["suppression"], after["response"]) == (True, [], "unacked")
    causes = [cause for cause in _causes(daemon, FIRST) if cause != "shelf_expiring"]
    assert causes == ["raised", "shelved", "shelved", "unshelved"]
    assert [kind for kind in _told(daemon) if kind != "shelf_expiring"] == ["raise", "raise"]


def test_maintenance_of_the_site_file_and_by_hand_keeps_messages_back_until_it_is_over(tmp_path: Path) -> None:
    units = {21: Unit(), 22: Unit()}
    site = tmp_path / "site.yaml"
    now = datetime.now(UTC)
    begin, end = ((now + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M") for hours in (-1, 2))
    planned = (
        f"maintenance: [{{id: seals, devices: {{id: pump-1}}, from: {begin}, until: {end}, reason: new seals}}]\n"
    )
    with MailServer() as mail, Endpoint(units) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        site.write_text(_PUMPS.format(modbus=endpoint.port) + _NOTIFY.format(mail=mail.port) + planned)
        daemon.start()
        added = daemon.ask(
            "maintenance", "add", "--for", "6s", "--device", "pump-2", "--id", "oil", "--reason", "oil is changed"
        )
        units[21].set("discrete", 0, [1])
        units[22].set("discrete", 0, [1])
        daemon.until(lambda: _one(daemon, FIRST)["active"] and _one(daemon, SECOND)["active"], "both are raised")
        held = [_one(daemon, key) for key in (FIRST, SECOND)]
        shown = {each["id"]: each["on"] for each in daemon.ask("maintenance", "list")}
        told = _told(daemon)

        daemon.until(lambda: _told(daemon) == ["raise"], "what was added ends by itself, and is told")
        ended = daemon.command("maintenance", "end", "seals", "--reason", "done")
        daemon.until(lambda: _told(daemon) == ["raise", "raise"], "what is ended by hand is told")
        again = daemon.command("maintenance", "end", "seals")
        assert daemon.stop() == 0

    assert added["maintenance"]["devices"] == ["pump-2"]
    assert [alarm["suppressed_by"] for alarm in held] == [["maintenance:seals"], ["maintenance:oil"]]
    assert (shown, told) == ({"seals": True, "oil": True}, [])
    assert ended.stdout == "maintenance seals has ended\n"
    assert "is not on now" in again.stderr
    assert _causes(daemon, FIRST)[-1] == _causes(daemon, SECOND)[-1] == "unsuppressed"


def test_an_alarm_is_out_of_service_until_somebody_returns_it(tmp_path: Path) -> None:
    units = {21: Unit(), 22: Unit()}
    site = tmp_path / "site.yaml"
    with MailServer() as mail, Endpoint(units) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        site.write_text(_PUMPS.format(modbus=endpoint.port) + _NOTIFY.format(mail=mail.port))
        daemon.start()
        day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
        late = daemon.command("alarms", "out-of-service", FIRST, "--review", "2020-01-01", "--reason", "sensor")
        said = daemon.command("alarms", "out-of-service", FIRST, "--review", day, "--reason", "sensor is on order")
        units[21].set("discrete", 0, [1])
        daemon.until(lambda: _one(daemon, FIRST)["active"], "it is raised")
        listed = daemon.command("alarms", "list", "--out-of-service").stdout
        counted = daemon.get("status")["alarms"]
        untold = _told(daemon)
        back = daemon.command("alarms", "return", FIRST, "--reason", "new sensor")
        daemon.until(lambda: _told(daemon) == ["raise"], "it is told")
        assert daemon.stop() == 0

    assert "lies in the future" in late.stderr
    assert said.stdout == f"{FIRST} is out of service, to be looked at again at {day} 00:00:00\n"
    assert "sensor is on order" in listed
    assert (counted["active"], counted["out_of_service"], counted["review_due"]) == (1, 1, 0)
    assert untold == []
    assert back.stdout == f"{FIRST} is back in service\n"
