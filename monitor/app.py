"""Where the daemon is put together: the only module that names concrete classes."""

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from drivers import DRIVERS
from monitor.access.doors import Doors
from monitor.access.pseudonyms import Pseudonyms
from monitor.alarms import Alarms
from monitor.alarms.keep import NAME as ALARMS
from monitor.alarms.store import standing
from monitor.clock import Clock
from monitor.errors import JournalError, SettingsError
from monitor.journal.feeder import Feeder
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Event
from monitor.notify.channels import Channels, check_address
from monitor.notify.outbox import Notifier
from monitor.notify.routing import make_router
from monitor.poller import Poller
from monitor.ports import Batch, DriverContext, PolledDriver, PushedDriver
from monitor.programlog import write_log_to
from monitor.schema import MONITOR_DEVICE
from monitor.settings import Loaded, load
from monitor.settings.tables import resolve
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.runner import SinkRunner
from monitor.site import Device, Site
from monitor.supervision import Watchdog, notify
from monitor.web.desk import AlarmDesk
from monitor.web.parts import Parts as ApiParts
from rules.kinds import RULES

__all__ = ["Daemon", "load_site", "run_daemon", "run_site"]

_log = structlog.get_logger()

_PRIVATE = 0o700


def load_site(path: Path, environ: Mapping[str, str] = os.environ, *, thorough: bool = False) -> Loaded:
    """Read a site file with the drivers and rule kinds that this program has; raises SettingsInvalid.

    `thorough` also asks channels and drivers, whose libraries take a second to load.
    """
    return load(
        path,
        drivers=resolve(DRIVERS),
        rules=resolve(RULES),
        environ=environ,
        wrong_address=check_address if thorough else None,
    )


def run_site(path: Path, folder: Path) -> None:
    """Run the monitor of a site file until SIGTERM or SIGINT; `folder` holds its state.

    Raises SettingsError when the file, a secret or the folder is not in order.
    """
    write_log_to()
    loaded = load_site(path)
    for finding in loaded.warnings:
        _log.warning("settings", finding=str(finding))
    if loaded.must_refuse:
        raise SettingsError("\n".join(str(finding) for finding in loaded.refusals))
    run_daemon(Daemon(site=loaded.site, folder=folder))


