"""What is told of an hour and a day beside its amount: the calendar, a week before, and what meters below used."""

import asyncio
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import fsum
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.metering import commands
from monitor.metering.rollup import Meters
from monitor.model import Command, Reading
from monitor.periods import HOUR, QUARTER
from monitor.site import Device, Site, Virtual
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import Plant, plant, reading

BERLIN: Final = "Europe/Berlin"
POINT: Final = "energy_import_kwh"
DAY: Final = 24 * HOUR
NOON: Final = ms("2026-11-11 12:00", BERLIN)
"""A Wednesday."""


def every(device: str, start: int, end: int, per_hour: float, *, point: str = POINT) -> list[Reading]:
    """A meter that counts evenly, read each quarter of an hour."""
    return [
        reading(device, at, {point: 1000 + per_hour * (at - start) / HOUR})
        for at in range(start, end + 1, QUARTER)
    ]


def quarterly(ident: str, **keys: Any) -> Device:
    return meter(ident, every=900.0, **keys)


async def told(made: Plant, device: str, per: str) -> dict[int, Mapping[str, Any]]:
    """What was told last of each period of a meter."""
    return {each.time: each.values for each in await made.derived(device, f"usage_{per}")}


def corrected(device: str, start: int, end: int, amount: float) -> Command:
    return Command(
        id=f"c-{start}",
        time=end + HOUR,
        by="ana",
        kind=commands.CORRECT,
        target=device,
        arguments={"point": POINT, "from": start, "to": end, "amount": amount},
        reason="hose",
    )


async def kept(folder: Path, site: Site, *said: Reading | Command) -> tuple[dict[int, Any], dict[int, Any]]:
    """The hours and days of the meter `main` after all this, in the order of time."""
    end = max(each.time for each in said) + HOUR
    async with plant(folder, site, lambda: end) as made:
        await made.keep(*sorted(said, key=lambda each: each.time))
        await made.settle()
        return await told(made, "main", "hourly"), await told(made, "main", "daily")


# The calendar --------------------------------------------------------------------------------------------


async def test_the_hour_that_autumn_shows_twice_is_told_twice_with_the_same_hour(tmp_path: Path) -> None:
    start = ms("2026-10-18", BERLIN)
    said = every("main", start, ms("2026-11-02 00:00", BERLIN), 4.0)
    hours, days = await kept(tmp_path, site_of(quarterly("main")), *said)

    sunday = ms("2026-10-25", BERLIN)
    shown = [hours[at]["hour"] for at in range(sunday, sunday + 25 * HOUR, HOUR)]
    assert shown == [0, 1, 2, 2, *range(3, 24)]
    assert {hours[at]["weekday"] for at in range(sunday, sunday + 25 * HOUR, HOUR)} == {7}
    assert [values["weekday"] for values in days.values()][:15] == [7, *range(1, 8), *range(1, 8)]
    assert all(type(values["hour"]) is int and type(values["weekday"]) is int for values in hours.values())
    assert "hour" not in days[sunday]
    before = [hours[at].get("week_before") for at in range(sunday, sunday + 25 * HOUR, HOUR)]
    assert before == [pytest.approx(4.0)] * 25, "both of the two are compared with the one of the week before"
    assert days[sunday]["week_before"] == pytest.approx(96)
    assert days[sunday + 25 * HOUR + 6 * DAY]["week_before"] == pytest.approx(100), "that day had 25 hours"


async def test_the_hour_that_spring_leaves_out_is_compared_with_nothing(tmp_path: Path) -> None:
    said = every("main", ms("2026-03-22", BERLIN), ms("2026-04-06", BERLIN), 4.0)
    hours, days = await kept(tmp_path, site_of(quarterly("main")), *said)

    sunday, after = ms("2026-03-29", BERLIN), ms("2026-04-05", BERLIN)
    assert [hours[at]["hour"] for at in range(sunday, sunday + 23 * HOUR, HOUR)] == [0, 1, *range(3, 24)]
    assert [hours[at]["week_before"] for at in range(sunday, sunday + 23 * HOUR, HOUR)] == [pytest.approx(4)] * 23
    lacking = [values["hour"] for at, values in hours.items() if at >= after and "week_before" not in values]
    assert lacking == [2]
    assert days[sunday]["week_before"] == pytest.approx(96)
    assert days[after]["week_before"] == pytest.approx(92)


