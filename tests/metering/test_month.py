"""What is booked of the demo's meters is what they truly counted, to the last digit of their registers."""

from collections import Counter as Counted
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from monitor.app import load_site
from monitor.metering import commands
from monitor.model import Command, Derived, Reading
from monitor.periods import QUARTER, Period, parse, pieces
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.schema import MEASUREMENT_USAGE
from monitor.simulation.fault import FaultModel
from monitor.simulation.meterfaults import Dip, Glitch, Rollover, Swap
from monitor.site import Counter, Device, Site, Virtual
from tests.metering.ledgers import ms
from tests.metering.plants import Plant, plant
from tests.metering.wire import Truth, Wire, demo_meters, digit

if TYPE_CHECKING:
    from monitor.simulation.world import Change

BERLIN: Final = ZoneInfo("Europe/Berlin")
MINUTE: Final = 60_000
HOUR: Final = 4 * QUARTER
DAY: Final = 24 * HOUR
EXACT: Final = 1e-6
"""What the sums of thousands of floating-point numbers may be off by, in kWh or m3; far below the last digits."""

ODD: Final = {"lift-electricity": 217_003, "laundry-water": 401_907, "flats-water": 61_001}
"""Meters that are read beside the quarters of an hour, and so many ms after them."""


def october() -> Period:
    """The month in which the clock is set back."""
    return parse("2026-10", BERLIN, ms("2026-11-02 00:00"))


def site_of(devices: Sequence[Device], folder: Path) -> Site:
    """The demo's site of these meters, and of what nobody meters."""
    demo = {device.id: device for device in devices}
    point = "energy_import_kwh"
    subs = tuple(each for each in demo if each.endswith("-electricity") and demo[each].role == "sub")
    if "main-electricity" in demo:
        main = demo["main-electricity"]
        demo["nobody"] = Device(
            id="nobody",
            name="What nobody meters",
            connection="",
            device_class="electricity",
            points={point: replace(main.points[point], source=None)},
            virtual=Virtual(sum=("main-electricity",), minus=subs),
        )
    return replace(load_site(folder / "demo.yaml").site, devices=demo, rules={})


def times(device: str, start: int, end: int, every: int = QUARTER) -> range:
    """When a meter is read: from before `start` until `end` or just after it."""
    after = ODD.get(device, 0)
    return range(start - (every - after if after else 0), end + after + 1, every)


async def keep_by_day(made: Plant, entries: Sequence[Reading | Command]) -> None:
    """Let entries come in the order of their times, a day or so at once."""
    ordered = sorted(entries, key=lambda each: each.time)
    for some in range(0, len(ordered), 700):
        await made.keep(*ordered[some : some + 700])
    await made.settle()


async def wrong_with_book(made: Plant, device: Device, truth: Truth, period: Period, per: str) -> list[str]:
    """Periods whose booked amount is not the true one."""
    rows = await made.book.consumption([device.id], period.start, period.end, per=per)
    expected = list(pieces(period.start, period.end, per, BERLIN))
    assert [(row.start, row.end) for row in rows] == expected
    return [
        f"{device.id} {per} from {row.start}: {row.amount}, truly {truth.used(row.start, row.end)}"
        for row in rows
        if row.amount is None or abs(row.amount - truth.used(row.start, row.end)) > EXACT or not row.is_complete
    ]


def wrong_with_told(told: Sequence[Derived], device: Device, truth: Truth, period: Period, per: str) -> list[str]:
    """Periods of which was told last what is not so, or nothing."""
    newest = {each.time: each for each in told if each.measurement == MEASUREMENT_USAGE[per]}
    wrong = []
    for start, end in pieces(period.start, period.end, per, BERLIN):
        entry = newest.get(start)
        if entry is None or entry.values["partial_i"]:
            wrong.append(f"{device.id} {per} from {start}: not told to the end")
        elif abs(float(entry.values["amount"]) - truth.used(start, end)) > EXACT:
            wrong.append(f"{device.id} {per} from {start}: told {entry.values['amount']}")
    return wrong


def deltas(told: Sequence[Derived], ident: str) -> float:
    """The sum of what was told of a meter beside its readings."""
    return sum(
        float(value)
        for each in told
        if each.device == ident and each.key == ""
        for name, value in each.values.items()
        if "_delta_" in name
    )


