"""Telling people, made and joined: the notifier, what writes its messages, reports by mail, links, channels."""

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from monitor.alarms.store import standing
from monitor.app.links import make_links
from monitor.clock import Clock
from monitor.clocksync import ClockSync
from monitor.journal.files import Files
from monitor.notify.channels import Channels
from monitor.notify.composing import Composer
from monitor.notify.desk import ChannelDesk
from monitor.notify.direct import Direct
from monitor.notify.outbox import Notifier
from monitor.notify.painting import Painter
from monitor.notify.reports import make_put
from monitor.notify.routing import make_router, nobody
from monitor.notify.standins import StandIns
from monitor.reports.books import Books
from monitor.reports.letter import Letters
from monitor.reports.mailing import Mailing
from monitor.sinks.influxdb.thread import BlockingThread
from monitor.site import Site

__all__ = ["TellingParts"]


class TellingParts:
    """Nothing runs before its task does.

    `books` are what reports are made of; `is_current` answers whether all of them have what was recorded before.
    `is_past`: the past is filled in, of which nobody is told.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        site: Site,
        files: Files,
        folder: Path,
        *,
        clock: Clock,
        sync: ClockSync,
        books: Books,
        is_current: Callable[[], bool],
        is_past: bool,
    ) -> None:
        self.stand_ins = StandIns()
        self.links = make_links(site, folder, files, clock.now, is_past=is_past)
        self.router = nobody if is_past else make_router(site, stand_ins=self.stand_ins)
        channels = Channels()
        self.direct = Direct(site, channels, self.stand_ins)
        self._painter = Painter(folder / "journal.db", now=clock.now)
        self._report_thread = BlockingThread("reports")
        letters = Letters(site, books, now=clock.now, is_current=is_current, do=self._report_thread.do)
        self.notifier = Notifier(
            files.state,
            site,
            channels=channels,
            now=clock.now,
            standing=standing,
            composer=Composer(site, render_report=letters, sign=self.links.sign, paint=self._painter),
            stand_ins=self.stand_ins,
        )
        self.desk = ChannelDesk(files.state, site, self.notifier, channels, clock.now)
        self._mailing = Mailing(
            files.state,
            site,
            put=make_put(site),
            now=clock.now,
            is_synchronised=sync.is_synchronised,
            woken=self.notifier.wake,
        )

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        return {
            "notifier": self.notifier.run(),
            "reports by mail": self._mailing.run(),
            **self.links.tasks(),
        }

    def close(self) -> None:
        """Let go of what is held beside the files."""
        self._report_thread.end(lambda: None)
        self._painter.close()
