"""What people may say of meters: kept as it was meant, or refused with what is wrong and what to do."""

from dataclasses import replace as changed
from typing import Any

import pytest

from monitor.errors import RequestRefused
from monitor.figures import Register
from monitor.metering.commands import (
    Asked,
    correct,
    correction,
    enter,
    first_reading,
    replace,
    replacement,
)
from monitor.metering.step import Cause
from monitor.model import Command, Origin, Quality
from monitor.periods import QUARTER
from tests.metering.books import DAY, HOUR, NOW, MemoryBook, site_of

SITE = site_of()
MINUTE = 60_000


@pytest.fixture
def book() -> MemoryBook:
    """A meter that was swapped this morning at 9:00, one that counts on, and one that is read by hand."""
    book = MemoryBook(SITE, lambda: NOW)
    for hour in range(49):
        time = NOW - 48 * HOUR + hour * HOUR
        if hour < 47:
            book.read("main", time, 5000.0 + 2 * hour)
        book.read("main-water", time, 100.0 + 0.5 * hour)
    book.read("main", NOW - HOUR, 1.5)
    book.read("main", NOW, 3.5)
    book.read("cellar", NOW - 30 * DAY, 812.5)
    return book


def asked(device: str, **changes: Any) -> Asked:
    return Asked(**({"device": device, "by": "kim", "now": NOW} | changes))


async def test_a_replacement_says_what_both_meters_showed(book: MemoryBook) -> None:
    at = NOW - 90 * MINUTE
    command = await replace(
        book,
        SITE,
        asked("main", reason=" old one was broken "),
        at=at,
        final=5092.25,
        start=0.5,
        serial="99004711",
    )

    assert (command.kind, command.target, command.by) == ("meter_replace", "main", "kim")
    assert command.arguments == {
        "point": "energy_import_kwh",
        "at": at,
        "final": 5092.25,
        "start": 0.5,
        "serial": "99004711",
    }
    assert command.reason == "old one was broken"
    told = replacement(command)
    assert (told.at, told.final, told.start, told.by, told.command) == (at, 5092.25, 0.5, "kim", command.id)


async def test_without_a_time_a_replacement_was_when_the_monitor_saw_it(book: MemoryBook) -> None:
    seen = await replace(book, SITE, asked("main"), final=5093, start=0)
    unseen = await replace(book, SITE, asked("main-water"), final=125, start=0)
    book.held["main-water", "volume_m3"] = ((0.25,), "it fell")
    held = await replace(book, SITE, asked("main-water"), final=125, start=0)

    assert seen.arguments["at"] == NOW - HOUR
    assert unseen.arguments["at"] == NOW
    assert held.arguments["at"] == NOW


async def test_a_display_that_rounds_gives_way_to_what_was_read(book: MemoryBook) -> None:
    command = await replace(book, SITE, asked("main"), final=5091.5, start=2)

    assert (command.arguments["final"], command.arguments["start"]) == (5092.0, 1.5)


@pytest.mark.parametrize(
    ("device", "said", "words"),
    [
        ("mian", {}, r"`mian` is no device; meters are attic, cellar, flats, main, main-water"),
        ("front-door", {}, "is no meter; meters are"),
        ("flats", {}, r"reckoned from others \(main-water, cellar\)"),
        ("attic", {}, "has not been read yet"),
        ("main", {"final": 5000.0}, r"5000 kWh is lower than .* last: 5092 kWh at 2026-11-27 08:30"),
        ("main", {"start": 7.0}, r"7 kWh is higher than .* first: 1\.5 kWh"),
        ("main", {"final": -1.0}, "never negative"),
        ("main", {"start": float("nan")}, "never negative"),
        ("main", {"final": float("inf")}, "never negative"),
        ("main", {"final": 50920000.0}, "begins anew at 1000000 kWh"),
        ("main", {"serial": "x" * 101}, "at most 100"),
        ("main", {"at": NOW + 6 * MINUTE}, "2026-11-27 10:36 is in the future: it is 2026-11-27 10:30 now"),
        ("main", {"at": NOW - 3 * DAY}, "metered since 2026-11-25 10:30"),
        (
            "main",
            {"at": NOW - 4 * HOUR},
            "between 2026-11-27 08:30 and 2026-11-27 09:30: say .* at 2026-11-27 09:30",
        ),
    ],
)
async def test_a_replacement_that_cannot_be_is_refused_in_words(
    book: MemoryBook, device: str, said: dict[str, Any], words: str
) -> None:
    with pytest.raises(RequestRefused, match=words):
        await replace(book, SITE, asked(device), **({"final": 5093.0, "start": 0.0} | said))


