"""`notify channels` and `notify test` as somebody types them, against a real daemon's socket and real servers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.desk import ChannelDesk
from monitor.notify.outbox import Notifier
from tests.cli.running import Ran, aside, rows, within
from tests.clock import ManualClock
from tests.notify.house import person, site
from tests.servers.http import WebServer
from tests.web.serving import make_parts, serving

SECRET = "s3cr3t-t0ken"
SITE = """\
site: {{id: hq, timezone: Europe/Berlin}}
notify:
  people:
    - {{id: ana, channels: {{hook: "{hook}", pager: !env PAGER}}}}
"""


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def hook(web: WebServer) -> str:
    return f"json://ana:{SECRET}@127.0.0.1:{web.port}/{SECRET}"


@pytest.fixture
def file(web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAGER", hook(web))
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(hook=hook(web)), "utf-8")
    return path


async def typed(  # noqa: PLR0917 - what the daemon is made of
    words: list[str], state: State, journal: SqliteJournal, clock: ManualClock, web: WebServer, folder: Path
) -> Ran:
    """What a command says to a daemon whose notifier is not in the way."""
    settings = site(person("ana", hook=hook(web)))
    channels = Channels()
    notifier = Notifier(state, settings, channels=channels, now=clock.now, standing=lambda *_: (False, False))
    desk = ChannelDesk(state, settings, notifier, channels, clock.now)
    parts = replace(make_parts(journal, clock), channels=desk)
    async with serving(parts, folder / "api.sock"):
        return await aside(*words, "--socket", folder / "api.sock")


async def test_the_daemon_tries_a_channel_and_the_command_says_how_it_went(
    state: State, journal: SqliteJournal, clock: ManualClock, web: WebServer, tmp_path: Path
) -> None:
    ran = await typed(["notify", "test", "ana"], state, journal, clock, web, tmp_path)
    listed = await typed(["notify", "channels"], state, journal, clock, web, tmp_path)

    assert ran.code == 0
    assert ran.out.startswith("hook: taken by the server in ")
    assert listed.code == 0
    assert rows(listed.out)[2].startswith("ana hook fine 0 s ago")
    assert SECRET not in ran.out + ran.err + listed.out


async def test_a_refusal_ends_with_one_and_so_does_the_list_afterwards(
    state: State, journal: SqliteJournal, clock: ManualClock, web: WebServer, tmp_path: Path
) -> None:
    web.otherwise = 401

    ran = await typed(["notify", "test", "ana", "--channel", "hook"], state, journal, clock, web, tmp_path)
    listed = await typed(["notify", "channels"], state, journal, clock, web, tmp_path)

    assert (ran.code, ran.out) == (1, "hook: refused: HTTP 401 Unauthorized\n")
    assert listed.code == 1
    assert "failing" in listed.out


def test_without_a_daemon_the_site_file_is_enough(file: Path, web: WebServer) -> None:
    ran = within("notify", "test", "ana", "--site", file, "--severity", "critical")

    assert ran.code == 0
    assert [line.split(":")[0] for line in ran.out.splitlines()] == ["hook", "pager"]
    assert len(web.taken) == 2
    assert web.taken[0].json()["type"] == "failure"
    assert SECRET not in ran.out + ran.err


def test_a_site_file_whose_secrets_are_absent_is_refused(
    file: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PAGER")

    ran = within("notify", "test", "ana", "--site", file)

    assert ran.code == 78
    assert "PAGER" in ran.err
    assert not web.requests


def test_somebody_who_is_not_known_is_said(file: Path) -> None:
    ran = within("notify", "test", "cy", "--site", file)

    assert ran.code == 1
    assert "there is ana" in ran.err


async def test_without_a_daemon_the_way_without_one_is_said(tmp_path: Path) -> None:
    ran = await aside("notify", "test", "ana", "--state", tmp_path)

    assert ran.code == 1
    assert "--site FILE" in ran.err
