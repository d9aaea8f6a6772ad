"""Entries as rows of CSV (RFC 4180): one header, plain numbers, local times with their offset from UTC."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from monitor.export.influx import Point
from monitor.fieldkeys import USAGE_AMOUNT, USAGE_COST, USAGE_CURRENCY, USAGE_ESTIMATED, USAGE_PARTIAL
from monitor.meters import billed_counter
from monitor.model import SHADOW, Derived, Event, Reading, Recorded, Transition, Value
from monitor.reports.csvfile import safe_text
from monitor.schema import MEASUREMENT_USAGE, RESERVED_FIELDS, point_unit
from monitor.site import Device, Site

__all__ = ["COLUMNS", "Row", "Tables", "point_rows", "write_rows"]

Row = Mapping[str, Value | None]

_WHERE: Final = ("device", "name", "building", "zone")
_POINTS: Final = ("time", "measurement", *_WHERE, "point", "value", "unit", "quality")
_CREDENTIAL: Final = "credential"

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "readings": _POINTS,
    "health": _POINTS,
    "monitor": _POINTS,
    "usage": (
        *("time", "per", *_WHERE, "role", "tenant", "utility"),
        *("amount", "unit", "estimated", "final", "cost", "currency", "more"),
    ),
    "alarms": (
        *("time", *_WHERE, "rule", "point", "step", "state", "severity"),
        *("value", "limit", "unit", "response", "by", "reason", "occurrence"),
    ),
    "events": ("time", *_WHERE, "kind", "late", "detail"),
    "access": (
        *("time", *_WHERE, "kind", "direction", "result", "reason", "door"),
        *("cause", "open_s", "credential", "late"),
    ),
}
"""Kind -> its columns."""

_ROWS_AT_ONCE: Final = 2000
_USAGE: Final = frozenset({USAGE_AMOUNT, USAGE_ESTIMATED, USAGE_PARTIAL, USAGE_COST})
_QUALITIES: Final = ("good", "estimated", "suspect", "manual")
_PER: Final = {measurement: per for per, measurement in MEASUREMENT_USAGE.items()}


class Tables:
    """Makes rows of the entries of one kind. `wide`: a row for each reading, with a column for each point."""

    def __init__(self, site: Site, kind: str, *, wide: Device | None = None) -> None:
        self._site = site
        self._wide = wide
        makers: Mapping[str, Callable[[Recorded], Iterator[Row]]] = {
            "usage": self._usage,
            "alarms": self._alarm,
            "events": self._event,
            "access": self._access,
        }
        self._make = self._wide_row if wide is not None else makers.get(kind, self._points)
        self.columns = COLUMNS[kind]
        if wide is not None:
            self.columns = ("time", *wide.points, "quality")

    def rows(self, entries: Iterable[Recorded]) -> Iterator[Row]:
        """The rows of entries; a failed poll has none."""
        for recorded in entries:
            yield from self._make(recorded)

    def _at(self, time: int, device: str) -> dict[str, Value | None]:
        known = self._site.devices.get(device)
        place = {} if known is None else {name: getattr(known, name) for name in _WHERE[1:]}
        return {"time": _local(time, self._site), "device": device, **place}

    def _points(self, recorded: Recorded) -> Iterator[Row]:
        entry = recorded.entry
        assert isinstance(entry, Reading | Derived)
        at = self._at(entry.time, entry.device)
        known = self._site.devices.get(entry.device)
        measurement = entry.measurement if isinstance(entry, Derived) else known.device_class if known else ""
        for point, value in entry.values.items():
            more = {
                "point": point,
                "value": value,
                "unit": point_unit(point) or "",
                "quality": entry.quality.name.lower(),
            }
            yield {**at, "measurement": measurement, **more}

    def _wide_row(self, recorded: Recorded) -> Iterator[Row]:
        entry = recorded.entry
        assert self._wide is not None
        if isinstance(entry, Reading) and entry.values and entry.device == self._wide.id:
            yield {
                "time": _local(entry.time, self._site),
                **entry.values,
                "quality": entry.quality.name.lower(),
            }

    def _usage(self, recorded: Recorded) -> Iterator[Row]:
        entry = recorded.entry
        assert isinstance(entry, Derived)
        known, values = self._site.devices.get(entry.device), entry.values
        more = {name: value for name, value in values.items() if name not in _USAGE}
        counter = None if known is None else billed_counter(known)
        yield {
            **self._at(entry.time, entry.device),
            "per": _PER[entry.measurement],
            "role": "" if known is None else known.role,
            "tenant": entry.attributes.get("tenant", ""),
            "utility": entry.attributes.get("utility", ""),
            "amount": values.get(USAGE_AMOUNT),
            "unit": point_unit(counter or "") or "",
            "estimated": values.get(USAGE_ESTIMATED),
            "final": not values.get(USAGE_PARTIAL),
            "cost": values.get(USAGE_COST),
            "currency": entry.attributes.get(USAGE_CURRENCY, ""),
            "more": json.dumps(more, ensure_ascii=False, sort_keys=True) if more else "",
        }

    def _alarm(self, recorded: Recorded) -> Iterator[Row]:
        step = recorded.entry
        assert isinstance(step, Transition)
        if SHADOW in step.suppression:
            return
        parts = step.source_key.split("/", 2)
        point = parts[1] if len(parts) > 1 else ""
        yield {
            **self._at(step.time, step.device),
            "rule": step.rule,
            "point": point,
            "step": step.cause,
            "state": step.condition,
            "severity": step.severity,
            "value": step.value,
            "limit": step.limit,
            "unit": point_unit(point) or "",
            "response": step.response,
            "by": step.by,
            "reason": step.reason,
            "occurrence": step.occurrence,
        }

    def _event(self, recorded: Recorded) -> Iterator[Row]:
        entry = recorded.entry
        if isinstance(entry, Derived):  # whether there is a supply
            detail = dict(entry.values)
            about: dict[str, Value | None] = {"kind": entry.measurement, "late": False}
        else:
            assert isinstance(entry, Event)
            detail = {key: value for key, value in entry.attributes.items() if key != _CREDENTIAL}
            about = {"kind": entry.kind, "late": entry.late}
        told = json.dumps(detail, ensure_ascii=False, sort_keys=True)
        yield {**self._at(entry.time, entry.device), **about, "detail": told}

    def _access(self, recorded: Recorded) -> Iterator[Row]:
        entry = recorded.entry
        if not isinstance(entry, Event):  # how many are in a zone
            return
        told: dict[str, Value] = {
            key: value
            for key, value in entry.attributes.items()
            if key in COLUMNS["access"] and key != _CREDENTIAL
        }
        credential = entry.attributes.get(_CREDENTIAL) if self._site.access.pseudonyms else None
        about: dict[str, Value | None] = {"kind": entry.kind, "late": entry.late}
        yield {**told, **self._at(entry.time, entry.device), **about, _CREDENTIAL: credential}


def point_rows(site: Site, points: Iterable[Point]) -> Iterator[Row]:
    """Rows of points of InfluxDB, in the columns of readings."""
    for each in points:
        measurement, tags, fields, time = each.measurement, each.tags, each.fields, each.time
        known = site.devices.get(tags.get("device", ""))
        quality = fields.get("quality")
        at = {
            "time": _local(time, site),
            "measurement": measurement,
            **{name: tags.get(name, "") for name in ("device", "building", "zone")},
            "name": "" if known is None else known.name,
            "quality": _QUALITIES[quality] if quality in range(len(_QUALITIES)) else "",  # type: ignore[index]  # it is in that range
        }
        for point, value in fields.items():
            if point not in RESERVED_FIELDS:
                yield {**at, "point": point, "value": value, "unit": point_unit(point) or ""}


def write_rows(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[tuple[str, int]]:
    """The rows as CSV, without the header, some thousand at a time; and how many these are."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    count = 0
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
        count += 1
        if count == _ROWS_AT_ONCE:
            yield out.getvalue(), count
            out.seek(0)
            out.truncate()
            count = 0
    yield out.getvalue(), count


def _local(time: int, site: Site) -> str:
    return datetime.fromtimestamp(time / 1000, site.timezone).isoformat(timespec="milliseconds")


def _cell(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_text(value) if isinstance(value, str) else repr(value)
