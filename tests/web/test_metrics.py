"""The metrics: what they say, where they are served, and that the page about them is complete."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

import config
from monitor.accessbook import ZoneNow
from monitor.errors import RequestRefused
from monitor.journal.sqlite import SqliteJournal
from monitor.performance.record import Episode, Record
from monitor.schema import MONITOR_POINTS
from monitor.site import Device
from monitor.web.metrics import NAMES, exposition, serve_metrics
from monitor.web.parts import Parts
from monitor.wording import verbatim
from tests.clock import ManualClock
from tests.servers.ports import free_port
from tests.web.serving import make_parts, serving

PAGE = (Path(config.__path__[0]).parent / "docs" / "metrics.md").read_text("utf-8")


class _Desk:
    """A desk of doors with a zone in which there are three people."""

    @property
    def book(self) -> Any:
        return SimpleNamespace(zones=lambda: [ZoneNow(zone="house", count=3, known=2)])


class _Channels:
    """One channel of one person, which has carried something."""

    async def list_channels(self) -> Sequence[Mapping[str, Any]]:
        channel = {"person": "ana", "channel": "mail", "state": "waiting", "failures": 6, "last_success": 1000}
        channel["results"] = {"sent": 4, "failed": 6}
        return [channel | {"latency_s": {"p50": 0.5, "p95": 2.5}, "attempt_s": {"p50": 0.25, "p95": 0.75}}]

    async def summary(self) -> Mapping[str, int]:
        return {"total": 1}

    def hung(self) -> int:
        return 2

    async def test(self, person: str, channel: str, severity: str, *, by: str) -> Sequence[Mapping[str, Any]]:
        raise RequestRefused(verbatim(f"{by} may not try {channel} of {person} at {severity}"))


def _everything(parts: Parts) -> Parts:
    """The same with every fact there is, so that every metric has a sample."""
    polled = {"polls": 7, "probes": 1, "failed": 2, "late": 0, "suspended": 0, "queued": 3, "devices": 1}
    polled |= {"busy_pct": 12.5, "requests": 9, "errors": {"timeout": 2}}
    sink = {"lag": 5, "entries": 9, "rejected": 1, "gaps": 0, "last_success": 2000, "error_since": 0}
    counts = ("readings_total", "devices_down", "journal_lag", "dead_letters", "notify_waiting", "notify_failed")
    itself = dict.fromkeys(counts, 4) | {
        "channels_failing": 1,
        "rules_failing": 1,
        "engine_lag_s": 0.5,
        "alarm_flood": True,
        "loop_lag_ms": 1.5,
        "rss_mb": 61.0,
        "disk_free_pct": 40.0,
        "clock_synchronised": False,
    }
    now = parts.now()
    alarms = [
        Episode(
            occurrence=f"low-{minutes}",
            rule="low",
            source_key="main",
            severity="low",
            raised=now - 3_600_000,
            cleared=now - 3_600_000 + 2 * minutes * 60_000,
            acknowledged=now - 3_600_000 + minutes * 60_000,
        )
        for minutes in (1, 2, 20)
    ]
    left = replace(alarms[0], occurrence="left", cleared=None, acknowledged=None)
    parts.alarms.past = Record([*alarms, left], [])  # type: ignore[attr-defined] - of the scripted one
    return replace(
        parts,
        connections=lambda: {"bus": polled, "broker": {"connected": True, "messages": 8}},
        sinks=lambda: {"influxdb": {**sink, "write_ms_p95": 12.5}},
        poller=lambda: {"start_p99_ms": 3.0, "waiting": 0, "dropped": 0},
        itself=lambda: itself,
        metering=lambda: {"lag": 7, "last_commit": 4000, "counters": 3, "held": 1, "size_bytes": 40960},
        links=lambda: {"listening": True, "made": 5, "opened": 9, "used": 2, "refused": 1},
        console=lambda: {
            "listening": True,
            "users": 2,
            "sessions": 3,
            "tokens": 1,
            "refused": 4,
            "audit_rows": 9,
        },
        people=lambda: {"lag": 2, "last_commit": 5000, "inside": 3},
        access=_Desk(),
        upkeep=lambda: {
            "lag": 3,
            "last_commit": 6000,
            "running": 2,
            "failed": 1,
            "unknown": 4,
            "services_due": 5,
        },
        deadman=lambda: {"pings": 1, "failed": 0, "last_success": 3000, "last_error": ""},
        channels=_Channels(),
    )


@pytest.fixture
def parts(journal: SqliteJournal, clock: ManualClock) -> Parts:
    return make_parts(journal, clock)


def _samples(text: str) -> Mapping[str, float]:
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_metric_is_explained_and_every_one_explained_is_there(parts: Parts) -> None:
    said = (await exposition(_everything(parts))).decode()
    there = set(re.findall(r"^(facility_monitor_\w+)", said, re.MULTILINE))

    assert there == set(NAMES)
    assert set(re.findall(r"^\| `(facility_monitor_\w+)`", PAGE, re.MULTILINE)) == set(NAMES)


def test_every_point_of_the_monitor_is_explained() -> None:
    table = PAGE[PAGE.index("## Rules about the monitor") : PAGE.index("## In InfluxDB")]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(MONITOR_POINTS)


async def test_metrics_are_in_seconds_bytes_and_ratios(parts: Parts) -> None:
    samples = _samples((await exposition(_everything(parts))).decode())

    assert samples["facility_monitor_loop_lag_seconds"] == 0.0015
    assert samples["facility_monitor_resident_memory_bytes"] == 61e6
    assert samples["facility_monitor_disk_free_ratio"] == 0.4
    assert samples["facility_monitor_sink_write_p95_seconds[influxdb]"] == 0.0125
    assert samples["facility_monitor_devices[answering]"] == 1
    assert samples["facility_monitor_metering_last_commit_seconds"] == 4
    assert samples["facility_monitor_metering_held"] == 1
    assert samples["facility_monitor_access_lag"] == 2
    assert samples["facility_monitor_equipment_last_commit_seconds"] == 6
    assert samples["facility_monitor_zone_people[house]"] == 3
    assert samples["facility_monitor_alarms_acknowledge_median_seconds"] == 120
    assert samples["facility_monitor_alarms_acknowledge_p90_seconds"] == 1200
    assert samples["facility_monitor_alarms_repair_median_seconds"] == 240
    assert samples["facility_monitor_alarms_repair_p90_seconds"] == 2400
    assert samples["facility_monitor_alarms_left_unacknowledged"] == 1
    assert samples["facility_monitor_links_listening"] == 1
    assert samples["facility_monitor_links_used_total"] == 2
    assert samples["facility_monitor_connection_up[broker]"] == 1
    assert samples["facility_monitor_connection_busy_ratio[bus]"] == 0.125


async def test_each_channel_says_how_it_does(parts: Parts) -> None:
    clock = parts.now()
    samples = _samples((await exposition(_everything(parts))).decode())

    assert samples["facility_monitor_channel_failures[mail][ana]"] == 6
    assert samples["facility_monitor_channel_last_success_age_seconds[mail][ana]"] == (clock - 1000) / 1000
    assert samples["facility_monitor_channel_waiting[mail][ana]"] == 1
    assert samples["facility_monitor_channel_latency_p95_seconds[mail][ana]"] == 2.5
    assert samples["facility_monitor_channel_attempt_p95_seconds[mail][ana]"] == 0.75
    assert samples["facility_monitor_channel_attempts_total[mail][ana][failed]"] == 6
    assert samples["facility_monitor_deliveries_hung"] == 2


async def test_each_device_says_what_passed_on_its_wire(parts: Parts) -> None:
    samples = _samples((await exposition(_everything(parts))).decode())

    assert samples["facility_monitor_device_up[plant-room][main]"] == 1
    assert samples["facility_monitor_device_up[broker][front-door]"] == 0
    assert samples["facility_monitor_device_loss_ratio[plant-room][main]"] == 0.125
    assert samples["facility_monitor_device_errors_total[plant-room][main][timeout]"] == 2
    assert samples["facility_monitor_connection_errors_total[bus][timeout]"] == 2
    assert samples["facility_monitor_device_latency_seconds[plant-room][main]"] == pytest.approx(0.0031)
    assert samples["facility_monitor_readings_total"] == 4


async def test_what_has_no_connection_has_no_sample(parts: Parts) -> None:
    garden = Device(id="garden", name="Garden", connection="", device_class="water", by_hand=True)
    more = replace(parts, site=replace(parts.site, devices={**parts.site.devices, "garden": garden}))

    assert (await exposition(more)) == (await exposition(parts))


async def test_what_is_not_known_has_no_sample(parts: Parts) -> None:
    samples = _samples((await exposition(parts)).decode())

    assert not [name for name in samples if "deadman" in name or "connection_polls_total[broker]" in name]


async def test_the_socket_answers_metrics(parts: Parts, tmp_path: Path) -> None:
    async with serving(parts, tmp_path / "api.sock") as client:
        answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert _samples(answer.text)["facility_monitor_info[maple-court][0.1.0]"] == 1


@asynccontextmanager
async def _on_tcp(parts: Parts, port: int) -> AsyncIterator[httpx.AsyncClient]:
    task = asyncio.create_task(serve_metrics(parts, "127.0.0.1", port))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _ask(client: httpx.AsyncClient, path: str) -> httpx.Response:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(httpx.ConnectError):
                return await client.get(path)
            await asyncio.sleep(0.01)


async def test_tcp_answers_metrics_and_nothing_else(parts: Parts) -> None:
    async with _on_tcp(parts, free_port()) as client:
        metrics = await _ask(client, "/metrics")
        others = [(await client.get(path)).status_code for path in ("/api/v1/status", "/api/v1/alarms", "/")]
        posted = await client.post("/metrics")

    assert _samples(metrics.text)["facility_monitor_readings_total"] == 12
    assert others == [404, 404, 404]
    assert posted.status_code == 405


@pytest.mark.fault(
    "second monitor, or port taken",
    part="web and commands",
    outcome="An address of the metrics that is taken is told and ends nothing.",
)
async def test_an_address_that_is_taken_is_told_and_ends_nothing(parts: Parts) -> None:
    async def nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    taken: Any = await asyncio.start_server(nothing, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with capture_logs() as logs:
        async with _on_tcp(parts, port):
            async with asyncio.timeout(60):
                while not logs:  # noqa: ASYNC110 - the log has no event
                    await asyncio.sleep(0.01)
    taken.close()
    await taken.wait_closed()

    assert [(log["event"], log["address"]) for log in logs] == [("metrics_not_served", f"127.0.0.1:{port}")]
