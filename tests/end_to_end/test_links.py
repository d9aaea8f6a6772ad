"""Somebody gets a mail from the whole daemon, and acknowledges by the link in it."""

import os
import re
import signal
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest

from monitor.simulation.modbus import Unit
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.meters import Endpoint
from tests.servers.ports import free_port
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
  links: {{base: "http://127.0.0.1:{links}/fm", listen: "127.0.0.1:{links}"}}
  people:
    - {{id: ana, name: Ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=m@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
"""


def _ask(url: str, method: str = "GET", form: dict[str, str] | None = None) -> tuple[int, str]:
    body = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _acknowledgements(daemon: Daemon) -> list[tuple[str, str]]:
    return [(each["by"], each["kind"]) for each in daemon.entries(5) if each["kind"] == "acknowledge"]


@pytest.mark.fault(
    "SIGKILL at any instant",
    part="web and commands",
    outcome="An acknowledgement by a link that was answered as done is kept, however soon the power goes.",
)
def test_a_link_in_a_mail_acknowledges_once_and_outlives_a_kill(tmp_path: Path) -> None:
    units = {21: Unit()}
    site = tmp_path / "site.yaml"
    with MailServer() as mail, Endpoint(units) as endpoint, Daemon(site, tmp_path / "state") as daemon:
        site.write_text(SITE.format(modbus=endpoint.port, mail=mail.port, links=free_port()))
        daemon.start()
        units[21].set("discrete", 0, [1])
        daemon.until(lambda: mail.messages, "a mail comes")
        found = re.search(r"http://127\.0\.0\.1:\d+/fm/a/[\w-]+", mail.texts()[0])
        assert found, mail.texts()
        link, token = found[0], found[0].rpartition("/")[2]

        scanned = [_ask(link)[0], _ask(link, "HEAD")[0], _ask(link)[0], _ask(link, "POST", {})[0]]
        tampered = [_ask(f"{link[:-1]}{other}")[0] for other in "AQ" if other != link[-1]]
        untouched = _acknowledgements(daemon)
        answers: list[tuple[int, str]] = []

        def press_and_pull_the_plug() -> None:
            answers.append(_ask(link, "POST", {"token": token, "resets": "0"}))
            os.kill(daemon.pid, signal.SIGKILL)

        pressing = threading.Thread(target=press_and_pull_the_plug)
        pressing.start()
        pressing.join(60)
        daemon.ends()
        daemon.start()
        alarm = daemon.until(
            lambda: next((each for each in daemon.get("alarms") if each["response"] == "acked"), None),
            "it is acknowledged",
        )
        again = _ask(link, "POST", {"token": token, "resets": "0"})
        told = daemon.memory("SELECT kind FROM outbox WHERE kind <> 'remind'")
        assert daemon.stop() == 0

    assert scanned == [200, 200, 200, 400]
    assert set(tampered) == {404}
    assert untouched == []
    assert answers[0][0] == 200
    assert "You have acknowledged this alarm, Ana." in answers[0][1]
    assert _acknowledgements(daemon) == [("Ana, by link", "acknowledge")]
    assert alarm["acknowledged_by"] == "Ana, by link"
    assert again[0] == 200
    assert "Acknowledged by Ana, by link" in again[1]
    assert [row["kind"] for row in told] == ["raise"]
