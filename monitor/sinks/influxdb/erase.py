"""Deletes one person's points from InfluxDB, and shows that none is left.

InfluxDB cannot delete by a field. So the points are asked for by the pseudonym, and each is deleted by its exact
series (measurement and all tags, the absent ones, too) and time: no two points share these, so that no neighbour
goes. Then it is asked again, until it knows of none.
"""

import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.schema import MEASUREMENT_ACCESS, MEASUREMENT_EVENTS
from monitor.sinks.influxdb.thread import BlockingThread
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings

if TYPE_CHECKING:
    from monitor.sinks.influxdb.client import InfluxClient

__all__ = ["InfluxErasing"]

_MEASUREMENTS: Final = (MEASUREMENT_ACCESS, MEASUREMENT_EVENTS)
_AT_ONCE = 2000
_STATEMENTS = 50
_LARGEST = 16 * 1024 * 1024
_NS = 1_000_000_000
_MAY = "let the token read, write and delete in the buckets"
_MAPPING = "make the bucket known to InfluxQL: `influx v1 dbrp create --db BUCKET --rp autogen --default`"


@dataclass(frozen=True, slots=True)
class _Point:
    bucket: str
    measurement: str
    tags: tuple[tuple[str, str], ...]
    time: int


class InfluxErasing:
    """What one InfluxDB knows of a person. `position`: how far the sink has come in the journal.

    `settled`: returns when nothing that was read before is on its way beside that, or raises SinkUnavailable.
    Raises SinkUnavailable or SinkMisconfigured, which may be tried again; what was deleted meanwhile stays so.
    """

    def __init__(
        self,
        settings: InfluxSettings,
        position: Callable[[], int],
        settled: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self.name = settings.id
        self._settings = settings
        self._buckets = tuple(reversed(tuple(settings.buckets)))
        self.position = position
        self.settled = settled
        self._client: InfluxClient | None = None
        self._thread = BlockingThread(f"{settings.id}-erasing")

    async def count(self, pseudonym: str) -> int:
        """How many points there are of a person; at most some thousands are counted."""
        return len(await self._thread.do(partial(self._find, pseudonym)))

    async def erase(self, pseudonym: str) -> int:
        """Delete all points of a person; answers how many there were. None is left when this returns."""
        return await self._thread.do(partial(self._erase, pseudonym))

    def close(self) -> None:
        """Close the connection after what is under way; nobody waits for it."""
        self._thread.end(self._shut)

    def _shut(self) -> None:
        if self._client is not None:
            self._client.close()

    # In the thread -------------------------------------------------------------------------------------

    def _open(self) -> "InfluxClient":
        if self._client is None:
            from monitor.sinks.influxdb.client import InfluxClient

            self._client = InfluxClient(self._settings)
        return self._client

    def _erase(self, pseudonym: str) -> int:
        client, before = self._open(), set[_Point]()
        client.forget()  # the server may be another one since
        while points := set(self._find(pseudonym)):
            if points <= before:
                raise SinkMisconfigured("InfluxDB still has points that it said it had deleted", what_to_do=_MAY)
            if client.api == "v1":
                self._delete_v1(points)
            else:
                self._delete_v2(points)
            before |= points
        return len(before)

    def _find(self, pseudonym: str) -> Sequence[_Point]:
        return [
            point
            for bucket in self._buckets
            for measurement in _MEASUREMENTS
            for point in self._points(bucket, measurement, pseudonym)
        ]

    def _points(self, bucket: str, measurement: str, pseudonym: str) -> Iterable[_Point]:
        wanted = f"SELECT credential FROM {_name(measurement)} WHERE credential = {_text(pseudonym)}"  # noqa: S608 - InfluxQL, quoted
        for series in self._query(bucket, f"{wanted} GROUP BY * LIMIT {_AT_ONCE}"):
            tags = tuple(sorted(series.get("tags", {}).items()))
            for time, *_ in series.get("values", ()):
                yield _Point(bucket, measurement, tags, time)

    def _query(self, bucket: str, text: str) -> Sequence[Mapping[str, Any]]:
        client = self._open()
        try:
            body = client.ask("POST", "/query", {"db": bucket, "epoch": "ns"}, form={"q": text}, largest=_LARGEST)
            results = json.loads(body)["results"]
        except SinkRejected as error:
            raise SinkMisconfigured(str(error), what_to_do=_MAY) from error
        except (ValueError, KeyError, TypeError) as error:
            raise SinkUnavailable("the answer to a query is not InfluxDB's") from error
        said = "; ".join(str(result["error"]) for result in results if "error" in result)
        if "database not found" in said and client.api == "v1":
            return ()
        if said:
            raise SinkMisconfigured(said, what_to_do=_MAPPING if client.api != "v1" else _MAY)
        return [series for result in results for series in result.get("series", ())]

    def _delete_v1(self, points: Iterable[_Point]) -> None:
        by_bucket: dict[str, list[str]] = {}
        for point in points:
            tags = "".join(f" AND {_name(key)} = {_text(value)}" for key, value in point.tags)
            statement = f"DELETE FROM {_name(point.measurement)} WHERE time = {point.time}{tags}"  # noqa: S608 - InfluxQL
            by_bucket.setdefault(point.bucket, []).append(statement)
        for bucket, statements in by_bucket.items():
            for start in range(0, len(statements), _STATEMENTS):
                self._query(bucket, "; ".join(statements[start : start + _STATEMENTS]))

    def _delete_v2(self, points: Iterable[_Point]) -> None:
        """Delete each in an interval of its own nanosecond; a predicate cannot say that a tag is absent.

        Two events of one device in one millisecond, of which one has a tag more, would go together: cards
        of one reader whose clock counts seconds, of which one was told without a result.
        """
        for point in points:
            tags = {"_measurement": point.measurement, **{key: value for key, value in point.tags if value}}
            told = {
                "start": _instant(point.time),
                "stop": _instant(point.time + 1),
                "predicate": " AND ".join(f"{_name(key)}={_quoted(value)}" for key, value in tags.items()),
            }
            query = {"org": self._settings.org, "bucket": point.bucket}
            try:
                self._open().ask("POST", "/api/v2/delete", query, body=json.dumps(told).encode())
            except SinkRejected as error:
                raise SinkMisconfigured(str(error), what_to_do=_MAY) from error


def _instant(time: int) -> str:
    """Nanoseconds as RFC 3339."""
    seconds, rest = divmod(time, _NS)
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _text(value: str) -> str:
    """A text in InfluxQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _name(value: str) -> str:
    """A name in InfluxQL, and in a predicate."""
    return _quoted(value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
