"""The daemon tries its channels by itself and when it is asked to, and knows how they do after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.daemon import Daemon
from tests.servers.http import WebServer
from tests.servers.smtp import MailServer

SITE = """\
site: {{id: house, name: House, timezone: UTC}}
notify:
  self_test: {{at: "00:00"}}
  people:
    - id: ana
      channels:
        mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"
        pager: "json://ana:s3cr3t-t0ken@127.0.0.1:{web}/page"
"""


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        server.otherwise = 401
        yield server


def test_channels_are_tried_daily_and_by_hand_and_remembered(
    tmp_path: Path, mail: MailServer, web: WebServer
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(mail=mail.port, web=web.port))

    def states() -> dict[str, str]:
        return {each["channel"]: each["state"] for each in daemon.get("channels") or ()}

    with Daemon(site, tmp_path / "state").start() as daemon:
        daemon.until(lambda: states() == {"mail": "fine", "pager": "failing"}, "both are tried by themselves")
        tried = daemon.command("notify", "test", "ana")
        listed = daemon.command("notify", "channels")
        status = daemon.get("status")
        daemon.kill()
        daemon.start()

        assert daemon.until(lambda: states() == {"mail": "fine", "pager": "failing"}, "both are remembered")

    assert mail.subjects() == ["[TEST] Messages from House reach you"] * 2
    assert len(web.requests) == 2
    assert tried.returncode == 1
    assert tried.stdout.splitlines()[0].startswith("mail: taken by the server in ")
    assert tried.stdout.splitlines()[1] == "pager: refused: HTTP 401 Unauthorized"
    assert listed.returncode == 1
    assert "HTTP 401 Unauthorized" in listed.stdout
    assert (status["channels"]["total"], status["channels"]["failing"]) == (2, 1)
    assert "s3cr3t" not in "".join([tried.stdout, tried.stderr, listed.stdout, daemon.tail(10**9)])
