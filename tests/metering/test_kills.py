"""Metering dies thirty times, also between what it keeps and what it tells: in the end it is as if it had not."""

from pathlib import Path
from typing import Final

import pytest

from tests.dying import killed_and_undisturbed
from tests.metering.dying import finish, live, lives
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
    one, two, seed = killed_and_undisturbed(live, finish, tmp_path, kills=KILLS, longest=LONGEST)

    for part, found in two.items():
        assert one[part] == (pytest.approx(found, abs=1e-6) if part == "sums" else found), (seed, part)
    for life in lives():
        lost = life.unknown / 10 + 1e-6
        assert life.used / 10 - lost <= one["sums"][life.device, POINT] <= life.used / 10 + 1e-6
    assert {"gap", "replaced", "reset", "rollover"} == {step[6] for step in one["steps"]}
