"""The routes about channels, with a real notifier, a real state and a real server at the other end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify.channels import Channels
from monitor.notify.desk import ChannelDesk
from monitor.notify.outbox import Notifier
from monitor.web.parts import Parts
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, insert, person, rows, site
from tests.servers.http import WebServer
from tests.servers.ports import free_port
from tests.web.serving import make_parts, serving

SECRET = "s3cr3t-t0ken"


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@dataclass
class Asked:
    """A daemon with a notifier, and its client."""

    client: httpx.AsyncClient
    parts: Parts
    notifier: Notifier


@pytest.fixture
async def asked(
    state: State, journal: SqliteJournal, clock: ManualClock, web: WebServer, tmp_path: Path
) -> AsyncIterator[Asked]:
    hook = f"json://ana:{SECRET}@127.0.0.1:{web.port}/{SECRET}?rto=0.3"
    settings = site(
        person("ana", hook=hook, nobody=f"json://ana:{SECRET}@127.0.0.1:{free_port()}/"),
        person("ben"),
    )
    channels = Channels()
    notifier = Notifier(
        state,
        settings,
        channels=channels,
        now=clock.now,
        standing=lambda *_: (False, False),
        monotonic=lambda: clock.now() / 1000,
    )
    desk = ChannelDesk(state, settings, notifier, channels, clock.now)
    parts = replace(make_parts(journal, clock), channels=desk)
    await state.transact(lambda db: insert(db, rows(settings, NoticeKind.RAISE), NOW))
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE channel = 'nobody'"))
    running = asyncio.create_task(notifier.run())
    async with serving(parts, tmp_path / "api.sock") as client:
        yield Asked(client, parts, notifier)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def until_sent(asked: Asked) -> None:
    async with asyncio.timeout(60):
        while (await asked.notifier.counts())["sent"] != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_channels_are_listed_with_how_they_do_and_without_addresses(
    asked: Asked, clock: ManualClock
) -> None:
    await until_sent(asked)
    clock.advance(MINUTE)

    answer = await asked.client.get("/channels")
    status = (await asked.client.get("/status")).json()

    hook, nobody = answer.json()
    assert (hook["person"], hook["channel"], hook["state"], hook["last_success"]) == ("ana", "hook", "fine", NOW)
    assert hook["results"] == {"sent": 1, "failed": 0, "unknown": 0, "rejected": 0}
    assert hook["latency_s"] == {"p50": 0.0, "p95": 0.0}
    assert hook["attempt_s"]["p95"] is not None
    assert hook["service"].startswith("json://127.0.0.1:")
    assert (nobody["state"], nobody["last_success"], nobody["attempt_s"]) == (
        "untried",
        None,
        {"p50": None, "p95": None},
    )
    assert SECRET not in answer.text
    assert status["channels"] == {"total": 2, "fine": 1, "failing": 0, "waiting": 0, "untried": 1, "hung": 0}


async def test_a_trial_says_what_became_of_it_over_each_channel(asked: Asked, web: WebServer) -> None:
    answer = await asked.client.post("/channels/test", json={"person": "ana"})

    assert [(each["channel"], each["result"]) for each in answer.json()] == [
        ("hook", "taken"),
        ("nobody", "failed"),
    ]
    assert answer.json()[0]["reason"] == ""
    assert answer.json()[1]["reason"] == "could not be delivered"
    assert any("[TEST]" in request.json()["title"] for request in web.taken)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("status", "result", "reason", "how"),
    [
        (401, "refused", "HTTP 401 Unauthorized", "failing"),
        (503, "failed", "HTTP 503 Service Unavailable", "fine"),
    ],
)
async def test_what_a_trial_finds_counts_for_the_channel(  # noqa: PLR0917 - fixtures
    asked: Asked, web: WebServer, status: int, result: str, reason: str, how: str
) -> None:
    await until_sent(asked)
    web.otherwise = status

    answer = await asked.client.post("/channels/test", json={"person": "ana", "channel": "hook"})

    (found,) = answer.json()
    assert (found["result"], found["reason"]) == (result, reason)
    hook = (await asked.client.get("/channels")).json()[0]
    assert (hook["state"], hook["failures"], hook["last_error"], hook["tested_at"]) == (how, 1, reason, NOW)


async def test_a_trial_without_an_answer_says_that_it_may_have_arrived(asked: Asked, web: WebServer) -> None:
    await until_sent(asked)
    web.hang = True

    answer = await asked.client.post("/channels/test", json={"person": "ana", "channel": "hook"})

    assert answer.json()[0]["result"] == "no_answer"


@pytest.mark.parametrize(
    ("wish", "status", "said"),
    [
        ({"person": "cy"}, 404, "there is ana, ben"),
        ({"person": "ana", "channel": "fax"}, 404, "there is hook, nobody"),
        ({"person": "ben"}, 404, "ben has no channel"),
        ({"person": "ana", "severity": "urgent"}, 422, "severity"),
        ({}, 422, "person"),
    ],
)
async def test_what_cannot_be_tried_is_said(asked: Asked, wish: dict[str, str], status: int, said: str) -> None:
    answer = await asked.client.post("/channels/test", json=wish)

    assert answer.status_code == status
    assert said in answer.json()["detail"]


async def test_who_tried_a_channel_is_in_the_log(asked: Asked) -> None:
    from structlog.testing import capture_logs

    with capture_logs() as logs:
        await asked.client.post("/channels/test", json={"person": "ana", "channel": "hook"})

    (said,) = [each for each in logs if each["event"] == "channel_tried"]
    assert (said["person"], said["channel"], said["result"]) == ("ana", "hook", "taken")
    assert said["by"]
