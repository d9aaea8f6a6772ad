"""The doors die twenty times, also between what they keep and tell: in the end it is as if they had not."""

import asyncio
import json
import multiprocessing
import random
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from monitor.model import Event
from tests.access.dying import MOMENTS, finish, live
from tests.end_to_end.daemon import until

KILLS: Final = 20
LONGEST: Final = 0.15
"""Seconds that a life lasts which is ended from outside."""


@pytest.mark.fault(
    "SIGKILL",
    part="rules and alarms",
    outcome="Killed at any instant, also between the state's transaction and the journal: what doors tell, each"
    " passage and the figures of each day are those of an undisturbed run.",
)
def test_twenty_kills_leave_what_doors_tell_and_count_as_an_undisturbed_run_does(tmp_path: Path) -> None:
    seed = random.randrange(10_000)
    dice = random.Random(seed)
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    killed.mkdir()
    undisturbed.mkdir()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.access.dying"])
    for number in range(KILLS):
        moment = MOMENTS[number // 2 % len(MOMENTS)] if number % 2 else ""
        (killed / "alive").unlink(missing_ok=True)
        child = processes.Process(target=live, args=(killed, dice.randrange(10_000), moment))
        child.start()
        until((killed / "alive").exists, "it lives")
        if moment:
            child.join(2 * LONGEST)  # where it has nothing more to do it does not die by itself
        else:
            time.sleep(dice.uniform(0.0, LONGEST))
        child.kill()
        child.join(60)
        assert child.exitcode == -9, seed

    one, two = asyncio.run(finish(killed)), asyncio.run(finish(undisturbed))

    assert one[0] == two[0], seed
    assert {key: json.loads(body) for key, body in one[1].items()} == {
        key: json.loads(body) for key, body in two[1].items()
    }, seed
    kinds = Counter(entry.kind for entry in two[0] if isinstance(entry, Event))
    assert min(kinds[kind] for kind in ("opened", "closed", "forced", "held", "unlocked", "locked", "passage"))
