"""The data source: InfluxQL to a server, and its answers as frames, as Grafana's built-in InfluxDB source."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import urllib3

from tests.grafana.answers.frames import Field, Frame

__all__ = ["QueryFailed", "Series", "Source", "series_frames", "table_frames"]


class QueryFailed(Exception):
    """The server refuses a query."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer."""

    name: str
    columns: Sequence[str]
    values: Sequence[Sequence[Any]]
    tags: Mapping[str, str]


@dataclass(slots=True)
class Source:
    """One InfluxDB; `databases` by the name of the dashboard's variable that chooses the data source."""

    url: str
    databases: Mapping[str, str] = field(
        default_factory=lambda: {"datasource": "facility", "access": "facility-access"}
    )
    user: str = ""
    """`user:password`, or empty where nobody asks."""
    users: Mapping[str, str] = field(default_factory=dict)
    """The same by the variable, where data sources ask as different users."""
    interval: str = "10s"
    """`timeInterval` of the data source."""
    now: int | None = None
    """What the server is to take for its own time (ms), which queries call `now()`; None: what it is."""
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=60))

    def ask(self, query: str, variable: str) -> list[Series]:
        """The series that a query answers, times in milliseconds."""
        user = self.users.get(variable, self.user)
        headers = urllib3.make_headers(basic_auth=user) if user else {}
        if self.now is not None:
            query = query.replace("now()", f"{self.now}ms")
        fields = {"q": query, "epoch": "ms", "db": self.databases[variable]}
        answer = self._http.request("POST", f"{self.url}/query", fields=fields, headers=headers)
        found = json.loads(answer.data)
        result = found.get("results", [{}])[0]
        if "error" in found or "error" in result:
            raise QueryFailed(f"{found.get('error') or result['error']}: {query}")
        return [
            Series(each.get("name", ""), each["columns"], each.get("values", []), each.get("tags", {}))
            for each in result.get("series", ())
        ]


def _kind(values: Sequence[Any]) -> str:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, bool):
        return "boolean"
    return "string" if isinstance(first, str) else "number"


def table_frames(found: Sequence[Series], ref: str) -> list[Frame]:
    """One frame: Time, the tags, the columns. Grafana orders the tags as Go's maps do, at random; here by name."""
    if not found:
        return []
    rows = [(series, row) for series in found for row in series.values]
    first = found[0]
    fields = []
    if first.columns[0] == "time":
        fields.append(Field("Time", "time", [row[0] for _, row in rows]))
    else:
        fields.append(_column(first.columns[0], [row[0] for _, row in rows]))
    for tag in sorted(first.tags):
        fields.append(_column(tag, [series.tags.get(tag, "") for series, _ in rows]))  # noqa: PERF401 - reads as what it is
    for index, name in enumerate(first.columns):
        if index:
            fields.append(_column(name, [row[index] for _, row in rows]))
    return [Frame(fields, ref, first.name)]


def _column(name: str, values: list[Any]) -> Field:
    return Field(name, _kind(values), values, config={"displayNameFromDS": name})


def series_frames(found: Sequence[Series], ref: str, alias: str, interval: str) -> list[Frame]:
    """A frame for each series and column: Time and Value, called by the alias."""
    frames = []
    for series in found:
        if "time" not in series.columns:
            continue
        times = [row[series.columns.index("time")] for row in series.values]
        for index, column in enumerate(series.columns):
            if column == "time":
                continue
            name = _name(series, column, alias, interval)
            values = [row[index] for row in series.values]
            labels = dict(series.tags) or None
            value = Field("Value", _kind(values), values, labels, {"displayNameFromDS": name})
            frames.append(Frame([Field("Time", "time", list(times)), value], ref, name))
    return frames


def _name(series: Series, column: str, alias: str, interval: str) -> str:
    if not alias:
        tags = ", ".join(f"{key}: {value}" for key, value in series.tags.items())
        return f"{series.name}.{column}" + (f" {{ {tags} }}" if tags else "")

    def said(match: re.Match[str]) -> str:
        word = match[1] or match[2]
        known = {"m": series.name, "measurement": series.name, "col": column, "__interval": interval}
        if word in known:
            return known[word]
        return series.tags.get(word.removeprefix("tag_"), match[0]) if word.startswith("tag_") else match[0]

    return re.sub(r"\$(\w+)|\[\[([\s\S]+?)\]\]", said, alias)
