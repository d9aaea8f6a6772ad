"""The sink itself: keeps a broker's picture of the site as the journal has it."""

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from monitor.model import Event, Reading, Recorded, Transition, Value
from monitor.schema import MONITOR_DEVICE
from monitor.sinks.filter import make_filter
from monitor.sinks.influxdb.thread import BlockingThread
from monitor.sinks.mqtt.discovery import announcements, is_ours, wildcard
from monitor.sinks.mqtt.publisher import Publisher
from monitor.sinks.mqtt.topics import Outgoing, State, Topics
from monitor.site import MqttSinkSettings, SinkFilter, Site

__all__ = ["MqttSink"]

OpenAlarms = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
Readings = Callable[[str, int], Awaitable[Sequence[Recorded]]]

_FIRST: Final = "mqtt"
_ONLINE: Final = b"online"
_OFFLINE: Final = b"offline"
_REMEMBERED: Final = 40
_FRESH_MS: Final = 15 * 60_000


class MqttSink:
    """Publishes what devices say now, their open alarms and their events; a `monitor.ports.Sink`.

    A mirror of this moment and no archive: of readings that were missed only the newest is published, and events
    go out once. After each connection everything is published anew, so that a broker that lost it has it again.
    `open_alarms` answers the alarms that are open (as the API has them), `readings` the newest of a device, from
    which the picture is made at the start; `now`: UTC ms; `tls` makes what the broker's certificate is judged by.
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
        self._messages = 0
        self._closed = False

    async def write(self, batch: Sequence[Recorded]) -> None:
        """Publish what the batch changes, or raise SinkUnavailable; call again."""
        if batch and not self._is_remembered:
            await self._remember()
        changed: dict[str, None] = {}
        events = []
        judged: dict[str, None] = {}
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
                judged[entry.device] = None
        if not self._publisher.is_connected and batch:
            await self._begin()
        messages = [self._topics.state(device, self._states[device]) for device in changed]
        messages += events
        messages += await self._alarms(judged)
        if messages:
            await self._thread.do(lambda: self._publisher.publish(messages))
            self._messages += len(messages)

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
        await self._thread.do(self._publisher.connect)
        messages = [self._topics.state(device, state) for device, state in self._states.items()]
        messages += await self._alarms(dict.fromkeys(self._site.devices if self._has("alarms") else ()))
        prefix = self._settings.homeassistant
        if prefix:
            announced = list(announcements(self._site, self._topics, prefix, self._version, self._kinds))
            known = {message.topic for message in announced}
            old = await self._thread.do(lambda: self._publisher.retained(wildcard(prefix)))
            gone = [topic for topic in old if is_ours(topic, self._site) and topic not in known]
            messages += announced + [Outgoing(topic, b"") for topic in gone]
        if self.takes is not None:
            messages += await self._left_out()
        messages.append(Outgoing(self._topics.availability, _ONLINE))
        await self._thread.do(lambda: self._publisher.publish(messages))
        self._messages += len(messages)

    def _has(self, kind: str) -> bool:
        return self._kinds is None or kind in self._kinds

    async def _left_out(self) -> list[Outgoing]:
        """Take back what is still retained from a time when less was left out."""
        devices = self._site.devices
        known = {self._topics.device_topic(device) for device in devices if self._has("readings")}
        known |= {
            self._topics.alarms_topic(device) for device in (*devices, MONITOR_DEVICE) if self._has("alarms")
        }
        wildcards = (self._topics.device_topic("+"), self._topics.alarms_topic("+"))
        old = await self._thread.do(lambda: self._publisher.retained(*wildcards))
        return [Outgoing(topic, b"") for topic in old if topic not in known]

    async def _alarms(self, devices: Mapping[str, None]) -> list[Outgoing]:
        """The open alarms of devices, as they are at this moment, whatever the batch says of earlier ones."""
        if not devices:
            return []
        by_device: dict[str, list[Mapping[str, Any]]] = {device: [] for device in devices}
        for alarm in await self._open_alarms():
            by_device.get(str(alarm["device"]), []).append(alarm)
        return [self._topics.alarms(device, alarms) for device, alarms in by_device.items()]

    def status(self) -> Mapping[str, Value]:
        """Facts for `status`: whether there is a connection, messages that the broker has taken."""
        return {"connected": self._publisher.is_connected, "messages": self._messages}

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
