"""Lists of registers that somebody read: all of them or none."""

import pytest

from monitor.errors import RequestRefused
from monitor.metering.manual import enter_list
from monitor.model import Command, Reading
from tests.metering.books import DAY, HOUR, NOW, MemoryBook, site_of

SITE = site_of()


@pytest.fixture
def book() -> MemoryBook:
    book = MemoryBook(SITE, lambda: NOW)
    book.read("cellar", NOW - 30 * DAY, 812.5)
    book.read("main-water", NOW, 1)
    return book


def entered(book: MemoryBook, *lines: str) -> list[tuple[Command, Reading]]:
    return enter_list(book, SITE, "\n".join(lines), by="kim", now=NOW)


def test_lines_are_entered_in_the_order_of_their_times(book: MemoryBook) -> None:
    made = entered(
        book,
        "device,time,register,reason",
        "cellar,2026-11-27 09:30,831.75,monthly",
        "attic,2026-11-26,12 m3,",
        "",
        "cellar,2026-11-20 08:00,825,",
    )

    assert [(reading.device, reading.values["volume_m3"]) for _, reading in made] == [
        ("cellar", 825.0),
        ("attic", 12.0),
        ("cellar", 831.75),
    ]
    assert made[2][1].time == NOW - HOUR
    assert [command.reason for command, _ in made] == ["", "", "monthly"]
    assert {command.by for command, _ in made} == {"kim"}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_of_a_spreadsheet_has_semicolons_and_decimal_commas(book: MemoryBook, separator: str) -> None:
    heading = "\ufeffDevice;Time;Point;Register".replace(";", separator)
    line = 'cellar;27.11.2026 09:30;volume_m3;"831,75"'.replace(";", separator)
    [(command, reading)] = entered(book, heading, f"{line}\r")

    assert reading.values == {"volume_m3": 831.75}
    assert command.arguments["at"] == NOW - HOUR


def test_every_mistake_is_told_with_its_line_and_nothing_is_entered(book: MemoryBook) -> None:
    with pytest.raises(RequestRefused) as refused:
        entered(
            book,
            "device,time,register",
            "cellar,2026-11-20 08:00,825",
            "celar,2026-11-20 08:00,825",
            "cellar,yesterday,825",
            "cellar,2026-11-21 08:00,82x",
            "cellar,2026-11-22 08:00,824",
            "cellar,2026-11-20 08:00,825",
            "main-water,2026-11-22 08:00,5",
            "cellar,2026-11-22",
        )

    lines = str(refused.value).splitlines()
    assert lines[0] == "nothing was entered:"
    assert [line.split(":")[0] for line in lines[1:]] == [f"line {number}" for number in range(3, 10)]
    assert "no device" in lines[1]
    assert "`yesterday` is no time" in lines[2]
    assert "`82x`" in lines[3]
    assert "lower than what `cellar` showed at 2026-11-20 08:00: 825 m³" in lines[4]
    assert "already" in lines[5]
    assert "reads `main-water` itself" in lines[6]
    assert "2 columns and not 3" in lines[7]


@pytest.mark.parametrize(
    "lines",
    [
        [""],
        ["device,register"],
        ["device,time,register,colour"],
        ["device,time,register,device"],
        ["cellar,2026-11-20,5"],
        ["device,time,register", ""],
    ],
)
def test_a_list_without_columns_or_lines_is_refused(book: MemoryBook, lines: list[str]) -> None:
    with pytest.raises(RequestRefused, match=r"nothing was entered: .*column"):
        entered(book, *lines)


def test_a_wrong_file_is_not_told_line_by_line_for_ever(book: MemoryBook) -> None:
    with pytest.raises(RequestRefused) as refused:
        entered(book, "device,time,register", *["x,y,z"] * 200)

    assert len(str(refused.value).splitlines()) == 52
    assert str(refused.value).endswith("and 150 more")
