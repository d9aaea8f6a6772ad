"""Draws docs/report.png: a report about a house that does not exist. Run by `make report-picture`."""

import asyncio
import subprocess
import tempfile
from datetime import date
from io import BytesIO
from pathlib import Path

from PIL import Image

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
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        (folder / "report.html").write_text(asyncio.run(page()), encoding="utf-8")
        subprocess.run(  # noqa: S603 - a browser, on our own page
            [
                "/usr/bin/chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--hide-scrollbars",
                f"--user-data-dir={folder / 'profile'}",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={folder / 'report.png'}",
                (folder / "report.html").as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        drawn = Image.open(BytesIO((folder / "report.png").read_bytes())).convert("RGB")
    drawn.quantize(48, dither=Image.Dither.NONE).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
