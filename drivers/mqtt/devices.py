"""From a site's devices to what to subscribe to, and from a message to the entries of the devices it is for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from drivers.mqtt.events import EventMapper, EventStamps
from drivers.mqtt.message import Message
from drivers.mqtt.payload import Body, Getter, Lack, PointGroup, getter, spelling, vouched
from drivers.mqtt.settings import Availability, MqttDevice, MqttEvent, MqttProfile, Where
from drivers.mqtt.times import Instants, timestamp
from drivers.mqtt.topics import Topics, compose
from monitor.errors import SettingsError
from monitor.model import LATE, Entry, Event, Missing, Origin, Reading
from monitor.ports import Pseudonymise
from monitor.site import Device, Point

if TYPE_CHECKING:
    from drivers.mqtt.sparkplug.edge import Edge

__all__ = ["Decoded", "Decoder", "Message"]

_NOTHING: Final = Missing.TIMEOUT


class Decoded(NamedTuple):
    """What one message gave: its entries, and what there is to count."""

    entries: list[Entry]
    matched: bool
    broken: bool
    dropped_events: int


class _Feed:
    """One device's points and events on one topic."""

    __slots__ = ("_device", "_events", "_good", "_instants", "_points")

    def __init__(
        self,
        device: str,
        points: PointGroup | None,
        events: EventMapper | None,
        good: Callable[[Body], bool] | None,
        instants: Instants,
    ) -> None:
        self._device = device
        self._points = points
        self._events = events
        self._good = good
        self._instants = instants

    def entries(self, body: Body, message: Message) -> Iterator[Entry]:
        """Yield what the message says about the device."""
        arrived = message.arrived
        instant = self._instants.of(body, arrived)
        if self._points is not None and (decoded := self._points.decode(body)) is not None:
            values, missing = decoded
            bad = self._good is not None and not self._good(body)
            if instant.ahead or bad:
                reason = Missing.QUARANTINED if instant.ahead else Missing.SENTINEL
                missing.update(dict.fromkeys(values, reason))
                values = {}
            yield Reading(
                device=self._device,
                time=instant.time,
                arrived=arrived,
                values=values,
                missing=missing,
                origin=Origin.RETAINED if message.retain else Origin.PUSH,
                late=arrived - instant.time > LATE,
            )
        if self._events is not None:
            yield from self._events.decode(body, instant, arrived)


class _AvailabilityFeed:
    """One device's word, or its last will's, on whether it is there.

    A reader (class access) gives the events reader_offline and reader_online, one per change. A device with points
    gives a reading without values when it goes off-line, as a failed poll would; its return shows in its readings.
    """

    __slots__ = ("_device", "_get", "_instants", "_offline", "_online", "_points", "_reader", "_stamps", "_was")

    def __init__(
        self, device: Device, availability: Availability, stamps: EventStamps, instants: Instants
    ) -> None:
        self._device = device.id
        self._get: Getter | None = None
        if availability.json_path is not None:
            self._get = getter(Where.model_validate({"json": availability.json_path}))
        self._online = availability.online
        self._offline = availability.offline
        self._reader = device.device_class == "access"
        self._points = tuple(device.points)
        self._stamps = stamps
        self._instants = instants
        self._was: bool | None = None

    def entries(self, body: Body, message: Message) -> Iterator[Entry]:
        """Yield what the message changes."""
        arrived = message.arrived
        text = body.text()
        if isinstance(text, Lack):
            return
        spoken: set[str | None] = {text}
        if self._get is not None and text.startswith("{"):
            spoken = {spelling(self._get(body))}
        if self._online not in spoken and self._offline not in spoken:
            return
        there = self._online in spoken
        changed, self._was = there is not self._was, there
        if self._reader and changed:
            kind = "reader_online" if there else "reader_offline"
            time = self._stamps.time(arrived)
            yield Event(device=self._device, kind=kind, time=time, arrived=arrived, id=self._stamps.id(arrived))
        if not there and self._points:
            yield Reading(
                device=self._device,
                time=self._instants.after_all(arrived),
                arrived=arrived,
                values={},
                missing=dict.fromkeys(self._points, _NOTHING),
                origin=Origin.RETAINED if message.retain else Origin.PUSH,
            )


