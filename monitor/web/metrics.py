"""Metrics in Prometheus' text format, and the small server that offers them on TCP where the site asks for it.

They are made from the same facts as `status` when somebody asks, so that nobody pays for what nobody reads. Each
is explained in docs/metrics.md, and a test compares the two.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.performance.rates import floods, window
from monitor.performance.response import whole
from monitor.periods import DAY
from monitor.web.channelmetrics import CHANNEL_METRICS, channel_families
from monitor.web.parts import Facts, Parts
from monitor.web.server import run_bound

__all__ = ["CONTENT_TYPE", "NAMES", "exposition", "serve_metrics"]

_LOG = structlog.get_logger()

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "facility_monitor_"
_TRY_AGAIN = 60.0
_CLIENTS = 20


@dataclass(frozen=True, slots=True)
class _Known:
    """A metric: where its fact is found and what turns it into the metric's unit. A counter ends with `_total`."""

    name: str
    section: str
    key: str
    text: str
    factor: float = 1.0


_ALONE = (
    _Known("start_time_seconds", "daemon", "started", "When the daemon started (Unix time)", 0.001),
    _Known("readings_total", "itself", "readings_total", "Readings kept since the settings were loaded"),
    _Known("devices_down", "itself", "devices_down", "Devices that answered once and do not now"),
    _Known("poll_start_p99_seconds", "poller", "start_p99_ms", "99 of 100 polls started within this", 0.001),
    _Known("readings_waiting", "poller", "waiting", "Readings that wait for the journal"),
    _Known("readings_dropped_total", "poller", "dropped", "Readings lost because the journal failed too long"),
    _Known("journal_entries_total", "journal", "kept", "Entries kept"),
    _Known("journal_commits_total", "journal", "commits", "Transactions"),
    _Known("journal_trimmed_total", "journal", "trimmed", "Entries gone by age or size"),
    _Known("journal_size_bytes", "journal", "size_bytes", "What the journal takes on the disk"),
    _Known("journal_waiting", "journal", "waiting", "Entries that are not on the disk yet"),
    _Known("journal_waiting_seconds", "journal", "waiting_s", "How long the oldest of them has waited"),
    _Known("journal_failing", "journal", "failing", "1: the last transaction failed"),
    _Known("journal_over_size", "journal", "over_size", "1: entries go that are still needed"),
    _Known("metering_lag", "metering", "lag", "Entries of the journal that the ledger has not come to yet"),
    _Known(
        "metering_last_commit_seconds", "metering", "last_commit", "When the ledger last took something", 0.001
    ),
    _Known("metering_counters", "metering", "counters", "Counters that are metered"),
    _Known("metering_held", "metering", "held", "Counters whose newest values do not fit and are held"),
    _Known("metering_ledger_size_bytes", "metering", "size_bytes", "What the ledger takes on the disk"),
    _Known("access_lag", "people", "lag", "Entries of the journal that access.db has not come to yet"),
    _Known("access_last_commit_seconds", "people", "last_commit", "When access.db last took something", 0.001),
    _Known("equipment_lag", "upkeep", "lag", "Entries of the journal that upkeep has not come to yet"),
    _Known("equipment_last_commit_seconds", "upkeep", "last_commit", "When upkeep last kept something", 0.001),
    _Known("equipment_running", "upkeep", "running", "Pieces of equipment that run"),
    _Known("equipment_failed", "upkeep", "failed", "Pieces of equipment that failed or have a fault"),
    _Known("equipment_unknown", "upkeep", "unknown", "Pieces of equipment of which nothing is known now"),
    _Known("services_due", "upkeep", "services_due", "Services that are due"),
    _Known("alarms_active", "alarms", "active", "Alarms that are active"),
    _Known("alarms_unacknowledged", "alarms", "unacknowledged", "Alarms nobody has acknowledged"),
    _Known("alarms_standing", "alarms", "standing", "Alarms that have been active for more than 24 h"),
    _Known("alarms_last_ten_minutes", "alarms", "last_ten_minutes", "Alarms raised in the last 10 minutes"),
    _Known(
        "alarms_acknowledge_median_seconds",
        "alarms",
        "acknowledge_median",
        "Of the alarms of 24 h: half was acknowledged within this",
        0.001,
    ),
    _Known("alarms_acknowledge_p90_seconds", "alarms", "acknowledge_p90", "The same of nine of ten", 0.001),
    _Known(
        "alarms_repair_median_seconds",
        "alarms",
        "repair_median",
        "Of the alarms of 24 h: half was over within this",
        0.001,
    ),
    _Known("alarms_repair_p90_seconds", "alarms", "repair_p90", "The same of nine of ten", 0.001),
    _Known(
        "alarms_left_unacknowledged", "alarms", "unacknowledged_of_day", "Of the alarms of 24 h: nobody reacted"
    ),
    _Known("alarms_in_flood", "alarms", "in_flood", "1: alarms come faster than anybody can see to them"),
    _Known("journal_lost_total", "journal", "lost", "Entries that went before a sink had written them"),
    _Known("journal_left_hours", "journal", "hours_left", "Hours until such entries go; 8760: nothing is behind"),
    _Known("journal_lag", "itself", "journal_lag", "Entries that the slowest sink has not written yet"),
    _Known("dead_letters", "itself", "dead_letters", "Entries that a sink refused for good"),
    _Known("notify_waiting", "itself", "notify_waiting", "Messages that are due and not sent"),
    _Known("notify_failed", "itself", "notify_failed", "Messages that fail, or failed for good lately"),
    _Known("channels_failing", "itself", "channels_failing", "Channels of people that do not work"),
    _Known("rules_failing", "itself", "rules_failing", "Rules that failed since the start or reload"),
    _Known("engine_lag_seconds", "itself", "engine_lag_s", "For how long entries have waited to be judged"),
    _Known("alarm_flood", "itself", "alarm_flood", "1: more alarms than anybody can read one by one"),
    _Known("loop_lag_seconds", "itself", "loop_lag_ms", "How late the event loop was at worst in 10 s", 0.001),
    _Known("resident_memory_bytes", "itself", "rss_mb", "Memory of the process", 1e6),
    _Known("disk_free_ratio", "itself", "disk_free_pct", "Free share of the state folder's disk", 0.01),
    _Known("clock_synchronised", "itself", "clock_synchronised", "1: the system clock is known to be right"),
    _Known("links_listening", "links", "listening", "1: the pages behind links in messages are served"),
    _Known("links_made_total", "links", "made", "Links put into messages"),
    _Known("links_opened_total", "links", "opened", "Pages behind links that were opened, by scanners too"),
    _Known("links_used_total", "links", "used", "Links that acknowledged an alarm"),
    _Known("links_refused_total", "links", "refused", "Requests refused: no link, too old, used, too many"),
    _Known("console_listening", "console", "listening", "1: the console is served on its port"),
    _Known("console_users", "console", "users", "People who may use the console"),
    _Known("console_sessions", "console", "sessions", "Sessions that are open"),
    _Known("console_tokens", "console", "tokens", "Tokens of programs"),
    _Known("console_refused_total", "console", "refused", "Requests refused before anything looked at them"),
    _Known("audit_rows_total", "console", "audit_rows", "Lines that the audit trail got"),
    _Known("deadman_pings_total", "deadman", "pings", "Dead-man pings that were taken"),
    _Known("deadman_failures_total", "deadman", "failed", "Dead-man pings that were not"),
    _Known("deadman_last_success_seconds", "deadman", "last_success", "When one was last taken", 0.001),
)
_CONNECTION = (
    _Known("connection_up", "connection", "connected", "1: connected (of connections that send by themselves)"),
    _Known("connection_messages_total", "connection", "messages", "Messages received"),
    _Known("connection_polls_total", "connection", "polls", "Polls made"),
    _Known("connection_probes_total", "connection", "probes", "Probes of suspended devices"),
    _Known("connection_failures_total", "connection", "failed", "Polls and probes, or messages, that failed"),
    _Known("connection_late_total", "connection", "late", "Cycles left out because the last one still ran"),
    _Known("connection_suspended", "connection", "suspended", "Devices that are only probed"),
    _Known("connection_queued", "connection", "queued", "Polls that wait for their turn"),
    _Known("connection_busy_ratio", "connection", "busy_pct", "Used share of its time in the last minute", 0.01),
    _Known("connection_requests_total", "connection", "requests", "Requests sent"),
)
_DEVICE = (
    _Known("device_up", "device", "up", "1: it answers; 0: never answered, suspended or flapping"),
    _Known("device_loss_ratio", "device", "loss", "Share of the last hour's polls or messages that was lost"),
    _Known("device_requests_total", "device", "requests", "Requests sent (of devices that are polled)"),
    _Known("device_latency_seconds", "device", "latency_ms", "Mean time to the latest answers", 0.001),
    _Known("device_last_answer_seconds", "device", "last_answer", "When it last answered", 0.001),
)
_ERRORS = {
    "connection_errors": "What went wrong between a connection and its devices, by kind",
    "device_errors": "What went wrong between a connection and a device, by kind",
}
_SINK = (
    _Known("sink_lag", "sink", "lag", "Entries not written yet"),
    _Known("sink_entries_total", "sink", "entries", "Entries written"),
    _Known("sink_rejected_total", "sink", "rejected", "Entries refused for good"),
    _Known("sink_gaps_total", "sink", "gaps", "Times that the journal had thrown entries away before"),
    _Known("sink_last_success_seconds", "sink", "last_success", "When something was last written", 0.001),
    _Known(
        "sink_error_since_seconds", "sink", "error_since", "Since when nothing is taken; 0: all is well", 0.001
    ),
    _Known("sink_write_p95_seconds", "sink", "write_ms_p95", "19 of 20 writes took at most this", 0.001),
)
_ZONE = (_Known("zone_people", "zone", "count", "People in a zone, as far as doors can tell"),)
_BY_SEVERITY = (
    _Known("alarms_open", "open", "", "Alarms that are active, by severity"),
    _Known("alarms_raised_total", "raised", "", "Alarms raised since the settings were loaded, by severity"),
)
_SEVERITIES = ("critical", "high", "medium", "low")
_BY_STATE = {
    "devices": "Devices in each state",
    "notifications": "Messages to people in each state",
}

