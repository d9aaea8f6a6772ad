"""The whole daemon with its console: the first administrator, a kill, a reload, and what is never said."""

import re
import socket
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.daemon import Daemon
from tests.servers.ports import free_port

PASSWORD = "seven quiet meters hum"


def _site(path: Path, port: int, *, name: str = "House") -> None:
    path.write_text(
        f'site: {{id: house, name: {name}, timezone: UTC}}\nconsole: {{listen: "127.0.0.1:{port}"}}\n', "utf-8"
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.fault(
    "SIGKILL at any instant",
    part="web and commands",
    outcome="Who has signed in stays signed in; a link that has chosen a password is used up.",
)
def test_the_first_administrator_by_a_link_and_a_kill_that_signs_nobody_out(tmp_path: Path) -> None:
    site, port = tmp_path / "site.yaml", free_port()
    origin = f"http://127.0.0.1:{port}"
    _site(site, port)
    with Daemon(site, tmp_path / "state") as daemon, httpx.Client(trust_env=False, timeout=30) as browser:
        daemon.start()
        daemon.until(lambda: _listens(port), "the console is served")
        empty = browser.get(f"{origin}/login").text
        told = daemon.command("user", "link").stdout
        found = re.search(rf"{origin}(/welcome/[\w-]+)", told)
        assert found, told
        link = f"{origin}{found[1]}"
        looked = [browser.get(link).status_code for _ in range(2)]
        form = {"password": PASSWORD, "again": PASSWORD}
        chosen = browser.post(link, data=form, headers={"origin": origin})
        daemon.kill()
        daemon.start()
        daemon.until(lambda: _listens(port), "the console is served again")
        account = browser.get(f"{origin}/account")
        again = browser.post(link, data=form, headers={"origin": origin}).status_code
        users = daemon.ask("user", "list")
        token = daemon.ask("token", "add", "grafana", "--scope", "read", "--for", "1 day")
        by_token = browser.get(
            f"{origin}/api/v1/whoami", headers={"authorization": f"Bearer {token['secret']}"}
        ).json()
        removed = [
            daemon.command("user", *words).returncode for words in (("remove", "admin"), ("disable", "admin"))
        ]
        _site(site, port, name="Another")
        assert daemon.command("reload").returncode == 0
        daemon.until(lambda: "Another" in _text(browser, f"{origin}/account"), "the settings are taken")
        actions = [row["action"] for row in daemon.get("audit")]
        log = daemon.log.read_text("utf-8")

    assert "facility-monitor user link" in empty
    assert looked == [200, 200]
    assert chosen.status_code == 303
    assert account.status_code == 200
    assert again == 404
    assert [(each["login"], each["role"], each["has_password"]) for each in users] == [
        ("admin", "administrator", True)
    ]
    assert by_token["name"] == "token grafana"
    assert removed == [1, 1]
    assert {"choose_password", "POST /api/v1/users/{login}/link", "POST /api/v1/tokens"} <= set(actions)
    assert "console_has_no_users" in log
    for secret in (PASSWORD, token["secret"], link.rpartition("/")[2], *browser.cookies.values()):
        assert secret not in log
        for file in (tmp_path / "state").iterdir():
            assert file.is_socket() or file.is_dir() or secret.encode() not in file.read_bytes(), file


def _text(browser: httpx.Client, url: str) -> str:
    try:
        return browser.get(url).text
    except httpx.HTTPError:
        return ""


def test_a_port_that_is_taken_stops_nothing_and_is_said_once(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    with socket.socket() as taken, Daemon(site, tmp_path / "state") as daemon:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _site(site, taken.getsockname()[1])
        daemon.start()
        daemon.until(lambda: "console_not_served" in daemon.log.read_text("utf-8"), "it is said")
        status = daemon.get("status")

    assert status["console"]["listening"] is False
    assert daemon.log.read_text("utf-8").count("console_not_served") == 1
