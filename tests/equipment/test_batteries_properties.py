"""The dates of batteries against the truth, and the memory of them."""

import math
import random
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.equipment.batteries import Batteries, theil_sen
from monitor.model import Reading, Recorded
from tests.equipment.cells import FIRST, heard, noon_of, only, run, said, site_of


def _steps(value: float, step: float) -> float:
    return min(100.0, max(0.0, math.floor(value / step) * step))


def _discharge(*, start: float, per_day: float, days: int, noise: float, step: float, seed: int) -> list[Recorded]:
    """What a sensor says several times a day: noise by temperature, cold days, silent days, quantised."""
    chance = random.Random(seed)
    entries = []
    for day in range(days):
        if chance.random() < 0.1:
            continue
        cold = 12.0 if chance.random() < 0.05 else 0.0
        for hour in (0.0, 0.2, 0.4):
            value = start - per_day * (day + hour) - cold + chance.uniform(-noise, noise)
            entries.append(said(day + hour, battery_pct=_steps(value, step)))
    return entries


@settings(max_examples=25)
@given(
    per_day=st.floats(0.1, 2.0),
    days=st.integers(30, 200),
    noise=st.floats(0, 0.7),
    step=st.sampled_from([0.5, 1.0]),
    replaced=st.booleans(),
    seed=st.integers(0, 1 << 30),
)
def test_the_date_is_within_a_fifth_of_the_truth(
    *, per_day: float, days: int, noise: float, step: float, replaced: bool, seed: int
) -> None:
    assume(10 <= per_day * days <= 80)
    life = _discharge(start=100.0, per_day=per_day, days=days, noise=noise, step=step, seed=seed)
    before = (
        _discharge(start=60.0, per_day=0.5, days=60, noise=noise, step=step, seed=seed + 1) if replaced else []
    )
    begun = 61 if replaced else 0
    entries = before + [
        heard(noon_of(begun) - noon_of(0) + each.entry.time, "leak", dict(each.entry.values))
        for each in life
        if isinstance(each.entry, Reading)
    ]
    part, _ = run(entries)
    truth = 90.0 / per_day - days
    _, empty, used = only(part, begun + days)

    assert empty is not None
    assert used <= days + 1
    found = (empty - FIRST).days - begun - days
    assert abs(found - truth) <= max(0.2 * truth, 2.0 + 2.5 / per_day)


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 200)), min_size=2, max_size=30, unique_by=lambda p: p[0]
    )
)
def test_the_slope_is_the_median_of_all_slopes(points: list[tuple[int, int]]) -> None:
    days = sorted((day, value / 2) for day, value in points)
    slopes = sorted(
        (days[j][1] - days[i][1]) / (days[j][0] - days[i][0])
        for i in range(len(days))
        for j in range(i + 1, len(days))
    )
    half = len(slopes) // 2
    expected = slopes[half] if len(slopes) % 2 else (slopes[half - 1] + slopes[half]) / 2

    assert theil_sen(days)[0] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200), st.booleans()), max_size=80), st.integers(0, 80))
def test_memory_that_is_kept_and_taken_back_gives_the_same(story: list[tuple[int, int, bool]], cut: int) -> None:
    entries, day = [], 0
    for gap, half, low in story:
        day += gap
        entries.append(said(day, battery_pct=half / 2, battery_low=low and half < 30))
    whole = Batteries(site_of())
    parts = Batteries(site_of())
    rows: dict[tuple[str, str], float] = {}
    told: list[Any] = []
    for number, entry in enumerate(entries):
        if number == cut:
            kept = orjson.loads(orjson.dumps(parts.dump_changed()))
            told += parts.news()
            rows |= {(device, on): percent for device, on, percent in parts.rows()}
            parts = Batteries(site_of())
            parts.load(kept.items())
        whole.take(entry)
        parts.take(entry)
    rows |= {(device, on): percent for device, on, percent in parts.rows()}

    assert rows == {(device, on): percent for device, on, percent in whole.rows()}
    assert told + parts.news() == whole.news()
    assert parts.all(FIRST) == whole.all(FIRST)
    assert parts._cells["leak"].dump() == whole._cells["leak"].dump()
    assert parts._cells["leak"].days == whole._cells["leak"].days
