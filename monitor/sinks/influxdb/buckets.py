"""Buckets and how long they keep their points, on servers of three generations: looked for, made, changed.

Sources at docs.influxdata.com: InfluxQL of 1.x (SHOW RETENTION POLICIES, CREATE DATABASE, ALTER RETENTION POLICY),
the API of 2.x (/api/v2/buckets, /api/v2/orgs), that of 3.x (/api/v3/configure/database) and its retention periods,
which have no unit below an hour.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import SinkRejected, SinkUnavailable
from monitor.sinks.rejection import SinkMisconfigured

if TYPE_CHECKING:
    from monitor.sinks.influxdb.client import InfluxClient

__all__ = ["Bucket", "Buckets", "Refused", "ident_of", "in_words", "items", "quoted", "seconds_of"]

_LARGEST: Final = 4 * 1024 * 1024
_LONGEST: Final = 300
_MOST_SECONDS: Final = 2**53
_NOT_FOUND: Final = 404
_TAKEN: Final = 409
_DAY, _HOUR = 86_400, 3_600
_UNITS: Final[Mapping[str, float]] = {
    "w": 7 * 86_400.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0,
    "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip
_DURATION = re.compile(r"(?:\d+(?:ns|us|µs|ms|[wdhms]))+")
_PART = re.compile(r"(\d+)(ns|us|µs|ms|[wdhms])")


class Refused(SinkMisconfigured):
    """The server does not do what was asked, mostly for want of a right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket or database that is there. `retention`: seconds, None: for ever; `told`: whether it can be seen.

    `ident`: its id (2.x), or the name of its policy (1.x).
    """

    name: str
    retention: float | None = None
    told: bool = True
    ident: str = ""


def quoted(name: str) -> str:
    """A name in InfluxQL."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def in_words(retention: float | None) -> str:
    """How long that is, for people."""
    if retention is None:
        return "for ever"
    if retention < 2 * _DAY:
        return "1 hour" if retention == _HOUR else f"{retention / _HOUR:g} hours"
    return f"{round(retention / _DAY, 2):g} days"


