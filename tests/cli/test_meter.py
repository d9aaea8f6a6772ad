"""`meter`: what it shows and what it tells the daemon, against the API on its real socket over a counting book."""

import asyncio
import contextlib
import getpass
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.cli.meterlook import amount, coverage, print_breaks
from monitor.figures import DayCoverage
from monitor.journal.sqlite import SqliteJournal
from monitor.metering.step import Cause
from tests.cli.running import aside
from tests.clock import ManualClock
from tests.metering.books import DAY, HOUR, NOW, MemoryBook, judge, site_of
from tests.web.serving import make_parts, serving

WHO = getpass.getuser()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def book(clock: ManualClock) -> MemoryBook:
    """A meter that was swapped this morning, one with a value that is held, and one that is read by hand."""
    book = MemoryBook(site_of(), clock.now)
    for hour in range(73):
        time = NOW - 72 * HOUR + hour * HOUR
        if hour < 71:
            book.read("main", time, 5000.0 + 2 * hour, cause=Cause.GAP if hour == 60 else None)
        book.read("main-water", time, 100.0 + 0.5 * hour)
    book.read("main", NOW - HOUR, 1.5)
    book.read("main", NOW, 3.5)
    book.read("cellar", NOW - 30 * DAY, 812.5)
    book.held["main-water", "volume_m3"] = ((0.25,), "it fell from 136 m3 to 0.25 m3; nothing is booked until")
    book.days = [
        DayCoverage(
            device="main",
            day=date(2026, 11, day),
            expected=8640,
            received=8630,
            late=2,
            lost={"unit": 7, "off": 3, "bus": 0},
        )
        for day in (26, 27)
    ]
    return book


@pytest.fixture
async def folder(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook, tmp_path: Path
) -> AsyncIterator[Path]:
    async with serving(make_parts(journal, clock, book=book), tmp_path / "api.sock"):
        judging = asyncio.create_task(judge(book, journal))
        yield tmp_path
        judging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await judging


async def test_meters_are_listed_with_units_and_what_is_doubtful(folder: Path) -> None:
    people, short, programs = await asyncio.gather(
        aside("meter", "list", "--state", folder),
        aside("meter", "--state", folder),
        aside("meter", "list", "--json", "--state", folder),
    )

    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in people.out.splitlines()[2:7]}
    assert rows == {
        "main": "Main electricity 3.5 kWh 0 s ago 2000 W 20.5 kWh * 99.9 %",
        "main-water": "Main water water 136 m³ 0 s ago 0.500 m³/h 5.25 m³ -",
        "cellar": "Cellar water 812.5 m³ 30 d ago - - -",
        "attic": "Attic gas - never - - -",
        "flats": "All flats water - reckoned - - -",
    }
    assert "\nmain-water: it fell from 136 m3 to 0.25 m3" in people.out
    assert "\n* a part of it is estimated" in people.out
    assert short.out == people.out
    assert [each["device"] for each in programs.json] == list(rows)


async def test_a_meter_is_shown_with_what_to_type_to_mend_it(folder: Path) -> None:
    people, programs, held = await asyncio.gather(
        aside("meter", "show", "main", "--state", folder),
        aside("meter", "show", "main", "--json", "--state", folder),
        aside("meter", "show", "main-water", "--state", folder),
    )

    for line in (
        "Main (main): electricity, main",
        "energy_import_kwh, by which it is billed",
        "  register     3.5 kWh, read 0 s ago",
        "  metered      since 2026-11-24 10:30",
        "  today        20.5 kWh (1.5 kWh of it estimated)",
        "  yesterday    48 kWh",
        "2026-11-26 21:30 to 2026-11-26 22:30  energy_import_kwh",
        "  it counted on, unseen: 5118 kWh before, 5120 kWh after",
        "  it began anew: 5140 kWh before, 1.5 kWh after",
        "  booked 1.5 kWh, which is a guess",
        '    facility-monitor meter replace main --at "2026-11-27 09:30" --final OLD --start NEW',
        "    OLD is 5140 kWh or more, NEW is 1.5 kWh or less",
        '    facility-monitor meter replace main --at "2026-11-27 09:30" --final 5140 --start 0',
    ):
        assert f"{line}\n" in people.out
    assert "7 this device alone did not answer, 3 the monitor did not run\n" in people.out
    assert "  held         0.25 m³: it fell from" in held.out
    assert len(programs.json["breaks"]) == 2


