"""Entries of the journal as InfluxDB line protocol, in milliseconds.

A reading is one line: measurement and tags of its device are spelt once, the fields once per set of points, and
numbers are written by orjson in one go. Why not the client's `Point`: docs/adr/0007-influx-encoder.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from monitor.model import SHADOW, Command, Derived, Event, Position, Reading, Recorded, Transition
from monitor.schema import ACCESS_EVENTS, CLASSES, DERIVED_TAGS, READING_TAGS
from monitor.sinks.influxdb.events import EventLines
from monitor.sinks.influxdb.lines import Encoded, Lines, Stamp, Wanted
from monitor.sinks.influxdb.places import Places
from monitor.sinks.influxdb.shapes import Shapes
from monitor.sinks.influxdb.text import field_key, name, text
from monitor.site import Site

__all__ = ["Encoder"]

_MEASUREMENTS_OF_A_DEVICE: Final = 8
_SERIES_AT_LEAST: Final = 1000


class _Series(NamedTuple):
    """What all derived entries of a device in a measurement begin and end with, while their attributes stay."""

    attributes: Mapping[str, str]
    begin: bytes
    end: bytes
    ending: frozenset[str]
    """The attributes that are fields, in `end`."""


class Encoder:
    """Encodes for one site; made anew when the settings change. Not for use by several threads at once."""

    def __init__(self, site: Site) -> None:
        self._places = Places(site)
        self._events = EventLines(site, self._places)
        self._readings = Shapes()
        self._measurements: dict[str, Shapes] = {}
        self._series = {
            device.id: b"%b%b " % (name(device.device_class), self._places.tags(READING_TAGS, device.id))
            for device in site.devices.values()
        }
        self._derived: dict[tuple[str, str], _Series] = {}
        self._most = max(_SERIES_AT_LEAST, _MEASUREMENTS_OF_A_DEVICE * len(site.devices))
        self.unknown = 0
        """Readings of devices that the site no longer has: without a class they have no measurement."""

    def wanted(self, batch: Iterable[Recorded]) -> list[Wanted]:
        """Say which entries need a millisecond of their own before they can be encoded."""
        found = []
        for recorded in batch:
            entry = recorded.entry
            if type(entry) is Reading:  # first: they are many
                continue
            if isinstance(entry, Event):
                found.append(self._events.wanted_event(recorded, entry))
            elif isinstance(entry, Transition) and _is_shown(entry):
                found.append(self._events.wanted_transition(recorded, entry))
        return found

    def encode(self, batch: Sequence[Recorded], stamps: Mapping[Position, Stamp]) -> Encoded:
        """Encode a batch; `stamps` has one for each entry that `wanted` named. Commands are not written."""
        main, access = Lines(), Lines()
        for recorded in batch:
            position, entry = recorded.position, recorded.entry
            if isinstance(entry, Reading):
                line = self.reading(entry)
            elif isinstance(entry, Derived):
                line = self.derived(entry)
            elif isinstance(entry, Event):
                found = self._events.event(recorded, entry, stamps[position])
                (access if entry.kind in ACCESS_EVENTS else main).add(position, found)
                continue
            elif isinstance(entry, Transition):
                if not _is_shown(entry):
                    continue
                for line in self._events.transition(entry, stamps[position]):
                    main.add(position, line)
                continue
            else:
                assert isinstance(entry, Command)
                continue
            if line is not None:
                main.add(position, line)
        return Encoded(main, access)

    def reading(self, reading: Reading) -> bytes | None:
        """Encode one reading; None when it has nothing that can be written, as a failed poll has not."""
        values = reading.values
        if not values:
            return None
        series = self._series.get(reading.device)
        if series is None:
            self.unknown += 1
            return None
        fields = self._readings.write(values)
        if not fields:
            return None
        return b"%b%b,quality=%di %d" % (series, fields, reading.quality, reading.time)

    def derived(self, derived: Derived) -> bytes | None:
        """Encode what was derived, into the series of the readings where it belongs to a class.

        `quality` stays what the reading of that instant said.
        """
        measurement, values = derived.measurement, derived.values
        shapes = self._measurements.get(measurement)
        if shapes is None:
            shapes = self._measurements[measurement] = Shapes(measurement)
        series = self._derived.get((measurement, derived.device))
        if series is None or series.attributes != derived.attributes:
            series = self._learn(derived)
        end = series.end
        if end and not series.ending.isdisjoint(values):
            end = _more(derived.attributes, series.ending - values.keys())
        fields = shapes.write(values)
        if not fields and not end:
            return None
        return b"%b%b%b %d" % (series.begin, fields, end if fields else end[1:], derived.time)

    def _learn(self, derived: Derived) -> _Series:
        measurement, attributes = derived.measurement, derived.attributes
        tags = READING_TAGS if measurement in CLASSES else DERIVED_TAGS.get(measurement, READING_TAGS)
        if len(self._derived) >= self._most:
            self._derived.clear()
        places = self._places.tags(tags, derived.device, attributes)
        ending = frozenset(attributes) - frozenset(tags)
        series = _Series(attributes, b"%b%b " % (name(measurement), places), _more(attributes, ending), ending)
        self._derived[measurement, derived.device] = series
        return series


def _more(attributes: Mapping[str, str], wanted: frozenset[str]) -> bytes:
    """The attributes that are fields, each after a comma."""
    return b"".join(
        b",%b=%b" % (field_key(key), text(value)) for key, value in attributes.items() if key in wanted
    )


def _is_shown(step: Transition) -> bool:
    """Whether a step of an alarm belongs on dashboards, which ask for the newest of each alarm.

    What is only tried does not. That an alarm chatters no more is told of the occurrence of which people were told
    that it does: that has long been over, and says nothing of the one that may wait.
    """
    return SHADOW not in step.suppression and not (step.cause == "quiet" and step.condition == "clear")