def seconds_of(text: str) -> float | None:
    """Seconds of a duration such as `2160h0m0s`; None for none at all, which means for ever. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError("this is no duration")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not math.isfinite(seconds):
        raise ValueError("this is no duration")
    return seconds or None


class Buckets:
    """What there is on one server, with the right of the client's token.

    Everything raises SinkUnavailable while nobody answers, and SinkMisconfigured (Refused among them) when the
    server refuses or answers what InfluxDB does not.
    """

    def __init__(self, client: "InfluxClient", org: str) -> None:
        self._client = client
        self._org = org
        self._org_id = ""
        self._version: str | None = None

    @property
    def generation(self) -> int:
        """1, 2 or 3; a server that does not say is taken for 2."""
        if self._version is None:
            self._version = self._client.version()
        return int(self._version[0]) if self._version[:2] in {"1.", "2.", "3."} else 2

    def find(self, name: str) -> Bucket | None:
        """The bucket of this name, if there is one."""
        if self.generation == 1:
            return self._find_1x(name)
        return self._find_2x(name) if self.generation == 2 else self._find_3x(name)  # noqa: PLR2004 - 1, 2, 3

    def create(self, name: str, retention: float | None) -> None:
        """Make a bucket that keeps its points so long (seconds; None: for ever)."""
        if self.generation == 1:
            lasting = "" if retention is None else f" WITH DURATION {math.ceil(retention)}s"
            self.query(f"CREATE DATABASE {quoted(name)}{lasting}")
        elif self.generation == 2:  # noqa: PLR2004 - 1, 2, 3
            rules = {"orgID": self.org_id, "name": name, "retentionRules": _rules(retention)}
            self.ask("POST", "/api/v2/buckets", body=rules)
        else:
            told = {"db": name} | ({} if retention is None else {"retention_period": _whole_hours(retention)})
            self.ask("POST", "/api/v3/configure/database", body=told, also={_TAKEN})

    def alter(self, bucket: Bucket, retention: float | None) -> None:
        """Have a bucket keep its points so long; what is older goes."""
        if self.generation == 1:
            lasting, shard = (
                ("INF", "7d") if retention is None else (f"{math.ceil(retention)}s", _shard(retention))
            )
            self.query(
                f"ALTER RETENTION POLICY {quoted(bucket.ident)} ON {quoted(bucket.name)}"
                f" DURATION {lasting} SHARD DURATION {shard}"
            )
        elif self.generation == 2:  # noqa: PLR2004 - 1, 2, 3
            self.ask("PATCH", f"/api/v2/buckets/{bucket.ident}", body={"retentionRules": _rules(retention)})
        else:
            lasting = "none" if retention is None else _whole_hours(retention)
            self.ask("PUT", "/api/v3/configure/database", body={"db": bucket.name, "retention_period": lasting})

    @property
    def org_id(self) -> str:
        """2.x: the id of the organisation."""
        if not self._org_id:
            if not self._org:
                raise Refused("no organisation is named", what_to_do="write `org` in `sinks.influxdb`")
            said = self.ask("GET", "/api/v2/orgs", {"org": self._org}, also={_NOT_FOUND})
            found = [each for each in items(said, "orgs") if each.get("name") == self._org]
            if not found:
                raise Refused(
                    f"there is no organisation {self._org!r}", what_to_do="mend `org` in `sinks.influxdb`"
                )
            self._org_id = ident_of(found[0])
        return self._org_id

    def _find_1x(self, name: str) -> Bucket | None:
        try:
            rows = self.query(f"SHOW RETENTION POLICIES ON {quoted(name)}")
        except Refused as error:
            if "database not found" in str(error):
                return None
            raise
        usual = next((row for row in rows if row.get("default") is True), None)
        if usual is None:
            return Bucket(name=name, told=False)
        try:
            retention = seconds_of(str(usual.get("duration", "")))
        except ValueError as error:
            raise SinkUnavailable("the answer about retention is not InfluxDB's") from error
        return Bucket(name=name, retention=retention, ident=str(usual.get("name", "")))

    def _find_2x(self, name: str) -> Bucket | None:
        said = self.ask("GET", "/api/v2/buckets", {"org": self._org, "name": name}, also={_NOT_FOUND})
        found = [each for each in items(said, "buckets") if each.get("name") == name]
        if not found:
            return None
        rules = found[0].get("retentionRules") or []
        lasting = [rule.get("everySeconds") for rule in items(rules, "")]
        if not all(isinstance(each, int) and abs(each) <= _MOST_SECONDS for each in lasting):
            raise SinkUnavailable("the answer about retention is not InfluxDB's")
        seconds = next((float(each) for each in lasting if each), None)
        return Bucket(name=name, retention=seconds, ident=ident_of(found[0]))

    def _find_3x(self, name: str) -> Bucket | None:
        said = self.ask("GET", "/api/v3/configure/database", {"format": "json"})
        known = {str(value) for each in items(said, "databases") for value in each.values()}
        return Bucket(name=name, told=False) if name in known else None

    # Over the wire ---------------------------------------------------------------------------------------

    def query(self, text: str, database: str = "") -> Sequence[Mapping[str, Any]]:
        """Run one statement of InfluxQL; answers the rows. Raises Refused when the server says an error."""
        said = self.ask("POST", "/query", {"db": database} if database else {}, form={"q": text})
        try:
            results = said["results"]
            told = "; ".join(str(each["error"]) for each in results if "error" in each)
            if told:
                raise Refused(_short(told))
            return [
                dict(zip(series["columns"], row, strict=True))
                for each in results
                for series in each.get("series", ())
                for row in series.get("values", ())
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SinkUnavailable("the answer to a query is not InfluxDB's") from error

    def ask(  # noqa: PLR0913 - a request, and what may come
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        also: set[int] | frozenset[int] = frozenset(),
    ) -> Any:
        """Answer what the server says, as JSON; an empty mapping for statuses in `also`, or for nothing."""
        content = None if body is None else json.dumps(body).encode()
        try:
            answer = self._client.ask(method, path, query or {}, form=form, body=content, largest=_LARGEST)
        except SinkMisconfigured as error:
            if error.status in also:
                return {}
            raise Refused(str(error), what_to_do=error.what_to_do, status=error.status) from error
        except SinkRejected as error:
            raise Refused(str(error)) from error
        if not answer.strip():
            return {}
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise SinkUnavailable("the answer is not InfluxDB's") from error


def _rules(retention: float | None) -> list[dict[str, Any]]:
    return [] if retention is None else [{"type": "expire", "everySeconds": math.ceil(retention)}]


def _whole_hours(retention: float) -> str:
    return f"{math.ceil(retention / _HOUR)}h"


def _shard(retention: float) -> str:
    """What 1.x takes by itself for a new database that lasts so long."""
    if retention < 2 * _DAY:
        return "1h"
    return "1d" if retention <= 180 * _DAY else "7d"


def items(said: Any, key: str) -> Sequence[Mapping[str, Any]]:
    """The mappings of a list, which stands alone or under a key; raises SinkUnavailable."""
    found = said.get(key, ()) if isinstance(said, dict) else said
    if not isinstance(found, list | tuple) or not all(isinstance(each, dict) for each in found):
        raise SinkUnavailable("the answer is not InfluxDB's")
    return found


def ident_of(item: Mapping[str, Any]) -> str:
    """The id of a bucket, an organisation or a token; raises SinkUnavailable."""
    ident = item.get("id")
    if not isinstance(ident, str) or not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", ident):
        raise SinkUnavailable("the answer has no id of InfluxDB's")
    return ident


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
