"""The monitor itself: does it keep up, does it get rid of what it has, will its disk last."""

from typing import Final

from monitor.grafana.influxql import INTERVAL, Select, call
from monitor.grafana.kinds import Stat, StateTimeline, TimeSeries
from monitor.grafana.looks import Look, State, Step
from monitor.grafana.model import Dashboard, Panel, Row, Target
from monitor.schema import MEASUREMENT_MONITOR, MONITOR_POINTS, state_number

__all__ = ["ITSELF"]

_CALLED: Final = {
    "readings": "readings",
    "readings_dropped": "not taken in",
    "journal_lag": "waiting for a sink",
    "dead_letters": "refused by InfluxDB",
    "notify_waiting": "messages waiting",
    "notify_failed": "messages failed in the last hour",
    "loop_lag_ms": "worst delay",
    "write_ms_p95": "a write to InfluxDB",
    "rss_mb": "memory",
    "journal_mb": "journal",
    "disk_free_pct": "disk free",
    "devices_down": "silent devices",
    "sink_down_s": "InfluxDB away",
}
_STATES: Final = {
    "journal_over_size": "journal over its size",
    "journal_replaced": "journal was damaged",
    "state_restored": "state was damaged",
    "ledger_replaced": "ledger was damaged",
    "ledger_failing": "ledger cannot be written",
    "access_replaced": "access was damaged",
    "access_failing": "access cannot be written",
}
_WRONG: Final = {"0": State("no", "green"), "1": State("yes", "red")}
_NONE: Final = (Step(None, "green"), Step(1, "red"))
_BY: Final = ("instance",)


def _last(point: str) -> list[Target]:
    query = Select(columns=[call("last", point)], source=MEASUREMENT_MONITOR, variables=(), by=_BY)
    return [Target(query=query, alias=f"{_CALLED.get(point, point)} $tag_instance")]


def _over(function: str, *points: str, every: str = INTERVAL) -> list[Target]:
    return [
        Target(
            query=Select(
                columns=[call(function, point)], source=MEASUREMENT_MONITOR, variables=(), by=_BY, every=every
            ),
            alias=f"{_CALLED.get(point, point)} $tag_instance",
        )
        for point in points
    ]


def _states() -> list[Target]:
    return [
        Target(
            query=Select(
                columns=[call("max", state_number(point))],
                source=MEASUREMENT_MONITOR,
                variables=(),
                by=_BY,
                every=INTERVAL,
            ),
            alias=f"{words} $tag_instance",
        )
        for point, words in _STATES.items()
    ]


def _stat(title: str, point: str, description: str, look: Look) -> Panel:
    assert point in MONITOR_POINTS
    return Panel(
        kind=Stat(area=True, text="value"),
        title=title,
        description=description,
        width=4,
        height=4,
        targets=_last(point),
        look=look,
        time_from="1h",
    )


_NOW: Final = Row(
    panels=[
        _stat("Waiting for InfluxDB", "journal_lag",
              "Entries that a sink has yet to write. It rises while InfluxDB is away, and nothing is lost.",
              Look(decimals=0, steps=(Step(None, "green"), Step(10_000, "orange"), Step(1_000_000, "red")))),
        _stat("InfluxDB away", "sink_down_s", "For how long a sink has not been able to write.",
              Look(unit="s", decimals=0, steps=(Step(None, "green"), Step(600, "red")))),
        _stat("Refused entries", "dead_letters",
              "What InfluxDB will not take, mostly for its type: `facility-monitor dead-letters` says why.",
              Look(decimals=0, steps=_NONE)),
        _stat("Messages waiting", "notify_waiting", "Messages to people that have not been delivered yet.",
              Look(decimals=0, steps=(Step(None, "green"), Step(5, "orange"), Step(50, "red")))),
        _stat("Worst delay", "loop_lag_ms", "How late the monitor was at worst. Polls shift by it.",
              Look(unit="ms", decimals=0, steps=(Step(None, "green"), Step(250, "orange"), Step(2_000, "red")))),
        _stat("Disk free", "disk_free_pct", "Of the disk that holds journal and state.",
              Look(unit="%", decimals=0, steps=(Step(None, "red"), Step(5, "orange"), Step(15, "green")))),
    ]
)  # fmt: skip

_COURSE: Final = Row(
    title="How it went",
    panels=[
        Panel(
            kind=TimeSeries(calcs=["mean", "max"]), title="Readings in ten seconds", width=8, height=8,
            description="How many readings arrived, successful or not. A step down: something is silent.",
            targets=_over("mean", "readings"), look=Look(decimals=0, minimum=0),
        ),
        Panel(
            kind=TimeSeries(calcs=["max", "lastNotNull"]), title="Waiting", width=8, height=8,
            description="Entries that sinks have yet to write, messages on their way, entries refused.",
            targets=_over("max", "journal_lag", "notify_waiting", "dead_letters"),
            look=Look(decimals=0, minimum=0),
        ),
        Panel(
            kind=TimeSeries(calcs=["mean", "max"]), title="How long things take", width=8, height=8,
            description="The worst delay of the monitor itself, and what 95 of 100 writes take at most.",
            targets=_over("max", "loop_lag_ms", "write_ms_p95"), look=Look(unit="ms", minimum=0),
        ),
        Panel(
            kind=TimeSeries(calcs=["max", "lastNotNull"]), title="Memory and journal", width=8, height=8,
            description="Memory of the process, and the journal on disk, which is kept below its bound.",
            targets=_over("max", "rss_mb", "journal_mb"), look=Look(unit="MB", decimals=0, minimum=0),
        ),
        Panel(
            kind=TimeSeries(stepped=True, calcs=["max", "lastNotNull"]), title="Silent devices", width=8, height=8,
            description="How many devices do not answer. All of a bus at once: its adapter or gateway.",
            targets=_over("max", "devices_down"), look=Look(decimals=0, minimum=0),
        ),
        Panel(
            kind=TimeSeries(stepped=True, calcs=["max"]), title="Readings not taken in", width=8, height=8,
            description="Since the start: let go while the journal could not be written. Should be none.",
            targets=_over("max", "readings_dropped"), look=Look(decimals=0, minimum=0),
        ),
        Panel(
            kind=StateTimeline(), title="Damage and repair", width=24, height=8, look=Look(states=_WRONG),
            description="What was wrong with the monitor's own files. It mends them from copies, and says so.",
            targets=_states(),
        ),
    ],
)  # fmt: skip

ITSELF: Final = Dashboard(
    uid="facility-monitor",
    title="Monitor health",
    description="Whether the monitor itself keeps up, and whether its files and its disk are in order.",
    rows=[_NOW, _COURSE],
    choices=[],
    range="now-24h",
)
