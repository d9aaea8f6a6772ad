"""Puts a story into a world, and reads from that what was true."""

from datetime import datetime, time
from pathlib import Path
from typing import Any

from tests.notify.month.places import POINTS, Month
from tests.notify.month.story import BERLIN, MINUTE, NOBODY, Story, Trouble, moment
from tests.notify.month.world import World

__all__ = ["begin", "truth"]

_LOOKS = 45 * MINUTE
"""So long after it was said Eve acknowledges that nobody had answered."""


def begin(month: Month, story: Story, folder: Path) -> World:
    """Make the world in which the story will happen."""
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
    at, person, starts, ends = (
        moment(datetime.combine(each, time(10), BERLIN)) if not isinstance(each, str) else each
        for each in month.said
    )
    world.stands_in(int(at), "duty", str(person), (int(starts), int(ends)))
    asked = [0]

    def look(world: World, event: Any) -> None:
        if asked[0] <= event.time:
            asked[0] = event.time + _LOOKS
            world.asks(asked[0], "eve", "acknowledge", f"{NOBODY}/facility-monitor")

    world.on_event = look
    return world


def truth(world: World, story: Story) -> dict[str, Trouble]:
    """Occurrence -> what is true of it; the engine has raised what it should, and nothing else."""
    known = {(one.rule, one.device, one.rises): one for one in story.troubles}
    found = {}
    for row in world.rows("SELECT * FROM alarm ORDER BY raised_at"):
        at = row["raised_at"]
        if row["rule"] == NOBODY:
            made = Trouble(NOBODY, row["device"], "", "", at, "high", at, momentary=True)
            made.acknowledged = (row["acknowledged_at"], row["acknowledged_by"])
            found[row["occurrence"]] = made
            continue
        one = found[row["occurrence"]] = known.pop((row["rule"], row["device"], at))
        assert row["cleared_at"] == one.clears
        assert (row["acknowledged_at"] is not None) is one.is_acknowledged(one.clears)
    assert not known
    return found
