"""A process that mails reports and is killed at random instants: each period is queued once and arrives."""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from monitor.journal.state import State
from tests.clock import ManualClock
from tests.reports.mailer import mail, site
from tests.servers.smtp import MailServer

DAY = 86_400_000
LIVES = 8
DAYS_A_LIFE = 4


def address(server: MailServer, name: str) -> str:
    return f"mailto://127.0.0.1:{server.port}/?from=monitor@example.org&to={name}@example.org"


@pytest.mark.fault(
    "SIGKILL",
    part="reports",
    outcome="Each period is queued once and arrives; one that was on its way comes twice, and says so.",
)
async def test_each_period_is_queued_once_and_arrives_whenever_the_process_is_killed(
    tmp_path: Path, clock: ManualClock
) -> None:
    dice = random.Random(7)
    path = tmp_path / "state.db"
    with MailServer() as server:
        addresses = address(server, "ana"), address(server, "ben")
        state = State.open(path)
        await mail(state, site(*addresses), clock.now(), begin=True)
        await state.close()
        for _ in range(LIVES):
            clock.advance(DAYS_A_LIFE * DAY)
            await _live_and_be_killed(path, addresses, clock.now(), dice.uniform(0, 0.25))
        state = State.open(path)
        async with asyncio.timeout(60):
            await mail(state, site(*addresses), clock.now())
        rows = await state.query("SELECT occurrence, person, state, maybe_delivered FROM outbox")
        await state.close()

    days = LIVES * DAYS_A_LIFE
    assert len(rows) == 2 * days
    assert {row["state"] for row in rows} == {"sent"}
    assert len({row["occurrence"] for row in rows}) == days
    often = Counter((str(one["To"]).partition("@")[0], str(one["Subject"]).split()[0]) for one in server.messages)
    wanted = {(row["person"], row["occurrence"].rpartition(":")[2]) for row in rows}
    assert set(often) == wanted
    maybe = {(r["person"], r["occurrence"].rpartition(":")[2]) for r in rows if r["maybe_delivered"]}
    assert {one for one, n in often.items() if n > 1} <= maybe
    assert max(often.values()) <= 1 + LIVES
    assert {str(one["Subject"]).split()[1] for one in server.messages if "ben" in one["To"]} == {"zh"}


async def _live_and_be_killed(path: Path, addresses: tuple[str, str], now: int, after: float) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.reports.mailer",
        str(path),
        *addresses,
        str(now),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(after)
        if process.returncode is None:
            process.kill()
        await process.wait()