async def test_a_time_that_is_nearly_when_it_was_seen_is_taken_as_that(book: MemoryBook) -> None:
    command = await replace(book, SITE, asked("main"), at=NOW - 2 * HOUR - 10 * MINUTE, final=5093, start=0)

    assert command.arguments["at"] == NOW - 2 * HOUR


async def test_the_new_meter_that_is_read_by_hand_was_read_when_it_was_put_in(book: MemoryBook) -> None:
    by_hand = await replace(book, SITE, asked("cellar"), at=NOW - HOUR, final=830, start=0.25)
    wired = await replace(book, SITE, asked("main"), final=5093, start=0)

    reading = first_reading(SITE, by_hand)
    assert reading is not None
    assert (reading.values, reading.time - NOW + HOUR, reading.quality) == (
        {"volume_m3": 0.25},
        1000,
        Quality.MANUAL,
    )
    assert first_reading(SITE, wired) is None


async def test_a_counter_is_meant_by_its_name(book: MemoryBook) -> None:
    book.read("main", NOW - HOUR, 4.0, point="energy_export_kwh")
    command = await replace(book, SITE, asked("main", point="energy_export_kwh"), final=5, start=0)
    with pytest.raises(
        RequestRefused, match="no counter `volume_m3`; it has energy_import_kwh, energy_export_kwh"
    ):
        await replace(book, SITE, asked("main", point="volume_m3"), final=5, start=0)

    assert command.arguments["point"] == "energy_export_kwh"


async def test_the_old_meter_is_not_replaced_before_it_was_read_last(book: MemoryBook) -> None:
    book.held["main-water", "volume_m3"] = ((0.25,), "it fell")
    with pytest.raises(RequestRefused, match=r"still read at 2026-11-27 10:30 \(124 m³\)"):
        await replace(book, SITE, asked("main-water"), at=NOW - 20 * MINUTE, final=125, start=0)


async def test_a_correction_keeps_what_was_booked_before(book: MemoryBook) -> None:
    command = await correct(
        book, SITE, asked("main-water", reason="hose"), start=NOW - 4 * HOUR, end=NOW - 2 * HOUR, amount=0.25
    )

    assert command.arguments == {
        "point": "volume_m3",
        "from": NOW - 4 * HOUR,
        "to": NOW - 2 * HOUR,
        "amount": 0.25,
        "was": 1.0,
    }
    told = correction(command)
    assert (told.point, told.start, told.end, told.amount) == ("volume_m3", NOW - 4 * HOUR, NOW - 2 * HOUR, 0.25)
    assert (told.by, told.reason, told.command) == ("kim", "hose", command.id)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"reason": " "}, "say the reason"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"start": NOW - 4 * HOUR + MINUTE}, "06:31 is no whole quarter"),
        ({"end": NOW - 5 * HOUR}, "is not after"),
        ({"end": NOW + QUARTER}, "10:45 is not over yet"),
        ({"start": NOW - 72 * HOUR}, "metered since"),
        ({"amount": -0.5}, "never negative"),
        ({"amount": float("nan")}, "never negative"),
        ({"device": "flats"}, "reckoned"),
        (
            {"device": "main", "start": NOW - HOUR, "amount": 250},
            r"250 kWh is too much for 1 h, .* 121 kWh at most .*100 kW",
        ),
    ],
)
async def test_a_correction_that_cannot_be_is_refused_in_words(
    book: MemoryBook, said: dict[str, Any], words: str
) -> None:
    wish = {"start": NOW - 4 * HOUR, "end": NOW, "amount": 1.0, "device": "main-water", "reason": "hose"} | said
    who = asked(wish.pop("device"), reason=wish.pop("reason"))
    with pytest.raises(RequestRefused, match=words):
        await correct(book, SITE, who, **wish)


async def test_what_is_not_known_yet_is_not_corrected(book: MemoryBook) -> None:
    later = asked("main-water", reason="hose", now=NOW + 2 * HOUR)
    with pytest.raises(RequestRefused, match="only 50 % is known yet"):
        await correct(book, SITE, later, start=NOW - HOUR, end=NOW + HOUR, amount=1)


