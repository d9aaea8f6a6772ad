"""The parts of the daemon, made and joined."""

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from drivers import DRIVERS
from monitor.access.pseudonyms import Pseudonyms
from monitor.alarms import Alarms
from monitor.alarms.keep import NAME as ALARMS
from monitor.alarms.past import Past
from monitor.alarms.unrecorded import Unrecorded
from monitor.app.console import ConsoleParts
from monitor.app.outlets import Outlets
from monitor.app.people import AccessParts
from monitor.app.residents import make_residents
from monitor.app.serving import examine, serve
from monitor.app.telling import TellingParts
from monitor.clock import Clock
from monitor.clocksync import ClockSync
from monitor.deadman import Deadman
from monitor.downtime import Downtime, last_downtime
from monitor.equipment.book import Book as UpkeepBook
from monitor.equipment.consumer import Upkeep
from monitor.errors import JournalError
from monitor.health import MINUTE, Health, SelfReport, Sources, usual_advice
from monitor.journal.feeder import Feeder
from monitor.journal.files import Files, open_files
from monitor.journal.here import WriterHere
from monitor.journal.writer import Writer
from monitor.metering.book import Book
from monitor.metering.consumer import Metering
from monitor.model import Event, Position, Value
from monitor.notify.outage import Outages
from monitor.notify.past import Messages
from monitor.poller import ByHand, Poller
from monitor.ports import Batch, DriverContext, PolledDriver, PushedDriver
from monitor.profiles.itself import REPORT_EVERY
from monitor.reports.books import Books
from monitor.reports.build import Desk
from monitor.schema import MONITOR_DEVICE
from monitor.settings.tables import resolve
from monitor.site import Site
from monitor.supervision import Watchdog
from monitor.web.console.plant.trendprocess import Trends
from monitor.web.desk import AlarmDesk, CaseDesk, HoldDesk
from monitor.web.dutydesk import DutyDesk
from monitor.web.meterdesk import Meters
from monitor.web.parts import Parts as ApiParts
from monitor.web.parts import Reload
from monitor.web.upkeepdesk import Upkeep as UpkeepDesk

__all__ = ["Parts", "open_parts"]

_VERSION = version("facility-monitor")


@contextlib.asynccontextmanager
async def open_parts(
    site: Site, folder: Path, clock: Clock, sync: ClockSync, *, past: float | None = None
) -> AsyncIterator["Parts"]:
    """Open the files of a state folder and make every part; closes the files in order at the end.

    `past`: it is the past that the clock tells, of which nobody is told: seconds between two words of health and
    of the monitor on itself. Raises SettingsError or JournalError when that cannot be done.
    """
    pseudonyms = Pseudonyms.open(folder)
    writer = Writer if past is None else WriterHere
    async with open_files(folder, site.journal, now=clock.now, timezone=site.timezone, writer=writer) as files:
        parts = Parts(site, clock, sync=sync, files=files, pseudonyms=pseudonyms, folder=folder, past=past)
        await parts.console.accounts.load()
        await parts.residents.load()
        await files.state.transact(lambda db: parts.telling.stand_ins.refresh(db, clock.now()))
        try:
            yield parts
        finally:
            parts.close()


