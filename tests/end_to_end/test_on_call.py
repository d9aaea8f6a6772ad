"""Who is on call at a whole daemon: its commands over its socket, and to whom the message of a real alarm goes."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.smtp import MailServer

ZONE = ZoneInfo("Europe/Berlin")
_SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {modbus}, timeout: 500 ms}}}}
devices:
  - {{id: pump-1, profile: digital-input, connection: plant, unit: 21, every: 200 ms, building: A,
      points: {{fault: {{register: discrete 0}}}}}}
rules:
  - {{id: fault, kind: state, point: fault, is: true, severity: critical}}
notify:
  people:
    - {{id: ana, channels: {{mail: "{address}ana@example.org"}}}}
    - {{id: ben, channels: {{mail: "{address}ben@example.org"}}}}
    - {{id: cy}}
  rosters:
    - {{id: duty, name: On-call duty, layers: [{{people: [ana], from: 2020-01-06}}]}}
    - id: gap
      layers: [{{people: [ana], from: 2099-01-05}}]
  teams: [{{id: house, escalation: [{{after: 0 s, notify: duty}}, {{after: 1 h, notify: ana}}]}}]
  routes:
    - {{match: {{class: gas}}, team: house}}
    - {{team: house}}
"""


def _site(file: Path, modbus: int, mail: int) -> None:
    address = f"mailto://127.0.0.1:{mail}/?from=monitor@example.org&to="
    file.write_text(_SITE.format(modbus=modbus, address=address))


def _soon(hours: float) -> str:
    return f"{datetime.now(ZONE) + timedelta(hours=hours):%Y-%m-%d %H:%M}"


def _override(daemon: Daemon, *words: str) -> Any:
    ran = daemon.command("notify", "override", *words, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_who_stands_in_by_command_gets_the_message_and_a_kill_forgets_nothing(tmp_path: Path) -> None:
    pump = Unit()
    site = tmp_path / "site.yaml"
    with MailServer() as mail, Endpoint({21: pump}) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        _site(site, endpoint.port, mail.port)
        daemon.start()
        kept = _override(daemon, "duty", "ben", "--to", _soon(6), "--reason", "a train is late")
        later = _override(daemon, "gap", "ben", "--from", _soon(2), "--to", _soon(3))
        assert (kept["judged"], later["judged"]) == (True, True)

        daemon.kill()
        daemon.start()
        duty, gap = daemon.get("duty")
        explained = daemon.ask("notify", "explain", "fault/pump-1", "--site", str(site))
        pump.set("discrete", 0, [1])
        row = daemon.until(lambda: _sent(daemon), "a message was sent")

        assert (duty["now"]["person"], duty["next"]["person"]) == ("ben", "ana")
        assert duty["now"]["reason"].endswith(": a train is late")
        assert (gap["now"]["person"], gap["next"]["person"]) == (None, "ben")
        assert explained["overrides_known"]
        assert [each["person"] for each in explained["alarms"][0]["messages"]] == ["ben", "ana"]
        assert [each["To"] for each in mail.messages] == ["ben@example.org"]
        assert (row["person"], row["why"]) == ("ben", duty["now"]["reason"])
        _takes_back(daemon, kept["id"])


def _sent(daemon: Daemon) -> dict[str, Any] | None:
    return next((each for each in daemon.get("notifications") if each["state"] == "sent"), None)


def _takes_back(daemon: Daemon, ident: str) -> None:
    assert _override(daemon, "--cancel", ident[:8])["judged"]

    listed = daemon.command("notify", "on-call").stdout
    duty, gap = daemon.get("duty")
    assert (duty["now"]["person"], duty["now"]["until"], duty["next"]) == ("ana", None, None)
    assert (len(duty["overrides"]), len(gap["overrides"])) == (0, 1)
    assert "for more than a year" in listed
    assert gap["overrides"][0]["id"][:8] in listed
    ran = daemon.command("notify", "override", "dutty", "ben", "--to", _soon(1))
    assert ran.returncode != 0
    assert "there is no roster dutty; did you mean duty?" in ran.stderr