NAMES = tuple(
    _PREFIX + name
    for name in (
        "info",
        *_BY_STATE,
        *(known.name for known in _BY_SEVERITY),
        *(f"{name}_total" for name in _ERRORS),
        *CHANNEL_METRICS,
        *(known.name for known in (*_ALONE, *_CONNECTION, *_DEVICE, *_SINK, *_ZONE)),
    )
)
"""Every metric there is; which of them a site has depends on its connections and sinks."""


async def exposition(parts: Parts) -> bytes:
    """Make the text of all metrics of this moment."""
    families = list(_families(parts, await _sections(parts), await parts.notify()))
    if (desk := parts.channels) is not None:
        families += channel_families(_PREFIX, await desk.list_channels(), desk.hung(), parts.now())
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(families))
    return generate_latest(registry)


async def _sections(parts: Parts) -> Mapping[str, Facts]:
    alarms = [alarm for alarm in await parts.alarms.list_alarms() if not alarm.get("shadow")]
    severities = Counter(str(alarm.get("severity")) for alarm in alarms if alarm.get("active"))
    return {
        "daemon": {"started": parts.started},
        "itself": parts.itself(),
        "poller": parts.poller(),
        "journal": parts.journal.stats(),
        "metering": parts.metering(),
        "people": parts.people(),
        "upkeep": parts.upkeep(),
        "deadman": parts.deadman(),
        "links": parts.links(),
        "console": parts.console(),
        "alarms": {
            "active": sum(severities.values()),
            "unacknowledged": sum(alarm.get("response") == "unacked" for alarm in alarms),
            "standing": sum(bool(alarm.get("standing")) for alarm in alarms),
            **await _rates(parts),
        },
        "open": {name: severities[name] for name in _SEVERITIES},
        "raised": {name: parts.alarms.raised().get(name, 0) for name in _SEVERITIES},
    }


