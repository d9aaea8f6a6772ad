"""Whatever meters, messages and the program itself do: what is booked is what was used, or it is marked.

All is real but the meters: journal, ledger, consumer, feeder and book, in real files, started anew in between.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.periods import begin_of, local_day
from monitor.schema import MEASUREMENT_USAGE
from monitor.site import Site, Virtual
from tests.examples import examples
from tests.metering.ledgers import ms, site_of
from tests.metering.lives import MINUTE, POINT, Life, Operation, rated_meter
from tests.metering.plants import Plant, plant

if TYPE_CHECKING:
    from monitor.model import Entry

EXACT: Final = 1e-6
METERS: Final = ("one", "two", "three")
BEGIN: Final = ms("2026-10-24 20:07")
ZONES: Final = (
    "Europe/Berlin",
    "UTC",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Shanghai",
)

fraction = st.floats(0.0, 1.0)
kinds = ["poll", "gap", "backlog", "glitch", "waver", "swapped_pair", "reset", "jump", "told", "told_later"]
operations = st.lists(
    st.one_of(*(st.tuples(st.just(kind), st.integers(1, 12), fraction) for kind in kinds)), max_size=9
)
registers = st.sampled_from([0, 45_678, 512_345, 999_940, 999_990])


@settings(max_examples=examples(6), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lives=st.tuples(*(st.tuples(registers, operations) for _ in METERS)),
    cuts=st.lists(fraction, max_size=4),
    zone=st.sampled_from(ZONES),
)
def test_what_is_booked_is_what_was_used_or_it_is_marked(
    lives: Sequence[tuple[int, list[Operation]]], cuts: list[float], zone: str
) -> None:
    made = [Life(device=ident, now=BEGIN, register=start) for ident, (start, _) in zip(METERS, lives, strict=True)]
    for life, (_, said) in zip(made, lives, strict=True):
        life.live(said)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_check(Path(name), made, cuts, zone))


async def _check(folder: Path, lives: Sequence[Life], cuts: Sequence[float], zone: str) -> None:
    devices = [rated_meter(ident) for ident in METERS]
    sums = replace(
        devices[0], id="sums", connection="", scan={}, virtual=Virtual(sum=("one", "two"), minus=("three",))
    )
    site = site_of(*devices, sums, zone=zone)
    delivered = sorted(itertools.chain(*(life.delivered for life in lives)), key=lambda each: each[0])
    entries: list[Entry] = [entry for _, entry in delivered]
    end = max(time for time, _ in delivered) + MINUTE
    edges = sorted({0, *(round(cut * len(entries)) for cut in cuts), len(entries)})
    for first, last in itertools.pairwise(edges):
        async with plant(folder, site, lambda: end) as made:
            await made.keep(*entries[first:last])
            await made.settle()
            if last == len(entries):
                await _check_truth(made, lives, end)
                await _check_periods(made, site, end)
                await _check_told(made, site, lives, end)


async def _check_truth(made: Plant, lives: Sequence[Life], end: int) -> None:
    booked = made.sums()
    for life in lives:
        amount, used = booked.get((life.device, POINT), 0.0), life.used / 10
        (row,) = await made.book.consumption([life.device], BEGIN, end)
        lost = [each for each in row.breaks if each.lost]
        assert row.amount == pytest.approx(amount, abs=EXACT)
        assert used - life.unknown / 10 - EXACT <= amount <= used + EXACT, life.device
        if not life.unknown:
            assert amount == pytest.approx(used, abs=EXACT), life.device
        if amount < used - EXACT:
            assert lost, life.device


async def _check_periods(made: Plant, site: Site, end: int) -> None:
    start = begin_of(date(2026, 10, 1), site.timezone)
    until = begin_of(date(2026, 12, 1), site.timezone)
    assert start < BEGIN < end < until
    for ident in METERS:
        whole = made.sums().get((ident, POINT), 0.0)
        for per in ("", "month", "day", "hour", "quarter"):
            rows = await made.book.consumption([ident], start, until, per=per)
            assert fsum(row.amount or 0.0 for row in rows) == pytest.approx(whole, abs=EXACT), (ident, per)
    for per in ("day", "hour", "quarter"):
        rows = await made.book.consumption([*METERS, "sums"], start, until, per=per)
        by_meter = {(row.device, row.start): row.amount for row in rows if row.is_complete}
        for (ident, begin), amount in by_meter.items():
            if ident == "sums":
                one, two, three = (by_meter[each, begin] or 0.0 for each in METERS)
                assert amount == pytest.approx(one + two - three, abs=EXACT)


async def _check_told(made: Plant, site: Site, lives: Sequence[Life], end: int) -> None:
    told = await made.derived()
    identities = [(each.device, each.time, each.measurement, each.key) for each in told]
    assert len(set(identities)) == len(identities)
    for life in lives:
        own = [each for each in told if each.device == life.device]
        if not any(kind == "told_later" for kind in life.kinds):  # what was told before somebody spoke stays told
            deltas = fsum(float(each.values["energy_import_delta_kwh"]) for each in own if each.key == "")
            waiting = made.metering._accounts[life.device][POINT].delta
            assert deltas + waiting == pytest.approx(made.sums().get((life.device, POINT), 0.0), abs=1e-5)
        for per in ("hour", "day"):
            newest = {each.time: each.values for each in own if each.measurement == MEASUREMENT_USAGE[per]}
            start = begin_of(local_day(BEGIN, site.timezone), site.timezone)
            for row in await made.book.consumption([life.device], start, end, per=per):
                if row.is_complete:
                    assert newest[row.start]["amount"] == pytest.approx(row.amount, abs=EXACT), (life.device, per)
