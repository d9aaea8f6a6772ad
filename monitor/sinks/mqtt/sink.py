"""The sink itself: keeps a broker's picture of the site as the journal has it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Final

from monitor.model import Event, Reading, Recorded, Transition, Value
from monitor.sinks.filter import make_filter
from monitor.sinks.influxdb.thread import BlockingThread
from monitor.sinks.mqtt.acknowledging import Acknowledge, Acknowledging
from monitor.sinks.mqtt.discovery import Announcer, farewells, is_ours, is_under, wildcards
from monitor.sinks.mqtt.publisher import Publisher
from monitor.sinks.mqtt.states import Board
from monitor.sinks.mqtt.topics import EXPIRES_S, Outgoing, State, Topics
from monitor.site import MqttSinkSettings, SinkFilter, Site

__all__ = ["MqttSink"]

OpenAlarms = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
Readings = Callable[[str, int], Awaitable[Sequence[Recorded]]]

_FIRST: Final = "mqtt"
_ONLINE: Final = b"online"
_OFFLINE: Final = b"offline"
_REMEMBERED: Final = 40
_FRESH_MS: Final = 15 * 60_000
_AT_ONCE: Final = 1000
_LOOK_EVERY_S: Final = 10.0
"""What makes no step is seen by then: that nothing is known of a condition any more."""
_SAY_EVERY_S: Final = 30.0


class MqttSink:
    """Publishes what devices say now, their open alarms and their events; a `monitor.ports.Sink`.

    A mirror of this moment and no archive: of readings that were missed only the newest is published, and events
    go out once. After each connection everything is published anew, so that a broker that lost it has it again.
    `open_alarms` answers the alarms that are open or held back (as the API has them), `readings` the newest of a
    device, from which the picture is made at the start; `now`: UTC ms; `tls` makes what the broker's certificate
    is judged by. `acknowledge` keeps an acknowledgement, where the settings let people at the broker give one:
    `acknowledging` has to run then.
    """

    def __init__(  # noqa: PLR0913 - what it publishes, and how
        self,
        settings: MqttSinkSettings,
        site: Site,
        *,
        version: str,
        open_alarms: OpenAlarms,
        readings: Readings,
        now: Callable[[], int],
        tls: Callable[[], ssl.SSLContext] | None = None,
        acknowledge: Acknowledge | None = None,
    ) -> None:
        self.name = settings.id
        self.takes = make_filter(settings.filter)
        """Says whether an entry is to be published; None: all are."""
        self._site = _chosen(site, settings.filter)
        self._kinds = settings.filter.kinds
        self._settings = settings
        self._version = version
        self._open_alarms = open_alarms
        self._readings = readings
        self._now = now
        self._topics = Topics(site, settings.topic)
        options = site.connections[settings.connection].options
        will = Outgoing(self._topics.availability, _OFFLINE)
        client = f"facility-monitor-{site.id}-publishes" + (f"-{self.name}" if self.name != _FIRST else "")
        self._publisher = Publisher(options, client, will, tls)
        self._thread = BlockingThread(f"{self.name}-sink")
        self._states: dict[str, State] = {}
        self._is_remembered = False
        self._board = Board(self._site, self._topics)
        self.acknowledging: Acknowledging | None = None
        """What works off what is asked at the broker; None where nobody may ask."""
        if settings.acknowledge and acknowledge is not None:
            places = {self._topics.acknowledge_topic(*key): key for key in self._board.alarms}
            self.acknowledging = Acknowledging(self.name, places, lambda: self._board.waiting, acknowledge)
        self._looked_at = self._said_at = 0.0
        self._messages = 0
        self._is_whole = False
        self._closed = False

    async def write(self, batch: Sequence[Recorded]) -> None:
        """Publish what the batch changes, or raise SinkUnavailable; call again."""
        if not batch:
            return
        if not self._is_remembered:
            await self._remember()
        messages, is_judged = self._take(batch)
        if not (self._is_whole and self._publisher.is_connected):
            await self._begin()
        await self._publish(messages)
        if self._has("alarms") and (is_judged or monotonic() - self._looked_at >= _LOOK_EVERY_S):
            await self._tell_alarms()
        if monotonic() - self._said_at >= _SAY_EVERY_S:
            await self._say_online()

    def _take(self, batch: Sequence[Recorded]) -> tuple[list[Outgoing], bool]:
        """Answer what the batch says of devices and events, and whether it has a step of an alarm."""
        changed: dict[str, None] = {}
        events = []
        is_judged = False
        for recorded in batch:
            entry = recorded.entry
            if self.takes is not None and not self.takes(entry):
                continue
            if isinstance(entry, Reading) and entry.device in self._site.devices:
                if self._states.setdefault(entry.device, State()).take(entry):
                    changed[entry.device] = None
            elif isinstance(entry, Event):
                events.append(self._topics.event(entry))
            elif isinstance(entry, Transition):
                is_judged = True
        return [self._topics.state(device, self._states[device]) for device in changed] + events, is_judged

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        for start in range(0, len(messages), _AT_ONCE):
            piece = messages[start : start + _AT_ONCE]
            await self._thread.do(partial(self._publisher.publish, piece))
            self._messages += len(piece)

    async def _remember(self) -> None:
        """Take what was said in the last quarter of an hour, before this start too: slow points come seldom."""
        oldest = self._now() - _FRESH_MS
        for device in self._site.devices if self._has("readings") else ():
            for recorded in await self._readings(device, _REMEMBERED):
                if isinstance(recorded.entry, Reading) and recorded.entry.time >= oldest:
                    self._states.setdefault(device, State()).take(recorded.entry)
        self._is_remembered = True

    async def _begin(self) -> None:
        """Connect and publish the whole picture; `online` comes last."""
        self._is_whole = False  # until all is there: the state may not be readable now
        await self._thread.do(self._publisher.connect)
        messages = [self._topics.state(device, state) for device, state in self._states.items()]
        alarms = self._board.picture(await self._open_alarms()) if self._has("alarms") else {}
        messages += [Outgoing(topic, payload) for topic, payload in alarms.items()]
        ours = [self._topics.device_topic("+"), self._topics.alarms_topic("+"), self._topics.alarm_topic("+", "#")]
        ours.append(self._topics.summary)
        filters = [*ours, *wildcards(self._settings.homeassistant)]
        old = await self._thread.do(lambda: self._publisher.retained(*filters))
        messages += self._announced(old)
        messages += self._left_out(old)
        await self._publish(messages)
        self._board.published(alarms, monotonic())
        self._looked_at = monotonic()
        acknowledging = self.acknowledging
        if acknowledging is not None:
            place = self._topics.acknowledge_topic("+", "#")
            await self._thread.do(lambda: self._publisher.listen(place, acknowledging.hear))
        await self._say_online()
        self._is_whole = True

    async def _say_online(self) -> None:
        """Say that all this is of this moment, ahead of the time at which the last word of it expires.

        A broker that was killed together with the monitor says no last will: what it had kept is then not told as
        if it were of this moment. The summary says it to those who know no expiry.
        """
        messages = [Outgoing(self._topics.availability, _ONLINE, expires=EXPIRES_S)]
        if self._has("alarms"):
            messages.append(Outgoing(self._topics.summary, self._board.now(self._topics.summary)))
        await self._publish(messages)
        self._said_at = monotonic()

    def _has(self, kind: str) -> bool:
        return self._kinds is None or kind in self._kinds

    def _announced(self, old: Mapping[str, bytes]) -> list[Outgoing]:
        """What Home Assistant is told, and before it what takes back what it was told earlier."""
        prefix = self._settings.homeassistant
        announcer = Announcer(
            site=self._site,
            topics=self._topics,
            prefix=prefix,
            version=self._version,
            kinds=self._kinds,
            alarms=tuple(self._board.alarms.values()),
            acknowledge=self.acknowledging is not None,
        )
        announced = list(announcer.announcements()) if prefix else []
        known = {message.topic for message in announced}
        gone = [
            Outgoing(topic, b"")
            for topic, content in old.items()
            if topic.endswith("/config")
            and topic not in known
            and is_ours(topic, self._site)
            and ((prefix and topic.startswith(f"{prefix}/device/")) or is_under(content, self._topics))
        ]
        less = [each for one in announced for each in farewells(one, old.get(one.topic, b""))]
        return less + announced + gone

    def _left_out(self, old: Mapping[str, bytes]) -> list[Outgoing]:
        """Take back what is still retained of devices and rules that are gone or left out now."""
        known = {self._topics.device_topic(device) for device in self._site.devices if self._has("readings")}
        known |= self._board.known if self._has("alarms") else set()
        return [
            Outgoing(topic, b"")
            for topic in old
            if topic.startswith(f"{self._topics.base}/") and topic not in known
        ]

    async def _tell_alarms(self) -> None:
        """Publish how the alarms stand at this moment, whatever the batch says of earlier ones.

        One that chatters waits for its second, and then the newest is told.
        """
        changes = self._board.changes(await self._open_alarms())
        pause = self._board.wait(changes, monotonic())
        if pause:
            await asyncio.sleep(pause)
            changes = self._board.changes(await self._open_alarms())
        await self._publish([Outgoing(topic, payload) for topic, payload in changes.items()])
        self._board.published(changes, monotonic())
        self._looked_at = monotonic()

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`: the connection, messages that the broker has taken, what was asked there."""
        facts: dict[str, Value] = {"connected": self._publisher.is_connected, "messages": self._messages}
        if self.acknowledging is not None:
            facts |= {"acknowledged": self.acknowledging.acknowledged, "refused": self.acknowledging.refused}
        return facts

    async def close(self) -> None:
        """Say good-bye and close the connection after what is under way; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._thread.end(lambda: self._publisher.close(Outgoing(self._topics.availability, _OFFLINE)))


def _chosen(site: Site, chosen: SinkFilter) -> Site:
    """The site with those devices alone that something is published of."""
    if chosen.devices is None:
        return site
    return replace(site, devices={name: each for name, each in site.devices.items() if name in chosen.devices})