# A week before -------------------------------------------------------------------------------------------


async def test_a_week_before_is_left_out_where_not_all_of_it_is_known(tmp_path: Path) -> None:
    begin = NOON + 2 * QUARTER
    hours, days = await kept(tmp_path, site_of(quarterly("main")), *every("main", begin, begin + 9 * DAY, 4.0))

    assert "week_before" not in hours[NOON + 7 * DAY], "of that hour a half is known"
    assert hours[NOON + HOUR + 7 * DAY]["week_before"] == pytest.approx(4)
    midnight = ms("2026-11-18", BERLIN)
    assert "week_before" not in days[midnight]
    assert days[midnight + DAY]["week_before"] == pytest.approx(96)


async def test_a_correction_is_told_again_where_a_week_later_is_compared_with_it(tmp_path: Path) -> None:
    rest = replace(quarterly("rest"), connection="", scan={}, virtual=Virtual(sum=("main",)))
    async with plant(tmp_path, site_of(quarterly("main"), rest), lambda: NOON + 8 * DAY + 3 * HOUR) as made:
        await made.keep(*every("main", NOON, NOON + 8 * DAY + 2 * HOUR, 4.0))
        await made.settle()
        before = len(await made.derived())
        await made.keep(corrected("main", NOON + DAY, NOON + DAY + HOUR, 10.0))
        await made.settle()
        again = (await made.derived())[before:]

    later = ms("2026-11-19", BERLIN)
    for ident in ("main", "rest"):
        own = {(each.measurement, each.time): each.values for each in again if each.device == ident}
        assert sorted(own) == [
            ("usage_daily", later - 7 * DAY),
            ("usage_daily", later),
            ("usage_hourly", NOON + DAY),
            ("usage_hourly", NOON + 8 * DAY),
            ("usage_monthly", ms("2026-11-01", BERLIN)),
        ]
        assert own["usage_hourly", NOON + 8 * DAY]["week_before"] == pytest.approx(10)
        assert own["usage_daily", later]["week_before"] == pytest.approx(102)


# Below ---------------------------------------------------------------------------------------------------


def two_buildings() -> Site:
    """A main meter of the site, one of building A with two below it, and building B without one."""
    return site_of(
        quarterly("main", role="main"),
        quarterly("main-a", role="main", building="A"),
        quarterly("a1", role="sub", building="A"),
        quarterly("a2", role="sub", building="A"),
        quarterly("b1", role="sub", building="B"),
        quarterly("gas", device_class="gas", role="main"),
        quarterly("alone", role="", building="B"),
    )


RATES: Final = {"main": 20.0, "main-a": 9.0, "a1": 4.0, "a2": 3.0, "b1": 5.0, "alone": 1.0}


def test_below_a_main_meter_are_the_mains_of_buildings_else_their_meters() -> None:
    known = Meters(two_buildings())

    assert {ident: [one.id for one in group.subs] for ident, group in known.groups.items()} == {
        "main": ["main-a", "b1"],
        "main-a": ["a1", "a2"],
    }
    assert known.above("main-a") == ["main", "main-a"]
    assert known.above("b1") == ["main"]
    assert known.above("alone") == ()


def test_meters_that_count_something_else_are_not_below() -> None:
    heat = quarterly("heat", device_class="heat", role="main")
    water = replace(quarterly("w", device_class="water"), device_class="heat", role="sub")

    assert Meters(site_of(heat, water)).groups == {}


async def test_what_the_meters_below_counted_stands_in_the_rows_of_the_main_meter(tmp_path: Path) -> None:
    begin, end = ms("2026-11-01", BERLIN), ms("2026-11-03 00:15", BERLIN)
    async with plant(tmp_path, two_buildings(), lambda: end) as made:
        await made.keep(*(each for ident, rate in RATES.items() for each in every(ident, begin, end, rate)))
        await made.settle()
        rows = {(ident, per): await told(made, ident, per) for ident in RATES for per in ("hourly", "daily")}

    for ident, below in (("main", 14.0), ("main-a", 7.0)):
        hours = list(rows[ident, "hourly"].values())
        assert [each["below"] for each in hours[:-1]] == [pytest.approx(below)] * 48
        assert {each["partial_i"] for each in hours[:-1]} == {0}
        assert "below" not in hours[-1], "that hour still runs"
        assert rows[ident, "daily"][begin]["below"] == pytest.approx(24 * below)
    others = [each for (ident, _), found in rows.items() if "main" not in ident for each in found.values()]
    assert others
    assert not any("below" in each for each in others)


