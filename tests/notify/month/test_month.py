"""A month of 400 alarms: every notification is explained, and none goes to the wrong person.

Other months: `SEEDS=2,3,4 pytest tests/notify/month/test_month.py`.
"""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.notify.month.checks import check_all
from tests.notify.month.oracle import Oracle
from tests.notify.month.places import DECEMBER, MARCH, Month
from tests.notify.month.staging import begin, truth
from tests.notify.month.story import DAY, write
from tests.notify.month.told import Told

SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "1").split(",")]


MONTHS = [
    pytest.param(month, seed, id=f"{name}-{seed}")
    for seed in SEEDS
    for name, month in (("december", DECEMBER), ("march", MARCH))
]


@pytest.mark.parametrize(("month", "seed"), MONTHS)
async def test_every_notification_of_a_month_is_explained(month: Month, seed: int, tmp_path: Path) -> None:
    story = write(month, seed)
    world = begin(month, story, tmp_path)

    with capture_logs() as logs:
        await world.run(story.ends + 4 * DAY)

    assert len(story.troubles) == 400
    assert "notification_defect" not in {entry["event"] for entry in logs}
    check_all(Told(world, story, Oracle(month, story), truth(world, story)))
