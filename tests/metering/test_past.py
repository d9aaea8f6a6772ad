"""Roll-ups of the past: what the ledger tells now is what was told last, and telling it changes nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from monitor.metering.past import past_usage
from monitor.metering.rollup import Meters
from monitor.model import Derived, Value
from monitor.periods import DAY, day_of, month_of
from tests.metering.plants import plant
from tests.sinks.test_usage import HOUR, MIDNIGHT, MINUTE, _said, _site

NOW = MIDNIGHT + 24 * HOUR + 16 * MINUTE


def told_now(path: Path, start: int, end: int) -> Iterator[Derived]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        at, device = start, ""
        while at < end:
            page = past_usage(db, Meters(_site()), now=NOW, start=at, end=end, device=device)
            yield from page.entries
            at, device = page.following, page.device


def newest(entries: list[Derived]) -> dict[tuple[str, str, int], dict[str, Value]]:
    return {(each.measurement, each.device, each.time): dict(each.values) for each in entries}


async def test_it_is_what_was_told_last(tmp_path: Path) -> None:
    async with plant(tmp_path, _site()) as made:
        await made.keep(*_said(MIDNIGHT, NOW))
        await made.settle()
        kept = [each.entry for each in await made.entries()]
        told = [each for each in kept if isinstance(each, Derived) and each.measurement.startswith("usage_")]
        month = month_of(MIDNIGHT, _site().timezone)
        (before,) = (
            sqlite3.connect(tmp_path / "ledger.db").execute("SELECT group_concat(body) FROM day").fetchone()
        )
        now = list(told_now(tmp_path / "ledger.db", month.start, day_of(NOW, _site().timezone).end))
        (after,) = sqlite3.connect(tmp_path / "ledger.db").execute("SELECT group_concat(body) FROM day").fetchone()

    last, again = newest(told), newest(now)
    assert len(now) == len(again), "each once"
    assert set(again) == set(last)
    ended = {key for key in last if key[2] + (HOUR if key[0] == "usage_hourly" else DAY) <= MIDNIGHT + DAY}
    assert {key: again[key] for key in ended if key[0] != "usage_monthly"} == {
        key: last[key] for key in ended if key[0] != "usage_monthly"
    }
    assert len(ended) > 24 * 4
    assert after == before


async def test_a_span_holds_what_begins_in_it(tmp_path: Path) -> None:
    async with plant(tmp_path, _site()) as made:
        await made.keep(*_said(MIDNIGHT, NOW))
        await made.settle()
        found = list(told_now(tmp_path / "ledger.db", MIDNIGHT + 5 * HOUR, MIDNIGHT + 7 * HOUR))

    assert {(each.measurement, (each.time - MIDNIGHT) // HOUR) for each in found} == {
        ("usage_hourly", 5),
        ("usage_hourly", 6),
    }
    assert {each.device for each in found} == {"main", "shop", "rest", "gas"}