async def test_of_a_month_it_is_told_once_all_of_it_is_known(tmp_path: Path) -> None:
    """Of meters that are read once a day, whose hours are not told at all."""
    site = site_of(meter("main", every=86400.0, role="main"), meter("sub", every=86400.0, role="sub"))
    begin, end = ms("2026-10-31", BERLIN), ms("2026-12-01", BERLIN)
    said = [reading(ident, at, {POINT: rate * (at - begin) / DAY}) for ident, rate in (("main", 9), ("sub", 4))
            for at in range(begin, end + 1, DAY)]  # fmt: skip
    async with plant(tmp_path, site, lambda: end + HOUR) as made:
        await made.keep(*said)
        await made.settle()
        months, hours = await told(made, "main", "monthly"), await told(made, "main", "hourly")

    assert hours == {}
    assert months[ms("2026-11-01", BERLIN)]["below"] == pytest.approx(120)
    assert "below" not in months[ms("2026-10-01", BERLIN)], "a day of it is known"


async def test_of_several_main_meters_the_first_has_what_is_below(tmp_path: Path) -> None:
    site = site_of(quarterly("main", role="main"), quarterly("second", role="main"), quarterly("sub", role="sub"))
    said = [each for ident in ("main", "second", "sub") for each in every(ident, NOON, NOON + 2 * HOUR, 4.0)]
    async with plant(tmp_path, site, lambda: NOON + 3 * HOUR) as made:
        await made.keep(*[each for each in said if each.device != "second"])
        await made.settle()
        early = await told(made, "main", "hourly")
        await made.keep(*[each for each in said if each.device == "second"])
        await made.settle()
        first, second = await told(made, "main", "hourly"), await told(made, "second", "hourly")

    assert not any("below" in values for values in early.values()), (
        "the second is not known: amounts would lack it"
    )
    assert [(first[at]["below"], second[at]["below"]) for at in (NOON, NOON + HOUR)] == [(pytest.approx(4), 0)] * 2


async def test_below_is_told_when_the_last_meter_is_known_and_again_when_it_changes(tmp_path: Path) -> None:
    site = site_of(quarterly("main", role="main"), quarterly("a", role="sub"), quarterly("b", role="sub"))
    async with plant(tmp_path, site, lambda: NOON + DAY) as made:
        await made.keep(*every("main", NOON, NOON + 3 * HOUR, 9.0), *every("a", NOON, NOON + 3 * HOUR, 4.0))
        await made.settle()
        early = await told(made, "main", "hourly")
        before = len(await made.derived("main"))
        await made.keep(*every("b", NOON, NOON + 2 * HOUR + 2 * QUARTER, 3.0))
        await made.settle()
        late = await told(made, "main", "hourly")
        count = len(await made.derived("main"))
        await made.keep(corrected("b", NOON, NOON + HOUR, 5.0))
        await made.settle()
        last = await told(made, "main", "hourly")
        again = (await made.derived("main"))[count:]

    assert not any("below" in values for values in early.values())
    assert [late[NOON + each * HOUR].get("below") for each in range(3)] == [pytest.approx(7)] * 2 + [None]
    assert count - before == 2, "only what can be told, and only once"
    assert [last[NOON + each * HOUR].get("below") for each in range(3)] == [
        pytest.approx(9),
        pytest.approx(7),
        None,
    ]
    assert [(each.measurement, each.time) for each in again] == [("usage_hourly", NOON)]


