"""Reports as the API asks for them: made of the book at the moment they are asked for."""

from collections.abc import Callable, Sequence

from monitor.figures import UsageBook
from monitor.periods import Period
from monitor.reports.build import build
from monitor.reports.report import Report
from monitor.site import Site

__all__ = ["Reports"]


class Reports:
    """The `monitor.web.parts.ReportDesk` of the running daemon. `now` is UTC ms."""

    def __init__(self, book: UsageBook, site: Site, now: Callable[[], int]) -> None:
        self._book = book
        self._site = site
        self._now = now

    async def build(self, kind: str, period: Period, devices: Sequence[str] | None) -> Report:
        """Make a report of a kind; `devices`: ids, None: all meters."""
        return await build(kind, self._book, self._site, period, now=self._now(), devices=devices)
