"""Whatever is told, lost and sent again in whatever order, each InfluxDB ends as one that never lost anything."""

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Entry
from monitor.site import InfluxSettings, SinkFilter
from tests.servers.influxdb import InfluxServer
from tests.sinks.pasts import HOUR, MINUTE, House, lose, usage, within
from tests.sinks.site import NOW, event, reading, step
from tests.sinks.test_catching_up import contents
from tests.sinks.test_runner import append

Make = Callable[..., InfluxSettings]

FIRST, UNTIL = NOW - HOUR, NOW + HOUR
MEASUREMENTS = {"usage_hourly", "usage_daily", "alarms"}


class Told:
    """What comes next: usage that is told again, alarms that begin and end, cards, late readings."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0
        self.lasting: list[str] = []

    def some(self) -> list[Entry]:
        return [self.one() for _ in range(self.chance.randrange(1, 30))]

    def one(self) -> Entry:
        chance, self.number = self.chance, self.number + 1
        at, kind = NOW + chance.randrange(20) * MINUTE, chance.randrange(6)
        if kind == 0:
            self.lasting.append(f"o-{self.number}")
            return step("raised", 1, at, occurrence=self.lasting[-1])
        if kind == 1 and self.lasting:
            over = self.lasting.pop(chance.randrange(len(self.lasting)))
            return step("cleared", 2, at + 20 * MINUTE, occurrence=over, condition="clear")
        if kind == 2:
            return event("card", at, result="denied", number=self.number)
        if kind == 3:
            return reading("e-main", at, power_w=float(self.number))
        measurement = chance.choice(("usage_hourly", "usage_daily"))
        more: dict[str, Any] = {"demand_max_w": float(self.number)} if chance.random() < 0.3 else {}
        return usage(measurement, float(self.number), version=str(self.number), **more)


def named(server: InfluxServer, database: str) -> dict[str, list[dict[str, Any]]]:
    found = {name.removeprefix(database): rows for name, rows in contents(server, database).items()}
    return within(found, FIRST, UNTIL)


@pytest.mark.parametrize("seed", range(3))
async def test_each_ends_as_one_that_never_lost_anything(  # noqa: PLR0917 - fixtures
    journal: SqliteJournal,
    state: State,
    settings: Make,
    tmp_path: Path,
    server: InfluxServer,
    database: str,
    seed: int,
):
    told, houses = Told(seed), dict[str, House]()
    filters = {
        "whole": SinkFilter(),
        "lost": SinkFilter(),
        "few": SinkFilter(kinds=frozenset({"usage", "alarms"})),
    }
    async with AsyncExitStack() as stack:
        for name, chosen in filters.items():
            bucket = f"{database}-{name}"
            server.create(bucket, f"{bucket}-access")
            stack.callback(server.drop, bucket, f"{bucket}-access")
            given = settings(id=name, bucket=bucket, access_bucket=f"{bucket}-access", filter=chosen)
            houses[name] = House(journal, state, given, tmp_path)
            await stack.enter_async_context(houses[name].running())
        for number in range(4):
            await append(journal, *told.some())
            for name in ("lost", "few"):
                if number == 3 or told.chance.random() < 0.5:
                    lose(server, f"{database}-{name}")
                    await houses[name].backfill.start(FIRST, UNTIL, by="ana")
            for _ in range(3):
                await append(journal, *told.some())
            for name in ("lost", "few"):
                if houses[name].backfill.status()["backfill"]:
                    await houses[name].ends()
        for house in houses.values():
            await house.is_written()
        found = {name: named(server, f"{database}-{name}") for name in houses}

    assert found["lost"] == found["whole"]
    kept = {name: rows for name, rows in found["whole"].items() if name.removeprefix("/") in MEASUREMENTS}
    assert found["few"] == kept
    assert len(kept) == 3