async def test_a_register_is_entered_as_a_command_and_a_reading(book: MemoryBook) -> None:
    command, reading = await enter(book, SITE, asked("cellar"), register=830.25, at=NOW - HOUR)
    now, fresh = await enter(book, SITE, asked("attic"), register=7)

    assert (command.kind, command.target) == ("meter_enter", "cellar")
    assert command.arguments == {"point": "volume_m3", "register": 830.25, "at": NOW - HOUR}
    assert (reading.device, reading.time, reading.arrived) == ("cellar", NOW - HOUR, NOW)
    assert (reading.values, reading.quality, reading.origin) == (
        {"volume_m3": 830.25},
        Quality.MANUAL,
        Origin.MANUAL,
    )
    assert (reading.late, fresh.late) == (True, False)
    assert now.arguments["at"] == fresh.time == NOW


async def test_a_meter_read_by_hand_that_went_past_its_last_digit_is_replaced(book: MemoryBook) -> None:
    with pytest.raises(RequestRefused, match=r"or it went past its last digit, say so with .*meter replace"):
        await enter(book, SITE, asked("cellar"), register=12)
    book.read("cellar", NOW - DAY, 9990.0)
    command = await replace(book, SITE, asked("cellar"), final=10_000, start=0)

    assert (command.arguments["final"], command.arguments["start"]) == (10_000, 0)


async def test_what_the_engine_would_not_believe_of_the_old_meter_is_refused(book: MemoryBook) -> None:
    with pytest.raises(
        RequestRefused, match=r"final register is 176 m³ more than at 2026-11-27 10:30, .* at most"
    ):
        await replace(book, SITE, asked("main-water", now=NOW + MINUTE), final=300, start=0)


@pytest.mark.parametrize(
    ("device", "said", "words"),
    [
        ("main", {}, "reads `main` itself; .* `facility-monitor meter correct`"),
        ("flats", {}, "reckoned"),
        (
            "cellar",
            {"register": 500},
            r"lower than .* 2026-10-28 10:30: 812\.5 m³.*`facility-monitor meter replace`",
        ),
        ("cellar", {"register": -1}, "never negative"),
        ("cellar", {"register": 12345}, "begins anew at 10000 m³"),
        (
            "cellar",
            {"register": 8200},
            r"8200 m³ is 7387\.5 m³ more .* can count 4321 m³ at most .* a digit too much",
        ),
        ("cellar", {"at": NOW - 31 * DAY}, "metered since"),
        ("cellar", {"at": NOW - 30 * DAY}, r"was read at .* already \(812\.5 m³\)"),
        ("cellar", {"at": NOW + HOUR}, "in the future"),
    ],
)
async def test_a_register_that_cannot_be_is_refused_in_words(
    book: MemoryBook, device: str, said: dict[str, Any], words: str
) -> None:
    with pytest.raises(RequestRefused, match=words):
        await enter(book, SITE, asked(device), **({"register": 830.0} | said))


GOOD = {"point": "volume_m3", "at": 5.0, "final": 1, "start": 0, "from": 0, "to": QUARTER, "amount": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"point": ""},
        {"point": 5},
        {"final": "x", "amount": "x"},
        {"start": -1, "amount": -1},
        {"at": 5.5, "from": 5.5},
        {"at": True, "to": True},
        {"final": float("inf"), "amount": float("nan")},
        {"at": None, "to": 0},
    ],
)
def test_what_the_journal_may_hold_is_refused_when_it_is_malformed(wrong: dict[str, Any]) -> None:
    command = Command(id="c", time=NOW, by="kim", kind="meter_replace", target="main", arguments=GOOD)

    assert replacement(command).at == 5
    assert correction(changed(command, kind="meter_correct")).end == QUARTER
    for kind, read in (("meter_replace", replacement), ("meter_correct", correction)):
        with pytest.raises(ValueError, match="command c"):
            read(changed(command, kind=kind, arguments=GOOD | wrong))
        with pytest.raises(ValueError, match="command c"):
            read(changed(command, kind="acknowledge"))


def test_the_book_of_these_tests_knows_a_break_from_counting_on(book: MemoryBook) -> None:
    register = book.registers("main")[0]

    assert isinstance(register, Register)
    assert register.register == 3.5
    assert [step.cause for step in book.steps["main", "energy_import_kwh"] if step.lost] == [Cause.RESET]