async def test_the_command_that_is_shown_mends_it(folder: Path) -> None:
    shown = await aside("meter", "show", "main", "--state", folder)
    line = next(line for line in shown.out.splitlines() if line.endswith("--final 5140 --start 0"))
    words = [word.replace('"', "") for word in line.strip().replace("27 09:30", "27T09:30").split()[1:]]
    mended = await aside(*words, "--state", folder)
    after = await aside("meter", "show", "main", "--state", folder)

    assert mended.out == (
        f"kept in the name of {WHO}: main replaced at 2026-11-27 09:30, the old meter at 5140 kWh, "
        "the new one at 0 kWh\nbooked 1.5 kWh from 2026-11-27 08:30 to 2026-11-27 09:30\n"
    )
    assert "which is a guess" not in after.out
    assert "meter replace" not in after.out


async def test_usage_by_day_has_units_registers_and_a_sum(folder: Path) -> None:
    people, programs, wrong = await asyncio.gather(
        aside("meter", "usage", "main", "--period", "this-week", "--per", "day", "--state", folder),
        aside("meter", "usage", "main", "--json", "--state", folder),
        aside("meter", "usage", "main", "--period", "never", "--state", folder),
    )

    assert [" ".join(line.split()) for line in people.out.splitlines()[2:]] == [
        "2026-11-24 00:00 2026-11-25 00:00 27 kWh 56 % 5026 kWh 2000 W",
        "2026-11-25 00:00 2026-11-26 00:00 48 kWh 5074 kWh 2000 W",
        "2026-11-26 00:00 2026-11-27 00:00 48 kWh 5122 kWh 2000 W",
        "2026-11-27 00:00 2026-11-28 00:00 20.5 kWh 1.5 kWh so far 3.5 kWh 2000 W",
        "together 143.5 kWh, 1.5 kWh of it estimated",
    ]
    assert [each["amount"] for each in programs.json] == [20.5]
    assert wrong.code == 1
    assert "`never` is no period: write 2026, 2026-11" in wrong.err


async def test_a_replacement_says_how_its_numbers_were_taken(folder: Path) -> None:
    taken = await aside("meter", "replace", "main", "--final", "5.1415 MWh", "--start", "2", "--state", folder)
    early = await aside("meter", "replace", "main-water", "--final", "137", "--start", "0", "--state", folder)

    assert "the old meter at 5141.5 kWh, the new one at 1.5 kWh\n--start is taken as 1.5 kWh" in taken.out
    assert "booked 1.5 kWh from 2026-11-27 08:30" in taken.out
    assert early.code == 0
    assert "it is booked with the first reading of the new meter" in early.out


async def test_behind_transformers_the_numbers_are_those_of_the_display(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook, tmp_path: Path
) -> None:
    behind = replace(book.site.devices["main"], ratio=40.0)
    book.site = replace(book.site, devices={**book.site.devices, "main": behind})
    async with serving(make_parts(journal, clock, book=book), tmp_path / "api.sock"):
        shown = await aside("meter", "show", "main", "--state", tmp_path)
        told = await aside(
            "meter", "replace", "main", "--final", "128.6", "--start", "0.03", "--json", "--state", tmp_path
        )

    assert "  display      0.0875 kWh, times 40 for the transformers (ct, vt)\n" in shown.out
    assert "OLD is 128.5 kWh or more, NEW is 0.0375 kWh or less\n" in shown.out
    assert "--final 128.5 --start 0\n" in shown.out
    assert (told.json["command"]["final"], told.json["command"]["start"]) == (5144.0, pytest.approx(1.2))


async def test_a_correction_says_what_was_booked_before(folder: Path) -> None:
    span = ("--from", "2026-11-26 08:00", "--to", "2026-11-26 10:00")
    done = await aside(
        "meter", "correct", "main-water", *span, "--amount", "0.2", "--reason", "burst hose", "--state", folder
    )
    after = await aside("meter", "show", "main-water", "--state", folder)

    assert done.out == f"kept in the name of {WHO}: main-water used 0.2 m³ and not 1 m³ in that time\nbooked\n"
    assert f"  corrected by hand\n  booked -0.8 m³\n  told by {WHO}: burst hose\n" in after.out


