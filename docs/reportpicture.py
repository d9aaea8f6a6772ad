"""Draws docs/report.png: a report about a house that does not exist. Run by `make report-picture`."""

import asyncio
from datetime import date
from pathlib import Path

from docs.pagepicture import draw_page
from monitor.figures import Break
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.html import html
from tests.reports.books import Book, house, moment, period

WIDTH, HEIGHT = 1100, 1890
TARGET = Path(__file__).with_name("report.png")


async def page() -> str:
    """The report of a month in which a meter was replaced, and another was silent over the month's end."""
    replaced = Break(
        cause="replaced",
        start=moment("2026-10-14T10:02"),
        end=moment("2026-10-14T10:31"),
        start_register=14011.4,
        end_register=0.2,
        amount=0.3,
        by="ana",
        reason="calibration due",
    )
    site = house(without=["rest"])
    book = Book(site, breaks={"flat-3": (replaced,)}, lost={("flat-1", date(2026, 10, 5)): {"bus": 400}})
    return html([await build("usage", Books(usage=book), site, period("2026-10"), now=moment("2026-11-02T06:00"))])


def main() -> None:
    """Have the page drawn by a browser, in few colours."""
    draw_page(asyncio.run(page()), TARGET, size=(WIDTH, HEIGHT), colours=48)


if __name__ == "__main__":
    main()
