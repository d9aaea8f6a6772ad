"""What an InfluxDB has of the past, as the entries that were written there: for what the journal has let go.

It is not all. There are no failed polls, no commands and no alarms to be judged again, and when something was
recorded is not known: everything is taken to have been heard at its time, what was told of a period at its end.
"""

import heapq
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from monitor.export.influx import InfluxSource, Point
from monitor.journal.swift import make_recorded
from monitor.model import LATE, Derived, Entry, Event, Position, Quality, Reading, Recorded, Value
from monitor.periods import HOUR, begin_of, local_day
from monitor.schema import (
    CLASSES,
    EVENT_COUNT,
    EVENT_LATE,
    EVENT_NAME,
    MEASUREMENT_ACCESS,
    MEASUREMENT_EVENTS,
    MEASUREMENT_HEALTH_HOUR,
    MEASUREMENT_USAGE,
    MONITOR_DEVICE,
)
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings, Site

__all__ = ["LEFT_OUT", "InfluxHistory"]

LEFT_OUT: Final = frozenset({"offline", "stale", "segment"})
"""Kinds of rules that need to know of polls that failed."""

_KINDS: Final = frozenset({"readings", "usage", "events", "health", "monitor", "access"})
_TAGS: Final = frozenset({"site", "device", "zone", "building", "role", "medium", "kind"})
"""Tags that are of the device, and not of what happened."""
_QUALITY: Final = "quality"
_SUFFIX: Final = "_i"
_SEQUENCE: Final = "seq"
_DETAIL: Final = "detail"
_UNTIMELY: Final = frozenset({"clock_stepped"})
"""Events about stamps of the journal, which are not there."""
_AT_ONCE: Final = 2000
_MOST_DAMAGED: Final = 10_000


