"""Points of an InfluxDB, as they are there: InfluxQL, which 1.x, 2.x (where a bucket is mapped) and 3.x answer."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.export.kinds import kind_of_measurement
from monitor.model import Value
from monitor.sinks.influxdb.buckets import quoted
from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.influxdb.text import integer, name, number, tag_set, text
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings

__all__ = ["InfluxSource", "Point", "line"]

_LARGEST: Final = 32 * 1024 * 1024
_FIRST: Final = 3_600_000
_SHORTEST: Final = 1000
_LONGEST: Final = 86_400_000
"""A day at most: InfluxDB 3 Core answers about three in one query."""
_ENOUGH: Final = 20_000
_MOST_NAMED: Final = 300
_NOT_INFLUXDBS = "the answer to a query is not InfluxDB's"
_ODD = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What comes of an answer that is of another shape."""
_MAY = "let the token read in the buckets; on 2.x make them known to InfluxQL (`facility-monitor influx check`)"


@dataclass(frozen=True, slots=True)
class Point:
    """One point; `time` in UTC ms, integers only where InfluxDB has an integer."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]
    time: int


@dataclass
class InfluxSource:
    """Reads the buckets of one sink, the measurements of some kinds. Raises SinkUnavailable, SinkMisconfigured.

    `devices`: points of other devices are left out, where it can be asked for few (points of no device stay).
    `bucket`: only this one.
    """

    settings: InfluxSettings
    kinds: frozenset[str]
    devices: frozenset[str] | None = None
    bucket: str = ""
    _client: InfluxClient = field(init=False)

    def __post_init__(self) -> None:
        self._client = InfluxClient(self.settings)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def points(self, start: int, end: int) -> Iterator[tuple[int, Sequence[Point]]]:
        """Yield all points of [start, end) (UTC ms), a window after the other, with how far it has come."""
        for bucket in self._buckets():
            try:
                types = self._types(bucket)
            except _TooMuch:
                raise SinkUnavailable(f"{bucket} has more fields than one answer of the server holds") from None
            except _ODD as error:
                raise SinkUnavailable(_NOT_INFLUXDBS) from error
            at, length = start, _FIRST
            while at < end and types:
                until = min(end, at + length)
                try:
                    found = list(self._window(bucket, types, at, until))
                except _TooMuch:
                    if length <= _SHORTEST:
                        told = f"one second of {bucket} is more than one answer of the server holds"
                        raise SinkUnavailable(told) from None
                    length //= 4
                    continue
                except _ODD as error:
                    raise SinkUnavailable(_NOT_INFLUXDBS) from error
                yield until, found
                at = until
                if len(found) < _ENOUGH:
                    length = min(_LONGEST, length * 2)
                elif len(found) > 4 * _ENOUGH:
                    length = max(_SHORTEST, length // 2)

    def _buckets(self) -> Sequence[str]:
        settings = self.settings
        both = (settings.bucket, settings.access_bucket) if "access" in self.kinds else (settings.bucket,)
        return tuple(each for each in dict.fromkeys(both) if self.bucket in {"", each})

    def _types(self, bucket: str) -> Mapping[str, Mapping[str, str]]:
        """Measurement -> field -> integer, float, boolean or string; a field with several types is a float."""
        found: dict[str, dict[str, str]] = {}
        for series in self._ask(bucket, "SHOW FIELD KEYS"):
            fields = found.setdefault(series["name"], {})
            for key, kind in series["values"]:
                fields[key] = "float" if key in fields else kind
        return {
            measurement: fields
            for measurement, fields in found.items()
            if kind_of_measurement(measurement) in self.kinds
        }

    def _window(
        self, bucket: str, types: Mapping[str, Mapping[str, str]], start: int, end: int
    ) -> Iterator[Point]:
        for measurement, kinds in types.items():
            span = f"time >= {start}ms AND time < {end}ms{self._of_devices()}"
            wanted = f"SELECT * FROM {quoted(measurement)} WHERE {span} GROUP BY *"  # noqa: S608 - quoted
            for series in self._ask(bucket, wanted):
                tags = {key: value for key, value in sorted(series.get("tags", {}).items()) if value}
                names = series["columns"][1:]
                for time, *values in series["values"]:
                    fields = {
                        key: _as(kinds.get(key, ""), value)
                        for key, value in zip(names, values, strict=True)
                        if value is not None
                    }
                    if fields:
                        yield _point(measurement, tags, fields, time, (start, end))

    def _of_devices(self) -> str:
        if self.devices is None or len(self.devices) > _MOST_NAMED:
            return ""
        names = " OR ".join(f"device = {_literal(name)}" for name in sorted({"", *self.devices}))
        return f" AND ({names})"

    def _ask(self, bucket: str, query: str) -> Sequence[Mapping[str, Any]]:
        asked = {"db": bucket, "epoch": "ms"}
        try:
            body = self._client.ask("POST", "/query", asked, form={"q": query}, largest=_LARGEST)
        except SinkRejected as error:
            raise SinkMisconfigured(str(error), what_to_do=_MAY) from error
        if len(body) >= _LARGEST:
            raise _TooMuch
        try:
            results = json.loads(body)["results"]
            said = "; ".join(str(each["error"]) for each in results if "error" in each)
            series = [each for result in results for each in result.get("series", ())]
            is_cut = any(each.get("partial") for each in (*results, *series))
        except _ODD as error:
            raise SinkUnavailable(_NOT_INFLUXDBS) from error
        if said:
            raise SinkMisconfigured(said, what_to_do=_MAY)
        if is_cut:  # `max-row-limit` of 1.x
            raise _TooMuch
        return series


def _literal(value: str) -> str:
    """A text in InfluxQL."""
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'"))


class _TooMuch(Exception):
    """The answer is too large to be held, or the server has cut it off."""


def _point(
    measurement: str, tags: Mapping[str, str], fields: Mapping[str, Value], time: int, span: tuple[int, int]
) -> Point:
    """Raises TypeError or ValueError for what no InfluxDB has, or was not asked for."""
    texts = (measurement, *tags.keys(), *tags.values(), *fields.keys())
    if not all(isinstance(each, str) for each in texts) or type(time) is not int:
        raise TypeError(time)
    if not all(isinstance(each, (str, int, float)) for each in fields.values()):
        raise TypeError(fields)
    if not span[0] <= time < span[1]:
        raise ValueError(time)
    return Point(measurement, tags, fields, time)


def _as(kind: str, value: Any) -> Value:
    """JSON has no integers beside other numbers: 5.0 comes as 5."""
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    found: Value = value
    return found


def line(point: Point) -> bytes:
    """A point in line protocol, in ms."""
    fields = b",".join(_fields(point.fields))
    return b"%b%b %b %d" % (name(point.measurement), tag_set(point.tags.items()), fields, point.time)


def _fields(fields: Mapping[str, Value]) -> Iterable[bytes]:
    for key, value in fields.items():
        if isinstance(value, bool):
            yield b"%b=%b" % (name(key), b"true" if value else b"false")
        elif isinstance(value, str):
            yield b"%b=%b" % (name(key), text(value))
        elif (written := integer(value) if isinstance(value, int) else number(value)) is not None:
            yield b"%b=%b" % (name(key), written)
