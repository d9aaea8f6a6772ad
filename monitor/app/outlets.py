"""What carries the journal out, made and joined: sinks, a period sent again, and who is forgotten there."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from drivers.mqtt.tls import tls_context
from monitor.alarms import commands
from monitor.alarms.store import open_alarms
from monitor.clocksync import ClockSync
from monitor.errors import RequestRefused
from monitor.journal.files import Files
from monitor.metering.book import Book
from monitor.model import Position
from monitor.ports import Batch, Sink
from monitor.sinks.backfill import Backfill
from monitor.sinks.deadletters import DeadLetters
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.again import InfluxPast
from monitor.sinks.influxdb.erase import InfluxErasing
from monitor.sinks.loopback import is_on_loopback
from monitor.sinks.mqtt import Acknowledging, MqttSink
from monitor.sinks.runner import SinkRunner
from monitor.site import MqttSinkSettings, Site
from monitor.wording import Sentence

__all__ = ["Outlets"]

_VERSION = version("facility-monitor")


class Outlets:
    """All sinks of a site, and what sends to InfluxDB again and erases there; nothing runs before its task does.

    `book`: what meters used, longer than the journal knows. `sync`: what InfluxDBs elsewhere wait for: a box may
    start years back.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        site: Site,
        files: Files,
        folder: Path,
        *,
        now: Callable[[], int],
        sync: ClockSync,
        book: Book,
    ) -> None:
        self._site = site
        self._files = files
        self._now = now
        self.letters = DeadLetters(files.state, now)
        self.runners: dict[str, SinkRunner] = {}
        self.outside: list[InfluxErasing] = []
        self.backfills: dict[str, Backfill] = {}
        self._asked: dict[str, Acknowledging] = {}
        for name, settings in site.influxdbs.items():
            influx = InfluxSink(settings, site, files.state)
            runner = self._run(influx, None if is_on_loopback(settings.url) else sync)
            self.outside.append(InfluxErasing(settings, partial(self._written_until, name), runner.settled))
            past = InfluxPast(influx, site, files.journal, folder / "state.db", book.past_usage)
            self.backfills[name] = Backfill(runner, files.state, past, now=now)
        for broker in site.mqtt_sinks.values():
            mirror = self._mqtt(broker)
            self._run(mirror, None)
            if mirror.acknowledging is not None:
                self._asked[mirror.name] = mirror.acknowledging

    def _run(self, sink: Sink, awaited: ClockSync | None) -> SinkRunner:
        files = self._files
        runner = SinkRunner(files.journal, files.state, sink, now=self._now, letters=self.letters, clock=awaited)
        self.runners[sink.name] = runner
        return runner

    def _written_until(self, sink: str) -> Position:
        return self.runners[sink].position

    def _mqtt(self, settings: MqttSinkSettings) -> MqttSink:
        options = self._site.connections[settings.connection].options
        return MqttSink(
            settings,
            self._site,
            version=_VERSION,
            open_alarms=partial(open_alarms, self._files.state, include_held=True),
            readings=self._files.journal.readings,
            now=self._now,
            tls=partial(tls_context, options) if options.tls else None,
            acknowledge=self._acknowledge,
        )

    async def _acknowledge(self, occurrence: str, *, by: str, reason: str) -> None:
        """Keep an acknowledgement that came over a broker; RequestRefused says why it cannot be."""
        alarm = await commands.check(self._files.state, occurrence)
        if alarm.normal:  # it would reset it
            raise RequestRefused(
                Sentence(
                    "the alarm {alarm} is latched: it is reset at the monitor, not over a broker", alarm=occurrence
                )
            )
        asked = await commands.acknowledge(self._files.state, occurrence, by=by, reason=reason, now=self._now())
        await self._files.journal.append([Batch(entries=[asked])])

    @property
    def names(self) -> Sequence[str]:
        """The sinks by their names, which are those of consumers of the journal."""
        return tuple(self.runners)

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """How each sink does."""
        more = {name: backfill.status() for name, backfill in self.backfills.items()}
        return {name: {**runner.status(), **more.get(name, {})} for name, runner in self.runners.items()}

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        again = {f"backfill {name}": backfill.run() for name, backfill in self.backfills.items()}
        asked = {f"acknowledgements at {name}": each.run() for name, each in self._asked.items()}
        return again | asked | self.tasks_of_sinks()

    def tasks_of_sinks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What carries the journal out, and nothing a second time."""
        return {f"sink {name}": runner.run() for name, runner in self.runners.items()}

    def close(self) -> None:
        """Let go of what is held beside the files."""
        for outside in self.outside:
            outside.close()
