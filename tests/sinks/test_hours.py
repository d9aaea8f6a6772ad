"""How devices did by the hour, asked of a real InfluxDB with the queries of the page."""

import re
import time
from collections.abc import Callable, Iterator

import pytest

from monitor.health.hours import Hours
from monitor.health.judge import Minute
from monitor.journal.state import State
from monitor.model import Derived
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings
from tests.docs.pages import ROOT, section
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import a_site, recorded

MINUTE = 60_000
HOUR = 60 * MINUTE


def _section() -> str:
    return section(ROOT / "docs" / "influxdb.md", "## How devices did")


def _examples() -> list[str]:
    blocks = re.findall(r"<!-- check: influxql -->\n```sql\n(.*?)```", _section(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def _told(start: int) -> Iterator[Derived]:
    """Two hours: one meter answers always, the other in the first 40 minutes; the second hour is short."""
    hours = Hours(["e-main", "w-main"])
    for at in (*range(1, 61), *range(61, 81)):
        for device in ("e-main", "w-main"):
            is_up = device == "e-main" or at <= 40
            minute = Minute(
                device=device,
                time=start + at * MINUTE,
                up=is_up,
                state="answering" if is_up else "suspended",
                polls=6,
                errors=0 if is_up else 6,
                loss=0.0,
            )
            for hour in hours.take(minute, 40 if is_up else None, "" if is_up else "timeout"):
                yield Derived(
                    producer="health",
                    key=str(hour.until),
                    device=device,
                    time=hour.start,
                    measurement="device_hourly",
                    values=hour.values,
                    attributes={"protocol": "modbus"},
                )


async def test_availability_over_hours_is_that_of_their_minutes(
    settings: Callable[..., InfluxSettings], state: State, server: InfluxServer, database: str
) -> None:
    start = (time.time_ns() // 1_000_000 // HOUR - 5) * HOUR
    sink = InfluxSink(settings(), a_site(), state)
    await sink.write(recorded(*_told(start)))
    await sink.close()

    answers = {example: server.query(example, database) for example in _examples()}
    assert len(answers) == 8
    assert [example for example, rows in answers.items() if not rows] == []
    each, (b1,), worst, states, ends, _, (main,), poor = answers.values()
    assert {row["device"]: row["available"] for row in each} == {"e-main": 100.0, "w-main": 50.0}
    assert b1["available"] == 75.0
    assert [(row["device"], row["bottom"]) for row in worst] == [("w-main", 50.0), ("e-main", 100.0)]
    assert max(row["max"] for row in states if row["device"] == "w-main") == 4
    silent = next(row for row in ends if row["device"] == "w-main")
    assert (silent["last"], silent["last_2"]) == ("suspended", "timeout")
    assert silent["last_1"] == start + 40 * MINUTE
    assert main["mean"] == pytest.approx(40.0)
    assert [(row["up_pct"], row["minutes"]) for row in poor] == [(66.67, 60), (0.0, 20)]


async def test_the_page_names_every_field_that_is_written() -> None:
    fields = {field for told in _told(0) for field in told.values}

    assert sorted(field for field in fields if f"`{field}`" not in _section()) == []
