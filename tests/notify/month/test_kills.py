"""The program is killed again and again in the month: the same is told, twice only where nobody could know."""

import random
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.notify.month.places import DECEMBER
from tests.notify.month.staging import begin
from tests.notify.month.story import DAY, HOUR, Story, write
from tests.notify.month.world import World


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    killed.mkdir()
    return calm, killed


async def play(story: Story, folder: Path, kills: list[int]) -> World:
    world = begin(DECEMBER, story, folder)
    world.kills = sorted(kills, reverse=True)
    with capture_logs():
        await world.run(story.ends + 4 * DAY)
    assert not world.kills
    return world


def told(world: World) -> Counter[tuple[tuple[str, str], str]]:
    """How many times each notification has arrived over each channel."""
    found: Counter[tuple[tuple[str, str], str]] = Counter()
    carried = {
        row["id"]: [
            each for each in world.rows() if each["carried_by"] == row["id"] and each["state"] == "superseded"
        ]
        for row in world.rows("SELECT DISTINCT carried_by AS id FROM outbox WHERE carried_by IS NOT NULL")
    }
    for one in world.deliveries:
        if one.arrived:
            found.update((one.lane, row["notification_id"]) for row in one.rows)
        if one.how == "sent":
            besides = [each for row in one.rows for each in carried.get(row["id"], ())]
            found.update((one.lane, row["notification_id"]) for row in besides)
    return found


async def test_a_month_with_kills_tells_the_same(folders: tuple[Path, Path]) -> None:
    story = write(DECEMBER, 5, 60)
    story = Story(story.begins, story.ends, story.troubles)
    chance = random.Random(5)
    kills = [chance.randrange(story.begins + HOUR, story.ends - 4 * DAY) for _ in range(25)]

    calm = await play(story, folders[0], [])
    killed = await play(story, folders[1], kills)

    unsure = Counter(
        ((row["person"], row["channel"]), row["notification_id"])
        for row in killed.rows()
        for number in killed.unknown
        if row["id"] == number
    )
    expected, found = told(calm), told(killed)
    for lane, name in set(found) ^ set(expected):
        # A beginning that may have arrived is not sent again after the end, which is told alone, with both times.
        assert (lane, name) in unsure
        assert any(each == lane and other.startswith(f"{name.partition(':')[0]}:clear") for each, other in found)
    assert not found - (expected + unsure)
    assert max(expected.values()) == 1
    assert sum(found.values()) > sum(expected.values())