# Both, whatever happens ----------------------------------------------------------------------------------


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seeds=st.tuples(*(st.randoms(use_true_random=False) for _ in range(3))),
    zone=st.sampled_from([BERLIN, "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]),
    begin=st.sampled_from(["2026-10-21 07:15", "2026-03-24 11:00", "2026-03-29 00:00", "2026-10-03 03:45"]),
    pieces=st.integers(1, 4),
    fixes=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9 * 96 - 9), st.integers(0, 50)), max_size=3),
)
def test_a_week_before_and_below_are_sums_of_what_was_counted(
    seeds: Sequence[Any], zone: str, begin: str, pieces: int, fixes: Sequence[tuple[int, int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_check(Path(name), seeds, zone, ms(begin, zone) // QUARTER * QUARTER, pieces, fixes))


async def _check(  # noqa: PLR0917 - a life
    folder: Path, seeds: Sequence[Any], zone: str, begin: int, pieces: int, fixes: Sequence[tuple[int, int, int]]
) -> None:
    meters = ("main", "a", "b")
    count = 9 * 96
    used = {ident: [seed.randint(0, 9) for _ in range(count)] for ident, seed in zip(meters, seeds, strict=True)}
    said = []
    for ident in meters:
        total = 1000
        for place in range(count + 1):
            said.append(reading(ident, begin + place * QUARTER, {POINT: float(total)}))
            total += used[ident][place] if place < count else 0
    said.sort(key=lambda each: (each.time, each.device))
    words = []
    for number, (which, place, amount) in enumerate(fixes):
        ident = meters[which]
        before = sum(used[ident][place : place + 8])
        share = [amount * each / before if before else amount / 8 for each in used[ident][place : place + 8]]
        used[ident][place : place + 8] = share
        word = corrected(ident, begin + place * QUARTER, begin + (place + 8) * QUARTER, float(amount))
        words.append(replace(word, id=f"c{number}"))
    site = site_of(
        quarterly("main", role="main"), quarterly("a", role="sub"), quarterly("b", role="sub"), zone=zone
    )
    end = begin + 10 * DAY
    cuts = [round(each * len(said) / pieces) for each in range(pieces + 1)]
    async with plant(folder, site, lambda: end) as made:
        for first, last in itertools.pairwise(cuts):
            await made.keep(*said[first:last])
            await made.settle()
        await made.keep(*words)
        await made.settle()
        hours, days = await told(made, "main", "hourly"), await told(made, "main", "daily")
    _compare(site, begin, used, hours, days)


def _compare(site: Site, begin: int, used: Mapping[str, Sequence[float]], hours: Any, days: Any) -> None:
    """Sum quarters by what the clock on the wall showed at each, without any other reckoning."""
    walls = [
        datetime.fromtimestamp((begin + place * QUARTER) / 1000, site.timezone).replace(tzinfo=None)
        for place in range(len(used["main"]))
    ]
    by_day: dict[str, dict[Any, list[float]]] = {ident: defaultdict(list) for ident in used}
    for ident, amounts_of in used.items():
        for wall, amount in zip(walls, amounts_of, strict=True):
            by_day[ident][wall.date()].append(amount)
    whole = {day for day in by_day["main"] if walls[0].date() < day < walls[-1].date()}
    for day in whole:
        at = ms(day.isoformat(), str(site.timezone))
        assert days[at]["below"] == pytest.approx(fsum(by_day["a"][day]) + fsum(by_day["b"][day]), abs=1e-6)
        earlier = day - timedelta(days=7)
        if earlier in whole:
            assert days[at]["week_before"] == pytest.approx(fsum(by_day["main"][earlier]), abs=1e-6)
        elif earlier < walls[0].date():
            assert "week_before" not in days[at]
    first = {}
    for place, wall in enumerate(walls):
        first.setdefault(wall, place)  # of the hour that is shown twice, the first
    for at, values in hours.items():
        place = (at - begin) // QUARTER
        if place < 0 or values["partial_i"]:
            continue
        following = [other for other in hours if other > at]
        length = min(4, (min(following) - at) // QUARTER) if following else 4
        span = slice(place, place + length)
        assert values["amount"] == pytest.approx(fsum(used["main"][span]), abs=1e-6)
        assert values["below"] == pytest.approx(fsum(used["a"][span]) + fsum(used["b"][span]), abs=1e-6)
        assert values["hour"] == walls[place].hour
        before = first.get(walls[place] - timedelta(days=7))
        if "week_before" in values:
            assert before is not None
            expected = fsum(used["main"][before : before + length])
            assert values["week_before"] == pytest.approx(expected, abs=1e-6), (walls[place], length)
        else:
            shown = [walls[place + each] - timedelta(days=7) for each in range(length)]
            assert before is None or not _is_an_hour(walls, before, shown)


def _is_an_hour(walls: Sequence[datetime], place: int, shown: Sequence[datetime]) -> bool:
    """Whether these quarters were a whole hour of the clock, and nothing else."""
    behind = walls[place + len(shown)] if place + len(shown) < len(walls) else None
    same = list(walls[place : place + len(shown)]) == list(shown)
    return same and behind is not None and behind == shown[-1] + timedelta(minutes=15)
