"""Every query of the dashboards over a month of a hundred meters, as Grafana sends it: the slowest ones.

Takes each `*.json` of `config/grafana/dashboards` (or of the folder in FACILITY_DASHBOARDS), with the ranges 24 h,
7 days and 30 days and everything chosen. Nothing is asserted.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import urllib3

import config
from tests.bench.month import fill
from tests.grafana.answers.ranges import parse
from tests.grafana.substitute import substitute
from tests.servers.influxdb import InfluxServer, influxdb

__all__ = ["interval", "main"]

RANGES: Final = {"24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000}
PIXELS: Final = 1000
ROUNDS: Final = 3
SHOWN: Final = 15
WISHED: Final = 1.0

_UNITS: Final = {
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_STEPS: Final = ("1s", "2s", "5s", "10s", "15s", "20s", "30s", "1m", "2m", "5m", "10m", "15m", "20m", "30m")
_LONG_STEPS: Final = ("1h", "2h", "3h", "6h", "12h", "1d", "7d")
_SHORTEST: Final = {"facility": "10s", "facility-access": "1m"}
"""Database -> `timeInterval` of its data source."""


class Query(NamedTuple):
    """One query of a dashboard: where it stands, its database, and the range and interval of its own."""

    name: str
    text: str
    database: str
    time_from: str = ""
    shortest: str = ""
    points: int = PIXELS


class Answer(NamedTuple):
    """How long a query took, in seconds, or what was wrong with it; and how many rows came."""

    name: str
    over: str
    seconds: float
    rows: int
    wrong: str = ""


def milliseconds(text: str) -> int:
    """`10m` -> 600000."""
    found = re.fullmatch(r"[>]?(\d+)([smhdwy])", text)
    if found is None:
        raise ValueError(f"no span of time: {text}")
    return int(found[1]) * _UNITS[found[2]]


def interval(span: int, shortest: str, points: int = PIXELS) -> str:
    """Answer what Grafana puts for `$__interval`: a round step near a point a pixel, `shortest` at least."""
    exact = max(span / points, milliseconds(shortest))
    for lower, upper in pairwise((*_STEPS, *_LONG_STEPS)):
        if exact < (milliseconds(lower) + milliseconds(upper)) / 2:
            return lower
    return _LONG_STEPS[-1]


def queries(folder: Path) -> Iterator[tuple[Mapping[str, Any], Query]]:
    """Each dashboard with each query of its panels, variables and annotations."""
    for file in sorted(folder.glob("*.json")):
        board = json.loads(file.read_text("utf-8"))
        for panel in _panels(board["panels"]):
            for target in panel.get("targets", ()):
                yield (
                    board,
                    Query(
                        name=f"{file.stem}: {panel.get('title', '')} {target.get('refId', '')}",
                        text=target["query"],
                        database=_database(target.get("datasource") or panel["datasource"]),
                        time_from=panel.get("timeFrom") or "",
                        shortest=panel.get("interval") or "",
                        points=panel.get("maxDataPoints") or PIXELS,
                    ),
                )
        for each in board.get("annotations", {}).get("list", ()):
            if "query" in each.get("target", {}):
                name = f"{file.stem}: annotation {each['name']}"
                yield board, Query(name, each["target"]["query"], _database(each["datasource"]))
        for each in board["templating"]["list"]:
            if each["type"] == "query":
                name = f"{file.stem}: variable {each['name']}"
                yield board, Query(name, _text(each["query"]), _database(each["datasource"]))


def _panels(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in found:
        yield panel
        yield from _panels(panel.get("panels", []))


def _text(query: str | Mapping[str, str]) -> str:
    return query if isinstance(query, str) else query["query"]


def _database(source: Mapping[str, str]) -> str:
    return "facility-access" if "access" in source["uid"].lower() else "facility"


def _chosen(board: Mapping[str, Any], server: InfluxServer, now: int) -> dict[str, str]:
    """A value of each variable: all, where that can be chosen, else the first one."""
    chosen: dict[str, str] = {}
    for each in board["templating"]["list"]:
        if each["type"] == "datasource":
            continue
        if each.get("includeAll"):
            chosen[each["name"]] = each.get("allValue") or ".*"
        elif each["type"] == "query":
            text = substitute(_text(each["query"]), now - RANGES["30d"], now, chosen)
            rows = server.query(text, _database(each["datasource"]))
            chosen[each["name"]] = str(rows[0]["value"]) if rows else ""
        else:
            current = each.get("current", {}).get("value", each.get("query", ""))
            chosen[each["name"]] = str(current[0] if isinstance(current, list) else current)
    return chosen


def _range(query: Query, over: str, now: int) -> tuple[int, int]:
    if not query.time_from:
        return now - RANGES[over], now
    own = query.time_from if query.time_from.startswith("now") else f"now-{query.time_from}"
    begin = parse(own, datetime.fromtimestamp(now / 1000, UTC), "UTC")
    return round(begin.timestamp() * 1000), now


def ask(server: InfluxServer, board: Mapping[str, Any], query: Query, over: str, now: int) -> Answer:
    """Ask as Grafana would, three times; the median."""
    start, end = _range(query, over, now)
    step = interval(end - start, query.shortest or _SHORTEST[query.database], query.points)
    text = query.text.replace("$__interval_ms", str(milliseconds(step)))
    took, rows = [], 0
    try:
        text = substitute(text, start, end, _chosen(board, server, now), step)
        fields = {"q": text, "db": query.database, "epoch": "ms"}
        for _ in range(ROUNDS):
            began = time.monotonic()
            answer = urllib3.request("POST", f"{server.url}/query", fields=fields, timeout=120)
            took.append(time.monotonic() - began)
            rows = _rows(answer.data)
    except (AssertionError, RuntimeError) as error:
        return Answer(query.name, over, 0.0, 0, str(error))
    return Answer(query.name, query.time_from or over, median(took), rows)


def _rows(answer: bytes) -> int:
    """How many rows an answer has. Raises RuntimeError with what was wrong."""
    found = json.loads(answer)
    results = [*found.get("results", ()), found]
    wrong = [each["error"] for each in results if "error" in each]
    if wrong:
        raise RuntimeError(wrong[0])
    return sum(len(series["values"]) for each in results for series in each.get("series", ()))


def main() -> None:
    """Print how long filling took, how many queries were slow, and the slowest."""
    folder = Path(os.environ.get("FACILITY_DASHBOARDS") or Path(config.__file__).parent / "grafana" / "dashboards")
    now = int(datetime.now(UTC).timestamp()) // 60 * 60_000
    with tempfile.TemporaryDirectory() as place, influxdb(Path(place), auth=False) as server:
        began = time.monotonic()
        count = fill(server, now)
        took = time.monotonic() - began
        _say(f"a month of 100 meters, each minute: {count:,} lines in {took:.0f} s ({count / took:,.0f} lines/s)")
        for over in RANGES:
            answers = [ask(server, board, query, over, now) for board, query in queries(folder)]
            _tell(over, answers)


def _tell(over: str, answers: list[Answer]) -> None:
    wrong = [each for each in answers if each.wrong]
    slow = [each for each in answers if each.seconds >= WISHED]
    middle = median(each.seconds for each in answers)
    load = os.getloadavg()[0]
    _say(
        f"{over}: {len(answers)} queries, {len(slow)} of them took {WISHED:g} s or more, {len(wrong)} failed;"
        f" median {middle * 1000:.0f} ms (load {load:.1f}); the slowest:"
    )
    for each in sorted(answers, key=lambda found: -found.seconds)[:SHOWN]:
        _say(f"  {each.seconds * 1000:7.0f} ms {each.rows:7,} rows over {each.over:<6} {each.name}")
    for each in wrong:
        _say(f"  failed: {each.name}: {each.wrong}")


def _say(text: str) -> None:
    sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
