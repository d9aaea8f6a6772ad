"""How long alarms took, asked of a real InfluxDB with the queries of the page."""

import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from monitor.journal.state import State
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings, Rule, Source
from tests.docs.pages import ROOT, section
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import a_site, recorded, step

MINUTE = 60_000
DAY = 86_400_000


def _examples() -> list[str]:
    text = section(ROOT / "docs" / "influxdb.md", "## How alarms went")
    blocks = re.findall(r"<!-- check: influxql -->\n```sql\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


async def test_times_to_acknowledge_and_to_clear_are_those_from_the_start(
    settings: Callable[..., InfluxSettings], state: State, server: InfluxServer, database: str
) -> None:
    start = time.time_ns() // 1_000_000 - DAY
    other = {"occurrence": "o-2", "rule": "door-forced"}
    said = (
        step("raised", 1, time=start),
        step("raised", 1, time=start + MINUTE, **other),
        step("raised", 1, time=start + MINUTE, occurrence="o-3", rule="tried", suppression=("shadow",)),
        step("cleared", 2, time=start + 2 * MINUTE, occurrence="o-3", rule="tried", suppression=("shadow",)),
        step("acknowledged", 2, time=start + 2 * MINUTE),
        step("acknowledged", 2, time=start + 5 * MINUTE, **other),
        replace(step("acknowledged", 3, time=start + 6 * MINUTE), cause="recovering", condition="recovering"),
        step("cleared", 4, time=start + 7 * MINUTE, condition="clear"),
        replace(step("acknowledged", 9, time=start + 8 * MINUTE), occurrence="before-this-sink"),
    )
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(*said))
    await sink.close()

    answers = [server.query(example, database) for example in _examples()]
    assert len(answers) == 5
    assert [example for example, rows in zip(_examples(), answers, strict=True) if not rows] == []
    (whole,), (high,), cleared, noisy, per_day = answers
    assert (whole["mean"], whole["max"]) == (pytest.approx(180), pytest.approx(240))
    assert high["percentile"] == pytest.approx(240)
    assert [(row["rule"], row["mean"]) for row in cleared] == [("high-power", pytest.approx(420))]
    assert {(row["rule"], row["top"]) for row in noisy} == {("high-power", 1), ("door-forced", 1)}
    assert sum(row["count"] for row in per_day) == 2


async def test_what_is_not_told_and_why_and_which_connection_it_is_about_are_there(
    settings: Callable[..., InfluxSettings], state: State, server: InfluxServer, database: str
) -> None:
    start = time.time_ns() // 1_000_000 - DAY
    sources = tuple(
        Source(device="facility-monitor", point=name, name=name, building=building)
        for name, building in (("bus", "b1"), ("ring", ""))
    )
    dead = Rule(id="dead", name="Nothing answers", kind="segment", params=None, sources=sources, version="1")
    about = {"rule": "dead", "device": "facility-monitor"}
    said = (
        step("raised", 1, time=start, **about, source_key="facility-monitor/bus", suppression=("suppressed",)),
        step("raised", 1, time=start, **about, source_key="facility-monitor/ring", occurrence="o-2"),
        replace(
            step("cleared", 1, time=start + MINUTE, occurrence="o-3"), cause="shelved", suppression=("shelved",)
        ),
    )
    sink = InfluxSink(settings(), a_site(rules={"dead": dead}), state)
    await sink.write(recorded(*said))
    await sink.close()

    query = "SELECT suppression, cause, title, point, building FROM alarms"
    found = server.query(query, database)
    names = ("point", "building", "title", "cause", "suppression")
    rows = {tuple(row[name] or "" for name in names) for row in found}
    assert {row for row in rows if row[3] == "raised"} == {
        ("bus", "b1", "Nothing answers: bus", "raised", "suppressed"),
        ("ring", "", "Nothing answers: ring", "raised", ""),
    }
    assert {(row[3], row[4]) for row in rows if row[3] != "raised"} == {("shelved", "shelved")}


async def test_the_end_of_chatter_hides_nothing_that_waits(
    settings: Callable[..., InfluxSettings], state: State, server: InfluxServer, database: str
) -> None:
    start = time.time_ns() // 1_000_000 - DAY
    said = (
        step("raised", 1, time=start),
        replace(step("cleared", 2, time=start + MINUTE), response="none"),
        step("raised", 1, time=start + 2 * MINUTE, occurrence="o-2"),
        replace(step("cleared", 2, time=start + 3 * MINUTE, occurrence="o-2"), response="unacked"),
        replace(step("cleared", 3, time=start + 33 * MINUTE), cause="quiet", response="none"),
    )
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(*said))
    await sink.close()

    (newest,) = server.query("SELECT last(response) AS response FROM alarms", database)
    ends = server.query("SELECT end_ms FROM alarms WHERE end_ms > 0", database)
    assert newest["response"] == "unacked"
    assert {row["end_ms"] for row in ends} == {start + MINUTE, start + 3 * MINUTE}
