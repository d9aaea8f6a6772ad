"""The monitor itself: does it keep up, does it get rid of what it has, will its disk last."""

from dataclasses import replace
from typing import Final

from monitor.grafana.influxql import INTERVAL, Select, call
from monitor.grafana.kinds import Stat, StateTimeline, Table, TimeSeries
from monitor.grafana.looks import Link, Look, Override, State, Step
from monitor.grafana.model import DATA, Dashboard, Panel, Row, Target, to
from monitor.grafana.reshape import Organize
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
    "clock_synchronised": "clock is not synchronised",
}
_WRONG: Final = {"0": State("no", "green"), "1": State("yes", "red")}
_NONE: Final = (Step(None, "green"), Step(1, "red"))
_BY: Final = ("instance",)
_DEVICES: Final = (Link("All devices", to("facility-devices", DATA)),)


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


def _worst(point: str) -> str:
    """1 where something was wrong in an interval; of the clock that is 0 rather than 1."""
    field = state_number(point)
    return f'1 - min("{field}") AS "wrong"' if point == "clock_synchronised" else call("max", field, "wrong")


def _states() -> list[Target]:
    return [
        Target(
            query=Select(
                columns=[_worst(point)],
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
        width=3,
        height=4,
        targets=_last(point),
        look=look if look.no_value else replace(look, no_value="not known"),
        time_from="1h",
        says_time=True,
    )


def _which() -> Panel:
    """Each monitor, and when it was heard last."""
    by = ("instance", "version")
    query = Select(columns=[call("last", "readings")], source=MEASUREMENT_MONITOR, variables=(), by=by)
    names = {
        "instance": Look(name="Monitor"),
        "version": Look(name="Version"),
        "Time": Look(name="Heard last", unit="ago"),
    }
    return Panel(
        kind=Table(sort="Heard last"), says_time=True, title="Which monitor", width=24, height=4, time_from="30d",
        description="When each monitor told of itself last. More than a few minutes: it does not run, or it cannot"
        " reach InfluxDB, and nothing on any dashboard is of now.",
        targets=[Target(query=query)],
        reshape=[Organize(names={name: name for name in names}, hidden=["last"])],
        overrides=[Override(name=name, look=look) for name, look in names.items()],
    )  # fmt: skip


_NOW: Final = Row(
    panels=[
        _stat("Silent devices", "devices_down", "Devices that do not answer now; their own dashboard says which.",
              Look(decimals=0, steps=_NONE, links=_DEVICES)),
        _stat("Waiting for InfluxDB", "journal_lag",
              "Entries that a sink has yet to write. It rises while InfluxDB is away, and nothing is lost.",
              Look(decimals=0, steps=(Step(None, "green"), Step(10_000, "orange"), Step(1_000_000, "red")))),
        _stat("Room for what waits", "journal_left_h",
              "How long the journal has room for what InfluxDB has not taken yet; then the oldest is lost. Enough:"
              " nothing is behind.",
              Look(unit="h", decimals=0, states={"8760": State("enough", "green")},
                   steps=(Step(None, "red"), Step(24, "orange"), Step(72, "green")))),
        _stat("InfluxDB away", "sink_down_s", "For how long a sink has not been able to write.",
              Look(unit="s", decimals=0, steps=(Step(None, "green"), Step(600, "red")))),
        _stat("Refused entries", "dead_letters",
              "What InfluxDB will not take, mostly for its type: `facility-monitor dead-letters list` says why.",
              Look(decimals=0, steps=_NONE)),
        _stat("Messages waiting", "notify_waiting", "Messages to people that have not been delivered yet.",
              Look(decimals=0, steps=(Step(None, "green"), Step(5, "orange"), Step(50, "red")))),
        _stat("Messages failed", "notify_failed",
              "Messages that could not be delivered in the last hour: somebody may not know of an alarm.",
              Look(decimals=0, steps=_NONE)),
        _stat("Disk free", "disk_free_pct", "Of the disk that holds journal and state.",
              Look(unit="%", decimals=0, steps=(Step(None, "red"), Step(5, "orange"), Step(15, "green")))),
        _which(),
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
            kind=TimeSeries(stepped=True, calcs=["max", "lastNotNull"]), title="How many devices are silent",
            width=8, height=8,
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
            description="What was wrong with the monitor's own files, which it mends from copies. The clock: times"
            " of readings may be wrong.",
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
