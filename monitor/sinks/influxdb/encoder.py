"""Entries of the journal as InfluxDB line protocol, in milliseconds.

A reading is one line: measurement and tags of its device are spelt once, the fields once per set of points, and
numbers are written by orjson in one go. Why not the client's `Point`: docs/adr/0007-influx-encoder.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import orjson

from monitor.model import Command, Derived, Event, Position, Reading, Recorded, Transition, Value
from monitor.schema import CLASSES, DERIVED_TAGS, INTEGER_FIELDS, READING_TAGS
from monitor.sinks.influxdb.events import EventLines
from monitor.sinks.influxdb.lines import Encoded, Lines, Stamp, Wanted
from monitor.sinks.influxdb.places import Places
from monitor.sinks.influxdb.text import field_key, integer, name, text, value_fields
from monitor.site import Site

__all__ = ["Encoder"]

_NUMBERS = frozenset({float, int})
_TEMPLATES = 1000


class Encoder:
    """Encodes for one site; made anew when the settings change. Not for use by several threads at once."""

    def __init__(self, site: Site) -> None:
        self._places = Places(site)
        self._events = EventLines(site, self._places)
        self._series = {
            device.id: b"%b%b " % (name(device.device_class), self._places.tags(READING_TAGS, device.id))
            for device in site.devices.values()
        }
        self._templates: dict[tuple[str, ...], bytes] = {}
        self.unknown = 0
        """Readings of devices that the site no longer has: without a class they have no measurement."""

    def wanted(self, batch: Iterable[Recorded]) -> list[Wanted]:
        """Say which entries need a millisecond of their own before they can be encoded."""
        found = []
        for recorded in batch:
            entry = recorded.entry
            if isinstance(entry, Event):
                found.append(self._events.wanted_event(recorded, entry))
            elif isinstance(entry, Transition):
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
                (access if self._events.is_access(entry) else main).add(position, found)
                continue
            elif isinstance(entry, Transition):
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
        if _NUMBERS.issuperset(map(type, values.values())):
            numbers = list(values.values())
            try:
                finite = math.isfinite(sum(numbers))  # type: ignore[arg-type]  # all are numbers
                written = orjson.dumps(numbers)[1:-1].split(b",") if finite else None
            except (OverflowError, TypeError):  # an integer beyond 64 bits
                written = None
            if written is not None:
                return series + self._template(tuple(values)) % (*written, reading.quality, reading.time)
        fields = b",".join(_each(values))
        if not fields:
            return None
        return b"%b%b,quality=%di %d" % (series, fields, reading.quality, reading.time)

    def _template(self, points: tuple[str, ...]) -> bytes:
        """Answer the fields with `%b` for each value, then the quality and the time: for all with these points."""
        found = self._templates.get(points)
        if found is None:
            if len(self._templates) >= _TEMPLATES:  # partial answers come in many shapes
                self._templates.clear()
            fields = b",".join(b"%b=%%b" % field_key(point).replace(b"%", b"%%") for point in points)
            found = self._templates[points] = b"%b,quality=%%di %%d" % fields
        return found

    def derived(self, derived: Derived) -> bytes | None:
        """Encode what was derived, into the series of the readings where it belongs to a class.

        `quality` stays what the reading of that instant said.
        """
        tags = READING_TAGS if derived.measurement in CLASSES else DERIVED_TAGS.get(derived.measurement)
        tags = READING_TAGS if tags is None else tags
        whole = INTEGER_FIELDS.get(derived.measurement, frozenset())
        fields = list(_each({key: value for key, value in derived.values.items() if key not in whole}))
        for key in whole & derived.values.keys():
            value = derived.values[key]
            written = None if isinstance(value, str) or not math.isfinite(value) else integer(int(value))
            if written is not None:
                fields.append(b"%b=%b" % (name(key), written))
        for key, value in derived.attributes.items():
            if key not in tags and key not in derived.values:
                fields.append(b"%b=%b" % (field_key(key), text(value)))
        if not fields:
            return None
        places = self._places.tags(tags, derived.device, derived.attributes)
        return b"%b%b %b %d" % (name(derived.measurement), places, b",".join(fields), derived.time)


def _each(values: Mapping[str, Value]) -> Iterable[bytes]:
    for point, value in values.items():
        written = value_fields(point, value)
        if written is not None:
            yield written
