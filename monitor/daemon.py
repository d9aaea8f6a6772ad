"""The daemon's life: it starts with a site file, takes it again when asked to, and ends when told to."""

import asyncio
import contextlib
import errno
import fcntl
import gc
import os
import signal
import stat
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from monitor.app import budgets_of, load_site
from monitor.app.parts import Parts, open_parts
from monitor.clock import Clock
from monitor.clocksync import ClockSync
from monitor.cycles import look_seldom
from monitor.downtime import Downtime, note_stop
from monitor.errors import FacilityMonitorError, JournalError, SettingsError
from monitor.lookups import loop_factory
from monitor.programlog import write_log_to
from monitor.settings.difference import difference
from monitor.site import Site
from monitor.supervision import Watchdog, notify

__all__ = ["Daemon", "holding", "run_daemon", "run_site", "spare_what_stays"]

_log = structlog.get_logger()

_PRIVATE = 0o700
_DISK = {errno.EROFS, errno.EIO, errno.ENOSPC, errno.EDQUOT}
"""What may pass without anybody changing the settings: the service tries again."""
_MADE = 30.0
"""Seconds after which all parts have been made and all libraries loaded."""
_ANSWER_FIRST = 0.2
"""Seconds in which the answer to a reload gets out before its socket is closed."""


class _Again(Exception):
    """Ends all parts, so that they begin again with the new settings."""


def run_site(path: Path, folder: Path) -> None:
    """Run the monitor of a site file until SIGTERM or SIGINT; `folder` holds its state.

    Raises SettingsError when the file, a secret or the folder is not in order.
    """
    write_log_to()
    look_seldom()
    loaded = load_site(path)
    loaded.refuse()
    for finding in loaded.warnings:
        _log.warning("settings", finding=str(finding))
    with holding(folder):
        run_daemon(Daemon(site=loaded.site, folder=folder, file=path))


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Make the state folder if need be, and hold it: nobody else begins on it before this ends.

    Raises SettingsError when it cannot be used, JournalError when its disk does not take anything now,
    FacilityMonitorError when another daemon holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        if stat.S_IMODE(folder.stat().st_mode) & 0o007:
            folder.chmod(_PRIVATE)
        descriptor = os.open(folder / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"the state folder {folder} cannot be used: {error.strerror}"
        if error.errno in _DISK:
            raise JournalError(f"{message}; look at the disk (dmesg, df), then start again") from error
        raise SettingsError(f"{message}; name another one with --state, or mend this one") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FacilityMonitorError(f"another daemon keeps its state in {folder}; stop it first") from None
        yield
    finally:
        os.close(descriptor)


def run_daemon(daemon: "Daemon", *beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a daemon, and what is to run beside it, until SIGTERM or SIGINT or until all of `beside` have ended."""
    look_seldom()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_told(daemon, beside))


async def _until_told(daemon: "Daemon", beside: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    running = asyncio.create_task(daemon.run(), name="daemon")
    loop = asyncio.get_running_loop()

    def end(told: signal.Signals) -> None:
        _log.info("told to end", signal=told.name)
        running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, daemon.wished.set)
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


async def spare_what_stays() -> None:
    """Once all parts run, take what they are made of out of the search for cycles, until this ends.

    With ten thousand devices each search would go through more than half a million objects, and stop everything
    for half a second.
    """
    await asyncio.sleep(_MADE)
    gc.freeze()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        gc.unfreeze()


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


@dataclass(kw_only=True)
class Daemon:
    """The monitor of one site file. `folder` holds all that must outlive it; `wished` asks for a reload."""

    site: Site
    folder: Path
    file: Path
    clock: Clock = field(default_factory=Clock)
    sync: ClockSync = field(default_factory=ClockSync)
    wished: asyncio.Event = field(default_factory=asyncio.Event)
    _next: Site | None = None
    _downtime: Downtime | None = None
    _agreed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def socket(self) -> Path:
        """Where the API listens: `$RUNTIME_DIRECTORY`, else the state folder."""
        given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        return (Path(given) if given else self.folder) / "api.sock"

    async def run(self) -> None:
        """Run until cancelled; `folder` is held by the caller. Raises SettingsError or JournalError."""
        started = self.clock.now()
        former: Site | None = None
        try:
            while True:
                try:
                    async with open_parts(self.site, self.folder, self.clock, self.sync) as parts:
                        await self._run(parts, started, is_first=former is None)
                except _Again:
                    assert self._next is not None
                    former, self.site, self._next = self.site, self._next, None
                except SettingsError as error:
                    if former is None or former is self.site:
                        raise
                    _log.error("settings_taken_back", error=str(error), what_to_do="correct the file and reload")
                    self.site = former
        except asyncio.CancelledError:
            note_stop(self.folder, self.clock.now())
            raise
        finally:
            notify(STOPPING=1)

    async def _run(self, parts: Parts, started: int, *, is_first: bool) -> None:
        """Run all parts until one of them fails, and raise why: _Again when it is a reload that ends them."""
        try:
            await self._run_all(parts, started, is_first=is_first)
        except BaseExceptionGroup as group:
            again, failures = group.split(_Again)
            raise _first(failures or again or group) from group

    async def _run_all(self, parts: Parts, started: int, *, is_first: bool) -> None:
        if is_first:
            self._downtime = parts.last_downtime(self.folder)
        async with asyncio.TaskGroup() as tasks:
            for name, part in parts.tasks().items():
                tasks.create_task(part, name=name)
            if is_first:
                tasks.create_task(parts.say_started(self._downtime), name="started")
            api = parts.serve(self.socket, started=started, downtime=self._downtime, reload=self.reload)
            tasks.create_task(api, name="api")
            tasks.create_task(Watchdog(parts.movers()).run(), name="watchdog")
            tasks.create_task(self._begin_again(), name="reload")
            tasks.create_task(self._heed_signals(), name="reload on SIGHUP")
            tasks.create_task(spare_what_stays(), name="what stays")
            notify(READY=1, STATUS=f"{len(self.site.devices)} devices, {len(self.site.rules)} rules")
            event = "started" if is_first else "reloaded"
            _log.info(event, site=self.site.id, devices=len(self.site.devices), rules=len(self.site.rules))

    async def reload(self, *, dry_run: bool) -> Mapping[str, Any]:
        """Check the site file again and answer what it changes; unless `dry_run`, begin again with it.

        Raises SettingsError, with nothing changed, when the file is not in order.
        """
        loaded = await asyncio.to_thread(load_site, self.file, thorough=True)
        loaded.refuse()
        before = await asyncio.to_thread(budgets_of, self.site)
        changes = difference(self.site, loaded.site, before=before, after=loaded.budgets)
        if not dry_run:
            self._next = loaded.site
            asyncio.get_running_loop().call_later(_ANSWER_FIRST, self._agreed.set)
        return changes.as_json() | {"warnings": [str(finding) for finding in loaded.warnings], "dry_run": dry_run}

    async def _begin_again(self) -> None:
        await self._agreed.wait()
        self._agreed.clear()
        notify(RELOADING=1)
        raise _Again

    async def _heed_signals(self) -> None:
        while True:
            await self.wished.wait()
            self.wished.clear()
            try:
                changes = await self.reload(dry_run=False)
                _log.info("reloading", **{name: changes[name] for name in ("added", "removed", "changed")})
            except FacilityMonitorError as error:
                _log.error(
                    "reload_refused", error=str(error), what_to_do="the old settings go on; correct the file"
                )