async def _rates(parts: Parts) -> Facts:
    """How fast alarms come now, and how soon people see to them."""
    now = parts.now()
    record = await parts.alarms.record(now - DAY, now + 1, messages=False)
    raises = [one.raised for one in record.episodes]
    found = floods(raises, now)
    took = whole([one for one in record.episodes if one.raised >= now - DAY])
    return {
        "acknowledge_median": took.acknowledge_median,
        "acknowledge_p90": took.acknowledge_p90,
        "repair_median": took.repair_median,
        "repair_p90": took.repair_p90,
        "unacknowledged_of_day": took.unacknowledged,
        "last_ten_minutes": window(raises, now),
        "in_flood": bool(found) and found[-1].end is None,
    }


class _Snapshot:
    """What the library collects from: families that are ready."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Answer the families."""
        return self._families

    def describe(self) -> Iterable[Metric]:
        """Answer nothing: there is no other collector whose names could collide."""
        return ()


def _families(parts: Parts, sections: Mapping[str, Facts], notify: Facts) -> Iterator[Metric]:
    info = GaugeMetricFamily(f"{_PREFIX}info", "The site and the version; always 1", labels=["site", "version"])
    info.add_metric([parts.site.id, parts.version], 1)
    yield info
    states = list(parts.health().values())
    yield _by_state("devices", {state: states.count(state) for state in sorted(set(states))})
    yield _by_state("notifications", notify)
    for known in _BY_SEVERITY:
        severities = {name: {known.key: count} for name, count in sections[known.section].items()}
        yield from _family(known, _named(severities), ["severity"])
    for known in _ALONE:
        yield from _family(known, {(): sections[known.section]}, [])
    counted = () if parts.access is None else parts.access.book.zones()
    zones = _named({each.zone: {"count": each.count} for each in counted})
    connections, devices, sinks = _named(parts.connections()), _devices(parts), _named(parts.sinks())
    where = ["device", "connection"]
    for table, labels, found in (
        (_CONNECTION, ["connection"], connections),
        (_DEVICE, where, devices),
        (_SINK, ["sink"], sinks),
        (_ZONE, ["zone"], zones),
    ):
        for known in table:
            yield from _family(known, found, labels)
    yield _errors("connection_errors", connections, ["connection"])
    yield _errors("device_errors", devices, where)