async def test_the_demo_months_usage_agrees_with_the_simulators_true_consumption_to_the_last_digit(
    tmp_path: Path,
) -> None:
    period = october()
    meters = demo_meters(tmp_path, every=900.0)
    site = site_of(list(meters.values()), tmp_path)
    wire = Wire(site)
    read = {
        ident: [wire.reading(device, time) for time in times(ident, period.start, period.end)]
        for ident, device in meters.items()
    }
    points = {ident: next(iter(device.points)) for ident, device in meters.items()}
    truths = {
        ident: Truth((each.time, float(each.values[points[ident]])) for each in found)
        for ident, found in read.items()
    }
    async with plant(tmp_path, site, lambda: period.end + HOUR) as made:
        await keep_by_day(made, list(chain.from_iterable(read.values())))
        told = await made.derived()
        events = await made.events()
        wrong = []
        for ident, device in meters.items():
            own = [each for each in told if each.device == ident]
            for per in ("hour", "day", "month"):
                wrong += await wrong_with_book(made, device, truths[ident], period, per)
                wrong += wrong_with_told(own, device, truths[ident], period, per)
        rows = {
            each.device: each
            for each in await made.book.consumption([*meters, "nobody"], period.start, period.end)
        }
        report = await build("balance", Books(usage=made.book), site, period, now=period.end + HOUR)

    assert period.end - period.start == 31 * DAY + HOUR
    assert not wrong
    assert not events
    for ident, device in meters.items():
        start, end = (
            wire.world.total(device, at / 1000) / (1000 if "electricity" in ident else 1)
            for at in (period.start, period.end)
        )
        slack = (truths[ident].at(period.end) - truths[ident].at(period.start)) / 2000 if ident in ODD else 0.0
        assert abs((rows[ident].amount or 0) - (end - start)) <= digit(device, end) + slack + EXACT, ident
        whole = read[ident][-1].values[points[ident]] - read[ident][0].values[points[ident]]  # type: ignore[operator]  # floats
        assert deltas(told, ident) == pytest.approx(whole, abs=EXACT), ident
    parts = sum(
        rows[ident].amount or 0
        for ident, device in meters.items()
        if device.role == "sub" and device.device_class == "electricity"
    )
    main = rows["main-electricity"].amount or 0
    assert rows["nobody"].amount == pytest.approx(main - parts, abs=EXACT)
    assert main == pytest.approx(1.03 * parts, abs=0.2)
    (row,) = next(section.rows for section in report.sections if section.title.key == "class_electricity")
    assert list(row.cells[2:5]) == [pytest.approx(main), pytest.approx(parts), pytest.approx(main - parts)]
    assert report.is_complete


def with_counter(device: Device, **keys: float) -> Device:
    """A meter whose counter has a modulus or a rating."""
    (point,) = device.points.values()
    assert point.counter is not None
    return replace(device, points={point.name: replace(point, counter=replace(point.counter, **keys))})


class Disturbed:
    """Reads a meter whose faults begin and end; keeps beside it what nothing being wrong would have shown."""

    def __init__(self, site: Site, faults: Sequence[tuple[int, int, FaultModel]]) -> None:
        self._wire, self.true = Wire(site), Wire(site)
        self._waiting = {
            fault.device: [each for each in faults if each[2].device == fault.device] for *_, fault in faults
        }
        self._changes: dict[str, list[tuple[int, Change]]] = {}

    def read(self, device: Device, instants: Iterable[int]) -> tuple[list[Reading], Truth]:
        """What is read at the instants, and what is true: as far as it can be told from what was read."""
        point = next(iter(device.points))
        found, truly = [], []
        for time in instants:
            said = self._at(device, time)
            shown = self.true.shows(device, point, time)
            found.append(said)
            truly.append((time, shown))
        return found, Truth(truly)

    def _at(self, device: Device, time: int) -> Reading:
        waiting = self._waiting.get(device.id, [])
        on = self._changes.setdefault(device.id, [])
        for start, end, fault in [each for each in waiting if each[0] <= time]:
            waiting.remove((start, end, fault))
            on += [(end, change) for change in fault.begin(self._wire.stage, start / 1000).values()]
        self._wire.world.changes[device.id] = [change for end, change in on if time < end]
        return self._wire.reading(device, time)


def replaced(true: Wire, device: Device, at: int, start: float) -> Command:
    """A person's word of a replacement, with what the old meter truly showed."""
    point = next(iter(device.points))
    final = true.shows(device, point, at)
    arguments: dict[str, str | float] = {"point": point, "at": at, "final": final, "start": start}
    return Command(
        id=f"replaced-{device.id}",
        time=at,
        by="ana",
        kind=commands.REPLACE,
        target=device.id,
        arguments=arguments,
        reason="",
    )


