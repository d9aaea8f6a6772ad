"""A month of 400 alarms: every notification is explained, and none goes to the wrong person."""

from datetime import datetime
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.notify.month import checks
from tests.notify.month.checks import Told
from tests.notify.month.oracle import Oracle
from tests.notify.month.places import DECEMBER, MARCH, POINTS, Month
from tests.notify.month.story import BERLIN, DAY, MINUTE, NOBODY, Story, Trouble, moment, write
from tests.notify.month.world import World

LOOKS = 45 * MINUTE
"""After this Eve acknowledges that nobody had answered."""


def begin(month: Month, story: Story, folder: Path) -> World:
    """Let the story happen in a world."""
    world = World(month.load(folder), folder, story.begins, story.answer)
    for one in story.troubles:
        _, point, usual, values = POINTS[one.device_class]
        key = f"{one.rule}/{one.device}/{point}"
        world.reads(one.rises, one.device, point, values[one.severity])
        world.reads(one.clears, one.device, point, usual)
        if one.worse is not None:
            world.reads(one.worse[0], one.device, point, values[one.worse[1]])
        if one.acknowledged is not None:
            world.asks(*one.acknowledged, "acknowledge", key)
        if one.shelved is not None:
            world.asks(one.shelved[0], "ana", "shelve", key, for_s=(one.shelved[1] - one.shelved[0]) / 1000)
    at, person, starts, ends = month.said
    ten = clock_time(10, tzinfo=BERLIN)
    span = (moment(datetime.combine(starts, ten)), moment(datetime.combine(ends, ten)))
    world.stands_in(moment(datetime.combine(at, ten)), "duty", person, span)
    asked = [0]

    def look(world: World, event: Any) -> None:
        if asked[0] <= event.time:
            asked[0] = event.time + LOOKS
            world.asks(asked[0], "eve", "acknowledge", f"{NOBODY}/facility-monitor")

    world.on_event = look
    return world


def truth(world: World, story: Story) -> dict[str, Trouble]:
    """Occurrence -> what is true of it; the engine has raised what it should, and nothing else."""
    known = {(one.rule, one.device, one.rises): one for one in story.troubles}
    found = {}
    for row in world.rows("SELECT * FROM alarm ORDER BY raised_at"):
        key = (row["rule"], row["device"], row["raised_at"])
        if row["rule"] == NOBODY:
            made = Trouble(
                NOBODY, row["device"], "", "", row["raised_at"], "high", row["raised_at"], momentary=True
            )
            made.acknowledged = (row["acknowledged_at"], row["acknowledged_by"])
            found[row["occurrence"]] = made
        else:
            one = found[row["occurrence"]] = known.pop(key)
            assert row["cleared_at"] == one.clears
            assert (row["acknowledged_at"] is not None) is one.is_acknowledged(one.clears)
    assert not known
    return found


@pytest.mark.parametrize("month", [DECEMBER, MARCH], ids=["december", "march"])
async def test_every_notification_of_a_month_is_explained(month: Month, tmp_path: Path) -> None:
    story = write(month, int(__import__("os").environ.get("SEED", "1")))
    world = begin(month, story, tmp_path)

    with capture_logs():
        await world.run(story.ends + 4 * DAY)

    told = Told(world, story, Oracle(month, story), truth(world, story))
    bad = 0
    for name in dir(checks):
        if name.startswith("check_") and name != "check_all":
            try:
                getattr(checks, name)(told)
            except AssertionError as e:
                bad += 1
                print("=====", name)
                print(str(e)[:3500].replace("\\n", "\n"))
    assert not bad