class Decoder:
    """Maps the messages of one broker to entries of its devices; SettingsError when topics do not fit."""

    def __init__(self, devices: Sequence[Device], pseudonymise: Pseudonymise, *, qos: int) -> None:
        self._pseudonymise = pseudonymise
        self._qos = qos
        self.wanted: dict[str, int] = {}
        """Topic filter -> QoS, as the devices want them."""
        self._edges: dict[str, Edge] = {}
        feeds: list[tuple[str, _Feed | _AvailabilityFeed | Edge]] = []
        for device in devices:
            feeds += self._feeds(device)
        feeds += self._edges.items()
        self._topics = Topics(feeds)

    @property
    def gaps(self) -> int:
        """How often Sparkplug messages were missing."""
        return sum(edge.gaps for edge in self._edges.values())

    def waits_for_birth(self, device: str) -> bool:
        """Whether names of a Sparkplug device's metrics may be unknown until its edge node is born again."""
        return any(edge.waits_for_birth(device) for edge in self._edges.values())

    def decode(self, message: Message) -> Decoded:
        """Answer the entries of a message. Events of a retained message are old news, and dropped."""
        feeds = self._topics.match(message.topic)
        if not feeds or message.payload == b"":
            return Decoded([], bool(feeds), False, 0)
        body = Body(message.payload)
        entries: list[Entry] = []
        for feed in feeds:
            entries.extend(feed.entries(body, message))
        if not message.retain:
            return Decoded(entries, True, body.broken, 0)
        kept: list[Entry] = [entry for entry in entries if not isinstance(entry, Event)]
        return Decoded(kept, True, body.broken, len(entries) - len(kept))

    def _feeds(self, device: Device) -> Iterator[tuple[str, _Feed | _AvailabilityFeed]]:
        address = device.address
        if not isinstance(address, MqttDevice):
            raise SettingsError(f"device {device.id}: it needs a `topic:`")
        profile = device.protocol if isinstance(device.protocol, MqttProfile) else None
        if _is_sparkplug(device, profile):
            self._join_edge(device, address, profile)
            return
        stamps, instants = EventStamps(), Instants(timestamp(address.time or (profile.time if profile else None)))
        qos = self._qos if address.qos is None else address.qos
        root = profile.base if profile else ()
        partial = profile.partial if profile else False
        _check_payload(device, profile)
        for suffix in _suffixes(device, profile):
            topic = compose(address.topic, suffix, device.id)
            self.wanted[topic] = max(qos, self.wanted.get(topic, 0))
            points = _points_on(device, profile, suffix)
            events = [event for event in device.events if _suffix_of(event, profile) == suffix]
            _check_hidden(device, points, events)
            yield (
                topic,
                _Feed(
                    device.id,
                    PointGroup(points, partial=partial, root=root) if points else None,
                    EventMapper(device, events, self._pseudonymise, stamps, root) if events else None,
                    vouched(profile.good) if profile and profile.good else None,
                    instants,
                ),
            )
        yield from self._availability(device, profile, stamps, instants)

    def _join_edge(self, device: Device, address: MqttDevice, profile: MqttProfile | None) -> None:
        from drivers.mqtt.sparkplug.edge import Edge, place_of  # it imports protobuf

        place = place_of(device)
        time = address.time or (profile.time if profile else None)
        if address.availability is not None or (time is not None and time.trusted):
            raise SettingsError(
                f"device {device.id}: with `metric:` the protocol says times and who is there; there is only"
                " `time: {trusted: false}`"
            )
        qos = self._qos if address.qos is None else address.qos
        self.wanted[place.filter] = max(1, qos, self.wanted.get(place.filter, 0))
        self._edges.setdefault(place.filter, Edge()).add(device, place.device, trusts=time is None)

    def _availability(
        self, device: Device, profile: MqttProfile | None, stamps: EventStamps, instants: Instants
    ) -> Iterator[tuple[str, _AvailabilityFeed]]:
        address: MqttDevice = device.address
        if address.availability is not None:
            own, topic = address.availability, compose(address.availability.topic, None, device.id)
        elif profile is not None and profile.availability is not None:
            own, topic = profile.availability, compose(address.topic, profile.availability.topic, device.id)
        else:
            return
        self.wanted[topic] = max(1, self.wanted.get(topic, 0))
        yield topic, _AvailabilityFeed(device, own, stamps, instants)


def _is_sparkplug(device: Device, profile: MqttProfile | None) -> bool:
    """Whether a device is read by metrics; SettingsError when it is only in part."""
    metrics = [name for name, point in device.points.items() if point.source.metric is not None]
    others = [name for name in device.points if name not in metrics]
    wanted = profile is not None and profile.payload == "sparkplug"
    if (metrics or wanted) and (others or device.events):
        what = f"point {others[0]}" if others else f"its event {device.events[0].kind}"
        raise SettingsError(f"device {device.id}: {what} has no `metric:`, and Sparkplug has nothing else")
    if metrics and profile is not None and not wanted:
        raise SettingsError(f"device {device.id}: point {metrics[0]} needs a profile with `payload: sparkplug`")
    return bool(metrics) or wanted


def _suffix_of(where: object, profile: MqttProfile | None) -> str | None:
    own: str | None = getattr(where, "topic", None)
    return own or (profile.topic if profile else None)


def _suffixes(device: Device, profile: MqttProfile | None) -> list[str | None]:
    """The topics below the device's that its points and events are on, each once."""
    sources = [point.source for point in device.points.values()] + list(device.events)
    return list(dict.fromkeys(_suffix_of(source, profile) for source in sources))


def _points_on(device: Device, profile: MqttProfile | None, suffix: str | None) -> dict[str, Point]:
    return {name: point for name, point in device.points.items() if _suffix_of(point.source, profile) == suffix}


def _check_hidden(device: Device, points: Mapping[str, Point], events: Sequence[MqttEvent]) -> None:
    """Refuse what would keep, from the same messages, a credential of which only the pseudonym may be kept."""
    hidden = {event.credential.place for event in events if event.credential is not None}
    shown: list[tuple[str, Where | None]] = [(f"point {name}", point.source) for name, point in points.items()]
    for event in events:
        named = {"result": event.result, "reason": event.reason, **event.attributes}
        shown += [(f"`id:` of its event {event.kind}", where) for where in event.id]
        shown += [(f"`{name}:` of its event {event.kind}", where) for name, where in named.items()]
    for name, where in shown:
        if hidden and where is not None and (where.text or where.place in hidden):
            raise SettingsError(
                f"device {device.id}: {name} would keep the credential, of which only the pseudonym is kept"
            )


def _check_payload(device: Device, profile: MqttProfile | None) -> None:
    """Refuse a point that looks for what the profile's payload does not have."""
    if profile is None:
        return
    field = {"json": "json_path", "text": "text", "key_value": "key", "sparkplug": "metric"}[profile.payload]
    for name, point in device.points.items():
        if getattr(point.source, field) is None:
            raise SettingsError(
                f"device {device.id}: point {name} does not fit the profile's `payload: {profile.payload}`"
            )
