"""The doors die twenty times, also between what they keep and tell: in the end it is as if they had not."""

import json
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from monitor.model import Event
from tests.access.dying import finish, live
from tests.dying import killed_and_undisturbed

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
    one, two, seed = killed_and_undisturbed(live, finish, tmp_path, kills=KILLS, longest=LONGEST)

    assert one[0] == two[0], seed
    assert {key: json.loads(body) for key, body in one[1].items()} == {
        key: json.loads(body) for key, body in two[1].items()
    }, seed
    kinds = Counter(entry.kind for entry in two[0] if isinstance(entry, Event))
    assert min(kinds[kind] for kind in ("opened", "closed", "forced", "held", "unlocked", "locked", "passage"))
