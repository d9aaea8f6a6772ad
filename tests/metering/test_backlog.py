"""Readings that come long after their time, in whatever order: the past is as it would be without the delay."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.periods import QUARTER
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import plant, reading

NOON = ms("2026-11-27 12:00")
HOUR = 4 * QUARTER
END = NOON + 8 * HOUR
POINT = "energy_import_kwh"


def register(time: int) -> float:
    """A load that is never the same for long."""
    hours = (time - NOON) / HOUR
    return 100.0 + 4.0 * hours + 2.0 * math.sin(7.0 * hours) / 7.0


@pytest.mark.parametrize("order", ["forwards", "backwards", "anyhow"])
@pytest.mark.parametrize("minutes", [1, 15])
async def test_a_backlog_in_parts_fills_every_quarter_of_an_hour_with_what_was_used_in_it(
    tmp_path: Path, order: str, minutes: int
) -> None:
    said = [reading("main", time, {POINT: register(time)}) for time in range(NOON, END + 1, minutes * 60_000)]
    begin, end = len(said) // 4, 3 * len(said) // 4
    late = [replace(each, late=True, arrived=END + 60_000) for each in said[begin:end]]
    if order == "backwards":
        late.reverse()
    elif order == "anyhow":
        random.Random(1).shuffle(late)
    async with plant(tmp_path, site_of(meter("main", every=minutes * 60.0))) as made:
        await made.keep(*said[:begin], *said[end:])
        await made.settle()
        for place in range(0, len(late), 7):  # the last part holds less than is missing in a gap
            await made.keep(*late[place : place + 7])
            await made.settle()
        rows = await made.book.consumption(["main"], NOON, END, per="quarter")
        told = {entry.time: entry.values for entry in await made.derived("main", "usage_hourly")}

    for row in rows:
        assert row.amount == pytest.approx(register(row.end) - register(row.start), abs=1e-6)
    for hour in range(NOON, END, HOUR):
        assert told[hour]["amount"] == pytest.approx(register(hour + HOUR) - register(hour), abs=1e-6)