class InfluxHistory:
    """Reads what an InfluxDB has as if it were a journal; positions are milliseconds.

    `damaged`: times of points that are not as this monitor writes them, of thousands the first. `without_access`:
    the token may not read who went through which door. Raises SinkUnavailable.
    """

    def __init__(self, settings: InfluxSettings, site: Site) -> None:
        self._settings = settings
        self._site = site
        self.damaged: set[int] = set()
        self.without_access = False

    def close(self) -> None:
        """Nothing stays open."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The positions (after, until] of [start, end) (UTC ms)."""
        return start - 1, end - 1

    def begins(self) -> int | None:
        """It is not asked for its oldest point: there may be years of them."""
        return 0

    def entries(
        self, after: int, until: int, devices: Collection[str] | None
    ) -> Iterator[tuple[int, Sequence[Recorded]]]:
        """Yield (after, until] in order of time, with how far it has come."""
        chosen = None if devices is None else frozenset({*devices, MONITOR_DEVICE})
        self.without_access = not self._may_read_access(after, until)
        settings = self._settings
        buckets = [settings.bucket] if self.without_access else [settings.bucket, settings.access_bucket]
        streams = [self._stream(each, after + 1, until + 1, chosen) for each in dict.fromkeys(buckets)]
        batch: list[Recorded] = []
        for at, _, number, entry in heapq.merge(*streams):
            batch.append(make_recorded(Position(number), at, entry))
            if len(batch) >= _AT_ONCE:
                yield at, batch
                batch = []
        yield until, batch

    def _may_read_access(self, after: int, until: int) -> bool:
        if self._settings.access_bucket == self._settings.bucket:
            return True
        source = InfluxSource(self._settings, frozenset({"access"}), bucket=self._settings.access_bucket)
        try:
            next(iter(source.points(after + 1, min(after + 2, until + 1))), None)
        except SinkMisconfigured:
            return False
        finally:
            source.close()
        return True

    def _stream(
        self, bucket: str, start: int, end: int, devices: frozenset[str] | None
    ) -> Iterator[tuple[int, int, int, Entry]]:
        """Yield (time, rank, number, entry) in order; what was told of a period waits for its end."""
        source, number = InfluxSource(self._settings, _KINDS, devices=devices, bucket=bucket), 0
        waiting: list[tuple[int, int, int, Entry]] = []
        try:
            for until, points in source.points(start, end):
                for point in points:
                    for at, rank, entry in self._made(point):
                        number += 1
                        heapq.heappush(waiting, (at, rank, number, entry))
                while waiting and waiting[0][0] < until:
                    yield heapq.heappop(waiting)
        finally:
            source.close()

    # From points to entries ---------------------------------------------------------------------------

    def _made(self, point: Point) -> Iterator[tuple[int, int, Entry]]:
        try:
            if point.measurement in CLASSES and point.measurement != MEASUREMENT_ACCESS:
                yield from self._of_class(point)
            elif point.measurement in {MEASUREMENT_EVENTS, MEASUREMENT_ACCESS}:
                if (event := _event(point)).kind not in _UNTIMELY:
                    yield point.time, 2, event
            else:
                yield self._told_at(point), 1, _derived(point, point.fields)
        except (ValueError, TypeError, KeyError):
            if len(self.damaged) < _MOST_DAMAGED:
                self.damaged.add(point.time)

    def _of_class(self, point: Point) -> Iterator[tuple[int, int, Entry]]:
        """A reading, and what was derived beside it into the same series."""
        device = self._site.devices.get(point.tags["device"])
        fields = {
            key: value
            for key, value in point.fields.items()
            if key != _QUALITY and not (key.endswith(_SUFFIX) and key.removesuffix(_SUFFIX) in point.fields)
        }
        said: dict[str, Value] = {}
        if device is not None and device.virtual is None:
            said = {key: value for key, value in fields.items() if key in device.points}
        if said:
            yield (
                point.time,
                0,
                Reading(
                    device=point.tags["device"],
                    time=point.time,
                    arrived=point.time,
                    values=said,
                    quality=Quality(int(point.fields.get(_QUALITY, 0))),
                ),
            )
        if rest := {key: value for key, value in fields.items() if key not in said}:
            yield point.time, 1, _derived(point, rest)

    def _told_at(self, point: Point) -> int:
        """When something was told: of a period, when it was over."""
        measurement, zone = point.measurement, self._site.timezone
        if measurement in {MEASUREMENT_HEALTH_HOUR, MEASUREMENT_USAGE["hour"]}:
            return point.time + HOUR
        day = local_day(point.time, zone)
        if measurement == MEASUREMENT_USAGE["day"]:
            return begin_of(day + timedelta(days=1), zone)
        if measurement == MEASUREMENT_USAGE["month"]:
            return begin_of((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)
        return point.time


def _derived(point: Point, values: Mapping[str, Value]) -> Derived:
    attributes = {key: value for key, value in point.tags.items() if key not in _TAGS}
    for key in ("zone", "building"):
        if "device" not in point.tags and key in point.tags:
            attributes[key] = point.tags[key]
    return Derived(
        producer="",
        key="",
        device=point.tags.get("device", MONITOR_DEVICE),
        time=point.time,
        measurement=point.measurement,
        values=values,
        quality=Quality(int(point.fields.get(_QUALITY, 0))) if point.measurement in CLASSES else Quality.GOOD,
        attributes=attributes,
    )


def _event(point: Point) -> Event:
    fields = dict(point.fields)
    is_access = point.measurement == MEASUREMENT_ACCESS
    kind = str(fields.pop(EVENT_NAME)) if is_access else point.tags["kind"]
    attributes: dict[str, Value] = {key: value for key, value in point.tags.items() if key not in _TAGS}
    late, number = fields.pop(EVENT_LATE, 0), fields.pop(_SEQUENCE, 0)
    fields.pop(EVENT_COUNT, None)
    detail = fields.pop(_DETAIL, "{}")
    attributes |= {key: value for key, value in fields.items() if value != ""}
    attributes |= json.loads(str(detail))
    return Event(
        device=point.tags["device"],
        kind=kind,
        time=point.time,
        arrived=point.time + (LATE + 1 if late else 0),
        id=f"{number}",
        attributes=attributes,
    )