def _named(found: Mapping[str, Facts]) -> dict[tuple[str, ...], Facts]:
    return {(name,): facts for name, facts in found.items()}


def _devices(parts: Parts) -> dict[tuple[str, ...], Facts]:
    """The facts of each device with a connection, by its id and its connection's."""
    polls, states, losses = parts.polls(), parts.health(), parts.losses()
    found: dict[tuple[str, ...], Facts] = {}
    for device in parts.site.devices.values():
        if not device.has_connection:
            continue
        facts = asdict(polls[device.id]) if device.id in polls else {}
        up = states.get(device.id) in {"answering", "degraded"}
        found[device.id, device.connection] = {**facts, "up": up, "loss": losses.get(device.id)}
    return found


def _errors(name: str, found: Mapping[tuple[str, ...], Facts], labels: list[str]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, _ERRORS[name], labels=[*labels, "kind"])
    for values, facts in found.items():
        kinds = facts.get("errors")
        for kind, count in kinds.items() if isinstance(kinds, Mapping) else ():
            family.add_metric([*values, kind], count)
    return family


def _by_state(name: str, counts: Mapping[str, Any]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, _BY_STATE[name], labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], float(count))
    return family


def _family(known: _Known, found: Mapping[tuple[str, ...], Facts], labels: list[str]) -> Iterator[Metric]:
    """A metric with a sample for each of the facts that are there; nothing when none is."""
    kind = CounterMetricFamily if known.name.endswith("_total") else GaugeMetricFamily
    family = kind(_PREFIX + known.name, known.text, labels=labels)
    for values, facts in found.items():
        value = facts.get(known.key)
        if isinstance(value, int | float):
            family.add_metric(list(values), value * known.factor)
    if family.samples:
        yield family


# On TCP ------------------------------------------------------------------------------------------------


async def serve_metrics(parts: Parts, host: str, port: int) -> None:
    """Serve nothing but the metrics at an address of this machine until cancelled.

    An address that is taken is logged once and tried again: metrics are not worth a daemon that does not start.
    """

    async def metrics(_: Request) -> Response:
        return Response(await exposition(parts), media_type=CONTENT_TYPE)

    app = Starlette(routes=[Route(path, metrics) for path in ("/metrics", "/api/v1/metrics")])
    failing = False
    while True:
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        with contextlib.closing(bound):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            try:
                bound.bind((host, port))
            except OSError as error:
                if not failing:
                    _LOG.error("metrics_not_served", address=f"{host}:{port}", error=error.strerror)
                failing = True
                await asyncio.sleep(_TRY_AGAIN)
                continue
            if failing:
                _LOG.info("metrics_served", address=f"{host}:{port}")
            await run_bound(app, bound, clients=_CLIENTS)
