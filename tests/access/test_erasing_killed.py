"""Whatever an erasure is about when the monitor is killed, the next start makes it good."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.access import places as places_module
from monitor.access.erasing import Erasing
from monitor.journal.rewriting import Rewriting
from monitor.journal.state import State
from tests.access.erased import ANA, BEN, STORES, fill, left
from tests.clock import ManualClock
from tests.journal.ledgers import opened


def _killed_before(folder: Path, clock: ManualClock, step: int) -> bool:
    """Erase in a process of its own that is killed before the n-th step; answers whether it was."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(work: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **named: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return work(*arguments, **named)

            return wrapped

        for owner, name in (
            (Rewriting, "erase"),
            (Rewriting, "sweep"),
            (State, "transact"),
            (State, "alone"),
            (places_module, "cleanse_copy"),
            (places_module, "cleanse_damaged"),
            (os, "utime"),
            (Path, "replace"),
        ):
            setattr(owner, name, counted(getattr(owner, name)))
        status = 1
        try:
            asyncio.run(_once(folder, clock))
            status = 0
        finally:
            os._exit(status)
    ended = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0
    return os.WIFSIGNALED(ended)


async def _once(folder: Path, clock: ManualClock) -> None:
    async with opened(folder / "ledger.db", clock) as files:
        assert await Erasing(files, now=clock.now)._work_off()


def test_a_kill_at_any_step_is_made_good_by_the_next_start(tmp_path: Path, clock: ManualClock) -> None:
    asyncio.run(fill(tmp_path, clock))

    async def ask() -> None:
        async with opened(tmp_path / "ledger.db", clock) as files:
            await Erasing(files, now=clock.now).ask(ANA, "house", "")

    async def outcome() -> Sequence[dict[str, Any]]:
        async with opened(tmp_path / "ledger.db", clock) as files:
            return [dict(each) for each in await Erasing(files, now=clock.now).all()]

    asyncio.run(ask())
    steps = 1
    while _killed_before(tmp_path, clock, steps):  # each goes on from where the last one was killed
        for name in STORES:
            with closing(sqlite3.connect(tmp_path / name)) as db:
                assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", (steps, name)
        steps += 2
        assert steps < 100

    told = asyncio.run(outcome())
    assert steps > 15
    assert [each["state"] for each in told] == ["done"]
    assert left(tmp_path, ANA) == {}
    assert set(left(tmp_path, BEN)) >= {*STORES, "state.db.copy", "state.db.copy.1", "access.db.copy.1"}
