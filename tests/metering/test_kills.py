"""Metering dies thirty times, also between what it keeps and what it tells: in the end it is as if it had not."""

import asyncio
import multiprocessing
import random
import time
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.daemon import until
from tests.metering.dying import MOMENTS, finish, live, lives
from tests.metering.lives import POINT

KILLS: Final = 30
LONGEST: Final = 0.3
"""Seconds that a life lasts which is ended from outside."""


@pytest.mark.fault(
    "SIGKILL",
    part="ledger",
    outcome="Killed at any instant, also between the ledger's transaction and the journal, while a replacement is"
    " booked or late values fill a gap: sums, steps, events and entries are those of an undisturbed run.",
)
def test_thirty_kills_leave_the_ledger_and_what_is_told_as_an_undisturbed_run_does(tmp_path: Path) -> None:
    seed = random.randrange(10_000)
    dice = random.Random(seed)
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    killed.mkdir()
    undisturbed.mkdir()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.metering.dying"])
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

    for part, found in two.items():
        assert one[part] == (pytest.approx(found, abs=1e-6) if part == "sums" else found), (seed, part)
    for life in lives():
        lost = life.unknown / 10 + 1e-6
        assert life.used / 10 - lost <= one["sums"][life.device, POINT] <= life.used / 10 + 1e-6
    assert {"gap", "replaced", "reset", "rollover"} == {step[6] for step in one["steps"]}