BEGIN: Final = ms("2026-10-20", "Europe/Berlin")
SUNDAY: Final = ms("2026-10-25", "Europe/Berlin")
END: Final = ms("2026-11-01", "Europe/Berlin")
SWAP: Final = SUNDAY + 2 * HOUR + 7 * MINUTE
AFTER: Final = END + DAY

FAULTS: Final[Sequence[tuple[int, int, FaultModel]]] = (
    # Two counters stand before their ends from the beginning; one end is declared, the other taken for granted.
    (
        BEGIN - DAY,
        AFTER,
        Rollover.model_validate({"device": "lift-electricity", "modulus": 1e5, "in": "8424 min"}),
    ),
    (BEGIN - DAY, AFTER, Rollover.model_validate({"device": "laundry-water", "modulus": 1e4, "in": "8433 min"})),
    (SUNDAY + HOUR + QUARTER, 0, Glitch(device="shop-electricity")),
    (SUNDAY + 6 * HOUR + QUARTER, 0, Glitch(device="shop-electricity", value=4e6)),
    (SUNDAY + 2 * HOUR, SUNDAY + 5 * HOUR, Dip(device="flats-electricity")),
    (SUNDAY + 2 * HOUR + QUARTER, SUNDAY + 2 * HOUR + 3 * QUARTER, Dip(device="main-water", by=900.0)),
    (SWAP, AFTER, Swap(device="main-gas", start=12.5)),
    (SWAP, AFTER, Swap(device="main-electricity", start=3.25)),
    (SWAP, AFTER, Swap(device="flats-water")),
)
EVENTS: Final = {
    ("lift-electricity", "counter_rollover"): 1,
    ("laundry-water", "counter_rollover"): 1,
    ("shop-electricity", "counter_glitch"): 2,
    ("flats-electricity", "counter_reset"): 1,
    ("flats-electricity", "counter_glitch"): 1,
    ("main-water", "counter_glitch"): 1,
    ("main-gas", "meter_replaced"): 1,
    ("main-electricity", "counter_reset"): 1,
    ("main-electricity", "meter_replaced"): 1,
    ("flats-water", "counter_reset"): 1,
}


def declared(device: Device, **keys: Any) -> Device:
    """A meter of whose counter more is declared."""
    (point,) = device.points.values()
    counter = replace(point.counter or Counter(), **keys)
    return replace(device, points={point.name: replace(point, counter=counter)})


async def test_faults_of_meters_change_nothing_of_what_the_month_is_booked_with(tmp_path: Path) -> None:
    meters = demo_meters(tmp_path, every=900.0)
    meters["lift-electricity"] = declared(meters["lift-electricity"], modulus=1e5)
    meters["flats-electricity"] = declared(meters["flats-electricity"], rating=60.0)
    site = site_of(list(meters.values()), tmp_path)
    disturbed = Disturbed(site, FAULTS)
    read = {ident: disturbed.read(device, times(ident, BEGIN, END)) for ident, device in meters.items()}
    gas = replaced(disturbed.true, meters["main-gas"], SWAP, 12.5)
    main = replaced(disturbed.true, meters["main-electricity"], SWAP, 3.25)
    async with plant(tmp_path, site, lambda: END + HOUR) as made:
        await keep_by_day(made, [gas, *chain.from_iterable(found for found, _ in read.values())])
        (guess,) = await made.book.consumption(["main-electricity"], BEGIN, END)
        await keep_by_day(made, [main])
        rows = {
            ident: {each.start: each for each in await made.book.consumption([ident], BEGIN, END, per="day")}
            for ident in meters
        }
        told = {(each.device, each.time): each for each in await made.derived("", "usage_daily")}
        events = Counted((each.device, each.kind) for each in await made.events())

    assert events == EVENTS
    assert [each.lost for each in guess.breaks if each.cause == "reset"] == [True]
    for ident, device in meters.items():
        truth = read[ident][1]
        shown = (each.values[next(iter(device.points))] for each in read[ident][0])
        slack = 2 * digit(device, max(each for each in shown if isinstance(each, float))) + EXACT
        for start, row in rows[ident].items():
            used, least = truth.used(row.start, row.end), 0.0
            if ident == "flats-water" and row.start <= SWAP < row.end:
                least = truth.used(SWAP // QUARTER * QUARTER - QUARTER, SWAP)
                assert [(each.cause, each.lost) for each in row.breaks] == [("reset", True)]
            else:
                assert not any(each.lost for each in row.breaks), (ident, row.breaks)
            assert row.is_complete
            assert used - least - slack <= (row.amount or 0) <= used + slack, (ident, row, used)
            assert told[ident, start].values["amount"] == pytest.approx(row.amount, abs=EXACT)