class Parts:
    """The parts, made and joined; nothing runs before its task does."""

    def __init__(  # noqa: PLR0913 - what was opened for it
        self,
        site: Site,
        clock: Clock,
        *,
        sync: ClockSync,
        files: Files,
        pseudonyms: Pseudonyms,
        folder: Path,
        past: float | None = None,
    ) -> None:
        self._site = site
        self._clock = clock
        self._past = past
        self._sync = sync
        self.files = files
        self.pseudonymise = pseudonyms
        journal, state = files.journal, files.state
        self._journal = journal
        self._state = state
        self._started = clock.now()
        self._recorded_before = journal.last_recorded
        self._feeder = Feeder(state, journal)
        self._ledger_feeder = Feeder(files.ledger, journal)
        journal.tell_also(
            lambda: {
                "unfed": sum(each.unfed for each in (self._feeder, self._ledger_feeder, self._access.feeder)),
                "outages": self._outages.count,
            }
        )
        self._make_metering(folder)
        self.outlets = Outlets(site, files, folder, now=clock.now, sync=sync, book=self.book)
        self._make_people(folder, pseudonyms)
        self._make_alarms()
        self._make_drivers(pseudonyms)
        self._make_health(folder)
        for consumer in (ALARMS, Health.name, Metering.name, Upkeep.name, *self.outlets.names):
            journal.register(consumer)

    def _make_people(self, folder: Path, pseudonyms: Pseudonyms) -> None:
        """Make what knows who comes and goes, what tells people, and what they look at and write to."""
        site, files, clock, sync, is_past = self._site, self.files, self._clock, self._sync, self._past is not None
        self._access = AccessParts(
            site,
            files,
            folder,
            pseudonyms=pseudonyms,
            now=clock.now,
            steady=clock.steady,
            pace=clock.pace,
            may_forget=sync.is_synchronised,
            outside=self.outlets.outside,
        )
        self.telling = TellingParts(
            site,
            files,
            folder,
            clock=clock,
            sync=sync,
            books=self._books,
            is_current=self._has_applied(files.journal.last),
            is_past=is_past,
        )
        self.console = ConsoleParts(site, files.state, clock.now)
        self._trends = Trends(folder / "journal.db", ledger=folder / "ledger.db", now=clock.now)
        self.residents = make_residents(
            site, folder, files, clock.now, may_forget=sync.is_synchronised, is_past=is_past
        )

    def _make_alarms(self) -> None:
        """Make what judges, and what tells people directly while the journal takes nothing."""
        site, journal, state, clock = self._site, self._journal, self._state, self._clock
        direct = self.telling.direct
        self._unrecorded = Unrecorded(state, site, now=clock.now, tell=direct.alarm)
        failing, meanwhile = self.files.failure, self._unrecorded.run
        self._outages = Outages(site, journal, failing=failing, direct=direct, now=clock.now, meanwhile=meanwhile)
        self._alarms = Alarms(
            journal,
            state,
            site,
            router=self.telling.router,
            now=clock.now,
            monotonic=clock.steady,
            woken=self.telling.notifier.wake,
        )

    def _make_health(self, folder: Path) -> None:
        """Make what tells how devices and the monitor itself do, here and to whoever waits for its ping."""
        site, journal, clock = self._site, self._journal, self._clock
        self._health = Health(
            journal,
            self._state,
            site,
            polls=self._poller.status,
            now=clock.now,
            steady=clock.pace,
            minute=self._past or MINUTE,
        )
        sources, every = self._sources(folder), self._past or REPORT_EVERY
        self._itself = SelfReport(
            journal, sources, now=clock.now, version=_VERSION, every=every, measures_lag=self._past is None
        )
        self._deadman = None
        if site.monitor.deadman:
            stuck = Watchdog(self.movers()).stuck
            every = site.monitor.deadman_every
            self._deadman = Deadman(site.monitor.deadman, every, stuck=stuck, now=clock.now)

    def _make_metering(self, folder: Path) -> None:
        """Make what meters, and the book that answers for it."""
        site, now = self._site, self._clock.now
        # A clock that runs years ahead would have the ledger forget everything.
        trusted, steady = self._sync.is_synchronised, self._clock.pace
        journal, ledger = self._journal, self.files.ledger
        self._metering = Metering(journal, ledger, site, now=now, steady=self._clock.brisk, may_forget=trusted)
        registers, today = self._metering.registers, self._metering.coverage_today
        self.book = Book(folder / "ledger.db", site, registers=registers, today=today, now=now)
        self._upkeep = Upkeep(journal, ledger, site, now=now, steady=steady, may_forget=trusted)
        self._upkeep_book = UpkeepBook(folder / "ledger.db", site, upkeep=self._upkeep, now=now)

    @property
    def raised(self) -> int:
        """How many alarms were raised since the start."""
        return int(self._alarms.status()["raised"])

    @property
    def _books(self) -> Books:
        """What reports are made of."""
        access, upkeep, state = self._access.book, self._upkeep_book, self._state
        return Books(usage=self.book, access=access, upkeep=upkeep, alarms=Past(state), messages=Messages(state))

    def _has_applied(self, recorded: Position) -> Callable[[], bool]:
        """Whether all that was recorded before is metered, counted and judged: reports would leave it out."""
        consumers = (self._metering, self._upkeep, self._access.people, self._access.doors)
        return lambda: min(each.applied for each in consumers) >= recorded

    def _make_drivers(self, pseudonyms: Pseudonyms) -> None:
        """Make a driver for each connection, and what polls those that are asked."""
        journal, site, now = self._journal, self._site, self._clock.now
        self._pushed: dict[str, PushedDriver] = {}
        polled: dict[str, PolledDriver] = {}
        context = DriverContext(now=now, pseudonymise=pseudonyms, site=site.id, last_event=journal.last_event)
        types = resolve(DRIVERS)
        for connection in site.connections.values():
            kind = types[connection.driver]
            devices = [device for device in site.devices.values() if device.connection == connection.id]
            driver = kind.create(connection, devices, context)
            (polled if kind.polled else self._pushed)[connection.id] = driver
        self._poller = Poller(polled, site.devices, journal, clock=self._clock, also=self._unrecorded.hear)
        self._by_hand = ByHand(self._poller, polled, tuple(site.devices.values()))

    def close(self) -> None:
        """Let go of what the parts hold beside the files."""
        self.book.close()
        self._upkeep_book.close()
        self._access.close()
        self.outlets.close()
        self.telling.close()
        self._trends.close()

    def _sources(self, folder: Path) -> Sources:
        return Sources(
            readings=lambda: self._health.readings,
            down=self._health.down,
            journal=self._journal.stats,
            poller=self._poller.facts,
            sinks=dict if self._past else self.outlets.facts,
            alarms=self._alarms.status,
            state=self._state,
            folder=folder,
            synchronised=self._sync.is_synchronised,
        )

    def _advice(self, device: str, state: str) -> str:
        """What to look at when a device is in a state of `monitor.health`: its driver's word, else the usual."""
        connection = self._site.devices[device].connection
        if connection in self._pushed:
            told = self._pushed[connection].advice(device, heard=state != "never_answered")
        else:
            told = self._poller.advice(device)
        return told or usual_advice(state)

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        intake = self._unrecorded.listening(self._journal.append)
        return {
            "files": self.files.watch(),
            "copies of the state": self.files.copies.run(),
            "outages": self._outages.run(),
            "feeder": self._feeder.run(),
            "copies of the ledger": self.files.ledger_copies.run(),
            "feeder of the ledger": self._ledger_feeder.run(),
            **self._access.tasks(),
            "copies of access": self.files.access_copies.run(),
            "metering": self._metering.run(),
            "upkeep": self._upkeep.run(),
            "alarms": self._alarms.run(),
            **self.telling.tasks(),
            "accounts": self.console.accounts.run(),
            **self.residents.tasks(),
            "poller": self._poller.run(),
            "health": self._health.run(),
            "self-report": self._itself.run(),
            **({} if self._deadman is None else {"dead-man ping": self._deadman.run()}),
            **{f"driver {name}": driver.run(intake) for name, driver in self._pushed.items()},
            **self.outlets.tasks(),
        }

    def tasks_of_the_past(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs while the past is filled in: what judges and counts, and nothing that reaches anybody."""
        return {
            "feeder": self._feeder.run(),
            "feeder of the ledger": self._ledger_feeder.run(),
            **self._access.tasks_of_the_past(),
            "metering": self._metering.run(),
            "upkeep": self._upkeep.run(),
            "alarms": self._alarms.run(),
            "health": self._health.run(),
            "self-report": self._itself.run(),
        }

    def movers(self) -> Mapping[str, Callable[[], int | None]]:
        """For the watchdog: the journal's writer, the engine's position, the notifier; None when idle."""
        journal, alarms = self._journal, self._alarms
        return {
            "journal": lambda: journal.beat,
            "alarms": lambda: alarms.progress if alarms.applied != journal.last else None,
            "notifier": lambda: self.telling.notifier.progress,
        }

    def last_downtime(self, folder: Path) -> Downtime | None:
        """When the monitor did not run before this start; to be asked once."""
        return last_downtime(folder, self._recorded_before, self._started)

    async def say_started(self, downtime: Downtime | None) -> None:
        """Note in the journal that the monitor runs again, and from when to when it had not."""
        attributes: dict[str, Value] = {"version": _VERSION, **self.files.what_was_replaced()}
        if downtime is not None:
            attributes |= {"off_since": downtime.since, "off_until": downtime.until, "off_after": downtime.after}
            if downtime.seconds is not None:
                attributes["off_s"] = downtime.seconds
        event = Event(
            device=MONITOR_DEVICE,
            kind="monitor_started",
            time=self._started,
            arrived=self._started,
            id=f"started-{self._started}",
            attributes=attributes,
        )
        with contextlib.suppress(JournalError):  # the journal says so itself
            await self._journal.append([Batch(entries=[event])])

    async def serve(self, socket: Path, *, started: int, downtime: Downtime | None, reload: Reload) -> None:
        """Serve the API.

        `started` is when the process began to run (UTC ms), `downtime` what ended then, `reload` what
        `POST /reload` does.
        """
        api = self._api_parts(started, downtime, reload)
        await serve(api, self._journal, socket, self._access.memories, self.console)

    def _api_parts(self, started: int, downtime: Downtime | None, reload: Reload) -> ApiParts:
        def connections() -> Mapping[str, Mapping[str, Any]]:
            polled = {name: asdict(facts) for name, facts in self._poller.connections().items()}
            return polled | {name: driver.status() for name, driver in self._pushed.items()}

        return ApiParts(
            site=self._site,
            version=_VERSION,
            started=started,
            loaded=self._started,
            downtime={} if downtime is None else downtime.as_json(),
            reload=reload,
            now=self._clock.now,
            journal=self._journal,
            alarms=AlarmDesk(self._state, self.telling.notifier, self._clock.now, self._alarms),
            duty=DutyDesk(self._state, self._site, self._clock.now),
            holds=HoldDesk(self._state, self._site, self._clock.now),
            channels=self.telling.desk,
            cases=CaseDesk(self._state, self._site, self._clock.now),
            polls=self._poller.status,
            connections=connections,
            poller=self._poller.facts,
            sinks=self.outlets.facts,
            letters=self.outlets.letters,
            backfills=self.outlets.backfills,
            examine_influx=partial(examine, self._site, self._clock),
            notify=self.telling.notifier.counts,
            health=self._health.states,
            losses=self._health.losses,
            advice=self._advice,
            itself=lambda: {**self._itself.newest, "readings_total": self._health.readings},
            deadman=lambda: {} if self._deadman is None else self._deadman.status(),
            by_hand=self._by_hand,
            meters=Meters(self.book, self._site, self._clock.now, recompute=self._metering.recompute),
            reports=Desk(self._books, self._site, self._clock.now),
            access=self._access.desk,
            people=self._access.people.status,
            equipment=UpkeepDesk(self._upkeep_book, self._site, self._clock.now),
            upkeep=self._upkeep.status,
            trends=self._trends,
            registers=self.book,
            judging=self._alarms.status,
            judged=lambda: self._alarms.applied,
            links=self.telling.links.facts,
            accounts=self.console.accounts,
            console=self.console.facts,
            residents=self.residents.desk,
            metering=lambda: {**self._metering.status(), "size_bytes": self.files.ledger_size()},
        )