async def test_a_register_is_entered_and_says_what_was_used(folder: Path) -> None:
    done = await aside("meter", "enter", "cellar", "830.25 m3", "--at", "2026-11-20 09:00", "--state", folder)
    lower = await aside("meter", "enter", "cellar", "83.25", "--state", folder)

    assert done.out == (
        f"entered by {WHO}: cellar showed 830.25 m³ at 2026-11-20 09:00\nthat is 17.75 m³ since 2026-10-28 10:30\n"
    )
    assert lower.code == 1
    assert "83.25 m³ is lower than what `cellar` showed at 2026-11-20 09:00: 830.25 m³" in lower.err
    assert "facility-monitor meter replace" in lower.err


async def test_a_list_of_registers_is_entered_as_a_whole(folder: Path) -> None:
    table = folder / "registers.csv"
    table.write_bytes("device;time;register;reason\ncellar;26.11.2026 08:00;840,5;Kellerräume\n".encode("cp1252"))
    done = await aside("meter", "enter", "--csv", table, "--state", folder)
    table.write_text("device,time,register\nattic,2026-11-27 09:00,12\ncelar,2026-11-27 09:00,12\n")
    wrong = await aside("meter", "enter", "--csv", table, "--state", folder)

    assert [" ".join(line.split()) for line in done.out.splitlines()[2:]] == [
        "cellar 2026-11-26 08:00 840.5 m³",
        f"1 register entered by {WHO}",
    ]
    assert wrong.code == 1
    assert "nothing was entered:\nline 3: `celar` is no device" in wrong.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("replace", "main", "--final", "51,5", "--start", "0"), "write it as `512.4` or `512.4 kWh`"),
        (("replace", "main", "--final", "51 m3", "--start", "0"), "this counter is in kWh"),
        (("replace", "main", "--final", "51"), "--start"),
        (("replace", "flats", "--final", "51", "--start", "0"), "reckoned from other meters"),
        (
            ("replace", "main", "--final", "1", "--start", "0", "--counter", "x"),
            "counters energy_import_kwh, energy",
        ),
        (("enter",), "name the meter and what it shows"),
        (("enter", "cellar", "5", "--at", "noon"), "write `2026-11-27 10:30`"),
        (("enter", "cellar", "--csv", "x.csv"), "stands in the file"),
        (("enter", "--csv", "no-such-file.csv"), "cannot be read"),
    ],
)
async def test_what_is_written_wrongly_ends_with_2(folder: Path, words: tuple[str, ...], told: str) -> None:
    ran = await aside("meter", *words, "--state", folder)

    assert ran.code == 2
    assert told in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_what_happened_to_all_counters_of_a_meter_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    counters = [
        {"point": point, "unit": "kWh", "billed": point == "energy_import_kwh"}
        for point in ("energy_export_kwh", "energy_import_kwh", "energy_total_kwh")
    ]
    seen = {"cause": "jump", "start": NOW - HOUR, "end": NOW, "lost": True, "by": "", "reason": "", "amount": 0.0}
    registers = {"start_register": 5140.0, "end_register": 17.0}
    breaks = [{"point": each["point"], **seen, **registers} for each in counters]
    meter = {"device": "main", "ratio": 1.0, "counters": counters, "breaks": breaks}
    print_breaks(meter, ZoneInfo("Europe/Berlin"))
    told = capsys.readouterr().out

    assert told.startswith("2026-11-27 09:30 to 2026-11-27 10:30  energy_import_kwh\n")
    assert "  at the same time: energy_export_kwh, energy_total_kwh\n" in told
    assert told.count("facility-monitor meter replace") == 1


def test_amounts_are_shown_to_the_thousandth_and_shares_never_rounded_to_the_whole() -> None:
    assert [amount(value, "kWh") for value in (12.30000000001, 0.0001, -0.8, None)] == [
        "12.3 kWh",
        "0 kWh",
        "-0.8 kWh",
        "-",
    ]
    assert [coverage({"expected": 8640, "received": count}) for count in (8640, 8639, 0)] == [
        "100 %",
        "99.9 %",
        "0.0 %",
    ]


async def test_working_out_anew_tells_how_many_days_are_others(folder: Path) -> None:
    said = await aside("meter", "recompute", "main", "--period", "2026-11-25..2026-11-26", "--state", folder)

    assert said.out == "2 days of meters looked at, 2 told again\n"