def run_daemon(daemon: "Daemon", *beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a daemon, and what is to run beside it, until SIGTERM or SIGINT or until all of `beside` have ended."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_told(daemon, beside))


async def _until_told(daemon: "Daemon", beside: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    running = asyncio.create_task(daemon.run(), name="daemon")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    if beside:

        async def companions() -> None:
            async with asyncio.TaskGroup() as tasks:
                for companion in beside:
                    tasks.create_task(companion())

        others = asyncio.create_task(companions(), name="beside the daemon")
        await asyncio.wait([running, others], return_when=asyncio.FIRST_COMPLETED)
        for task in (others, running):
            task.cancel()
        await asyncio.wait([running, others])
        if not others.cancelled():
            others.result()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Answer uvloop where it is installed: a third less CPU."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


@dataclass(kw_only=True)
class Daemon:
    """Every part of one site's monitor, joined by the journal alone. `folder` holds all that must outlive it."""

    site: Site
    folder: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def socket(self) -> Path:
        """Where the API listens: `$RUNTIME_DIRECTORY`, else the state folder."""
        given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        return (Path(given) if given else self.folder) / "api.sock"

    async def run(self) -> None:
        """Run until cancelled. Raises SettingsError or JournalError when it cannot begin."""
        self._make_folder()
        pseudonyms = Pseudonyms.open(self.folder)
        async with contextlib.AsyncExitStack() as files:
            state = State.open(self.folder / "state.db")
            files.push_async_callback(state.close)
            journal = SqliteJournal.open(
                self.folder / "journal.db",
                self.site.journal,
                now=self.clock.now,
                begin_above=await state.newest_position(),
            )
            files.push_async_callback(journal.close)
            parts = _Parts(self.site, self.clock, journal, state, pseudonyms)
            try:
                await self._run(parts)
            finally:
                notify(STOPPING=1)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
            if stat.S_IMODE(self.folder.stat().st_mode) & 0o007:
                self.folder.chmod(_PRIVATE)
        except OSError as error:
            raise SettingsError(f"the state folder {self.folder} cannot be used: {error.strerror}") from error

    async def _run(self, parts: "_Parts") -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, part in parts.tasks().items():
                tasks.create_task(part, name=name)
            tasks.create_task(parts.say_started(), name="started")
            tasks.create_task(parts.serve(self.socket), name="api")
            tasks.create_task(Watchdog(parts.movers()).run(), name="watchdog")
            notify(READY=1, STATUS=f"{len(self.site.devices)} devices, {len(self.site.rules)} rules")
            _log.info("started", site=self.site.id, devices=len(self.site.devices), rules=len(self.site.rules))


class _Parts:
    """The parts, made and joined; nothing runs before its task does."""

    def __init__(
        self, site: Site, clock: Clock, journal: SqliteJournal, state: State, pseudonyms: Pseudonyms
    ) -> None:
        self._site = site
        self._clock = clock
        self._journal = journal
        self._state = state
        self._started = clock.now()
        self._off_since = journal.last_recorded
        self._feeder = Feeder(state, journal)
        self._doors = Doors(journal, state, site)
        self._notifier = Notifier(state, site, channels=Channels(), now=clock.now, standing=standing)
        self._alarms = Alarms(
            journal, state, site, router=make_router(site), now=clock.now, woken=self._notifier.wake
        )
        self._pushed: dict[str, PushedDriver] = {}
        polled: dict[str, PolledDriver] = {}
        context = DriverContext(now=clock.now, pseudonymise=pseudonyms, site=site.id)
        types = resolve(DRIVERS)
        for connection in site.connections.values():
            kind = types[connection.driver]
            driver = kind.create(connection, self._devices(connection.id), context)
            (polled if kind.polled else self._pushed)[connection.id] = driver
        self._poller = Poller(polled, site.devices, journal, clock=clock)
        self._sinks: dict[str, SinkRunner] = {}
        if site.influxdb is not None:
            sink = InfluxSink(site.influxdb, site, state)
            self._sinks[sink.name] = SinkRunner(journal, state, sink, now=clock.now)
        for consumer in (Doors.name, ALARMS, *self._sinks):
            journal.register(consumer)

    def _devices(self, connection: str) -> list[Device]:
        return [device for device in self._site.devices.values() if device.connection == connection]

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        return {
            "feeder": self._feeder.run(),
            "doors": self._doors.run(),
            "alarms": self._alarms.run(),
            "notifier": self._notifier.run(),
            "poller": self._poller.run(),
            **{f"driver {name}": driver.run(self._journal.append) for name, driver in self._pushed.items()},
            **{f"sink {name}": runner.run() for name, runner in self._sinks.items()},
        }

    def movers(self) -> Mapping[str, Callable[[], int | None]]:
        """For the watchdog: the journal's writer, the engine's position, the notifier; None when idle."""
        journal, alarms = self._journal, self._alarms
        return {
            "journal": lambda: journal.beat,
            "alarms": lambda: alarms.progress if alarms.applied != journal.last else None,
            "notifier": lambda: self._notifier.progress,
        }

    async def say_started(self) -> None:
        """Note in the journal that the monitor runs again, and since when it had not."""
        event = Event(
            device=MONITOR_DEVICE,
            kind="monitor_started",
            time=self._started,
            arrived=self._started,
            id=f"started-{self._started}",
            attributes={"version": version("facility-monitor")}
            | ({"off_since": self._off_since} if self._off_since else {}),
        )
        with contextlib.suppress(JournalError):  # the journal says so itself
            await self._journal.append([Batch(entries=[event])])

    async def serve(self, socket: Path) -> None:
        """Serve the API; its libraries are loaded in a thread, so that the first polls need not wait for them."""
        make_api, live_state, serve = await asyncio.to_thread(_web)
        live = live_state(self._site, self._journal)
        api = make_api(self._api_parts(), live)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(live.run(), name="live state")
            tasks.create_task(serve(api, socket), name="api server")

    def _api_parts(self) -> ApiParts:
        def connections() -> Mapping[str, Mapping[str, Any]]:
            polled = {name: asdict(facts) for name, facts in self._poller.connections().items()}
            return polled | {name: driver.status() for name, driver in self._pushed.items()}

        return ApiParts(
            site=self._site,
            version=version("facility-monitor"),
            started=self._started,
            now=self._clock.now,
            journal=self._journal,
            alarms=AlarmDesk(self._state, self._notifier, self._clock.now),
            polls=self._poller.status,
            connections=connections,
            poller=self._poller.facts,
            sinks=lambda: {name: runner.status() for name, runner in self._sinks.items()},
            notify=self._notifier.counts,
        )


def _web() -> tuple[Any, Any, Any]:
    from monitor.web.api import make_api
    from monitor.web.live import LiveState
    from monitor.web.server import serve

    return make_api, LiveState, serve
