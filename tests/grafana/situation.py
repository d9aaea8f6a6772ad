"""A site at one moment, of which everything is known, written through the sink and asked as Grafana asks.

Open alarms of all kinds, a supply that is lost, devices that are silent, doors, what meters used.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from monitor.health.hours import Hours
from monitor.health.judge import Minute
from monitor.journal.state import State
from monitor.model import Derived, Entry, Transition
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings, Rule, Site
from tests.grafana.answers import Answer, Answers, Range, Source
from tests.grafana.shipped import DASHBOARDS, panels_of
from tests.servers.influxdb import InfluxServer, influxdb
from tests.sinks.site import a_site, event, reading, recorded

__all__ = ["METERS", "NOW", "PRICE", "Seen", "amount", "day_amount", "days_of", "seen", "today_hours"]

NOW: Final = datetime.fromisoformat("2026-11-25T14:20:00+01:00")
"""A Wednesday. The running hour began at 14:00."""
METERS: Final = {"e-main": "electricity", "e-shop": "electricity", "w-main": "water", "g-main": "gas"}
PRICE: Final = 0.25
_ZONE = "Europe/Berlin"
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
_MIDNIGHT = NOW.replace(hour=0, minute=0)
_RULES = ("leak", "high-power", "door-forced", "too-warm", "pump-fault", "offline", "moved")
_SILENT, _POOR = "leak", "w-main"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def today_hours() -> list[datetime]:
    """Where the whole hours of today begin."""
    return [_MIDNIGHT + hour * _HOUR for hour in range(14)]


def amount(device: str, begin: datetime) -> float:
    """What a meter used in an hour: no two weeks are alike."""
    number = _ms(begin) // 3_600_000 * (3 + list(METERS).index(device))
    return 0.5 + number % 11 * 0.25


def day_amount(device: str, begin: datetime) -> float:
    """What a meter used in a day."""
    return 10.0 + _ms(begin) // 86_400_000 * (1 + list(METERS).index(device)) % 17


def days_of(first: datetime) -> list[datetime]:
    """Where days begin from one on up to today, in the winter of one zone."""
    return [_MIDNIGHT - back * timedelta(days=1) for back in range((_MIDNIGHT - first).days, -1, -1)]


def _derived(measurement: str, device: str, at: datetime, values: Mapping[str, Any], **attributes: str) -> Derived:
    return Derived(
        producer="test", key=str(attributes), device=device, time=_ms(at), measurement=measurement, values=values,
        attributes=attributes,
    )  # fmt: skip


_OCCURRENCES = count(1)


def _alarm(rule: str, device: str, *steps: tuple[str, str, str, str], ago: float, **more: Any) -> Iterator[Entry]:
    """Steps of cause, condition, response and severity, a minute each, from so many hours ago on."""
    base = {"occurrence": f"o-{next(_OCCURRENCES)}", "rule": rule, "device": device, "source_key": device, **more}
    for number, (cause, condition, response, severity) in enumerate(steps, start=1):
        yield Transition(
            number=number, cause=cause, condition=condition, response=response, severity=severity,
            time=_ms(NOW - ago * _HOUR + number * _MINUTE), **base,
        )  # fmt: skip


def _alarms() -> Iterator[Entry]:
    raised = ("raised", "active", "unacked")
    yield from _alarm("leak", "leak", (*raised, "critical"), ago=60 * 24)
    yield from _alarm(
        "high-power", "e-main", (*raised, "high"), ("severity", "active", "unacked", "critical"), ago=5
    )
    yield from _alarm(
        "too-warm", "pump", (*raised, "medium"), ("acknowledged", "active", "acked", "medium"), ago=4
    )
    yield from _alarm(
        "pump-fault",
        "pump",
        (*raised, "high"),
        ("acknowledged", "active", "acked", "high"),
        ("normal", "active", "acked", "high"),
        ago=3,
    )
    over = ("acknowledged", "active", "acked", "low"), ("cleared", "clear", "none", "low")
    yield from _alarm("offline", "w-main", (*raised, "low"), *over, ago=9)
    yield from _alarm(
        "door-forced", "front-door", (*raised, "high"), ("cleared", "clear", "unacked", "high"), ago=8
    )
    yield from _alarm("offline", "leak", (*raised, "low"), *over, ago=7)
    yield from _alarm("offline", "leak", (*raised, "low"), ago=2)


def _used() -> Iterator[Entry]:
    for device, utility in METERS.items():
        more = {"utility": utility, "currency": "EUR"}
        for back in range(9 * 24):
            begin = NOW.replace(minute=0) - back * _HOUR
            values: dict[str, Any] = {
                "amount": amount(device, begin),
                "partial_i": int(back == 0),
                "estimated": 0.0,
            }
            if device != "w-main" or begin.hour != 3:
                values["week_before"] = amount(device, begin - timedelta(days=7))
            yield _derived("usage_hourly", device, begin, values, **more)
        for begin in days_of(_MIDNIGHT - timedelta(days=34)):
            used = day_amount(device, begin)
            values = {"amount": used, "cost": used * PRICE, "estimated": used / 10 if begin.day == 20 else 0.0}
            values |= {"partial_i": int(begin == _MIDNIGHT), "coverage_pct": 90.0 + begin.day % 10}
            yield _derived("usage_daily", device, begin, values, **more)


def _health() -> Iterator[Entry]:
    """A word on each device every five minutes, and what health makes of them by the hour."""
    hours = Hours([*a_site().devices, "gone"], 300.0)
    for device, at, state, errors in _words():
        is_up = state != "suspended"
        values = {"up": is_up, "state": state, "polls": 10, "errors": errors}
        values |= {"last_error": "" if is_up else "timeout"} | ({"poll_ms": 20.0} if is_up else {})
        yield _derived("device_health", device, at, values, protocol="modbus")
        minute = Minute(device=device, time=_ms(at), up=is_up, state=state, polls=10, errors=errors, loss=None)
        for hour in hours.take(minute, 20.0 if is_up else None, "" if is_up else "timeout"):
            begin = datetime.fromtimestamp(hour.start / 1000, NOW.tzinfo)
            yield _derived("device_hourly", device, begin, hour.values, protocol="modbus")


def _words() -> Iterator[tuple[str, datetime, str, int]]:
    yield "gone", NOW - 3 * _HOUR, "suspended", 10
    for minute in range(120, 0, -5):
        for device in a_site().devices:
            is_silent = device == _SILENT and minute < 90
            state = "suspended" if is_silent else "degraded" if device == _POOR else "answering"
            yield device, NOW - minute * _MINUTE, state, 0 if state == "answering" else 4


def _house() -> Iterator[Entry]:
    for utility, state in (("electricity", "present"), ("water", "lost"), ("gas", "partial")):
        values = {"state": state, "present": state == "present"}
        yield _derived("supply", f"{utility[0]}-main", NOW - 9 * _MINUTE, values, utility=utility, building="b1")
    before = {"state": "present", "present": True}
    yield _derived("supply", "w-main", NOW - 3 * _HOUR, before, utility="water", building="b1")
    for zone, people in (("house", 7), ("garage", 2)):
        yield _derived(
            "occupancy", "facility-monitor", NOW - 9 * _MINUTE, {"count": people, "known": 1}, zone=zone
        )
    quiet = {"state": "closed", "held": False, "forced": False}
    yield _derived("door", "front-door", NOW - 9 * _HOUR, quiet | {"state": "forced", "forced": True})
    yield _derived("door", "front-door", NOW - 8 * _HOUR, quiet | {"state": "held", "held": True})
    yield _derived("door", "gate", NOW - timedelta(days=40), quiet | {"state": "forced", "forced": True})
    for minute in (30, 1):
        at = _ms(NOW - minute * _MINUTE)
        yield reading("pump", at, running=True, fault=minute == 1)
        yield reading("leak", at, alarm=minute == 1, battery_pct=40 - minute)
        yield reading("e-main", at, power_w=500.0, voltage_l1_v=230.0, voltage_l2_v=229.0, voltage_l3_v=190.0)
    yield event("service_due", _ms(NOW - timedelta(days=3)), device="pump", service="oil")
    yield event("serviced", _ms(NOW - timedelta(days=1)), device="pump", service="oil")
    for minute in range(60, 0, -1):
        values = {"readings": 50 + minute, "journal_lag": minute - 1, "devices_down": 1, "dead_letters": 3}
        values |= {"notify_waiting": 0, "notify_failed": 2, "disk_free_pct": 12.5, "sink_down_s": 0.0}
        values |= {"journal_left_h": 8760.0, "clock_synchronised": minute > 5, "ledger_failing": minute == 30}
        values |= {
            "rss_mb": 80.0,
            "journal_mb": 40.0,
            "loop_lag_ms": 3.0,
            "write_ms_p95": 9.0,
            "readings_dropped": 0,
        }
        yield _derived("facility_monitor", "facility-monitor", NOW - minute * _MINUTE, values, version="1.2.3")


def _site() -> Site:
    rules = {
        name: Rule(id=name, name=name.capitalize(), kind="event", params=None, sources=(), version="1")
        for name in _RULES
    }
    return a_site(rules=rules)


def _moved() -> Site:
    """The same before a device got its building."""
    site = _site()
    return replace(site, devices={**site.devices, "e-main": replace(site.devices["e-main"], building="old")})


async def _fill(server: InfluxServer, folder: Path) -> None:
    raised, cleared = ("raised", "active", "unacked", "high"), ("cleared", "clear", "none", "high")
    [before, after] = _alarm("moved", "e-main", raised, cleared, ago=12)
    state = State.open(folder / "state.db")
    position = 1
    for site, batch in ((_moved(), [before]), (_site(), [after, *_alarms(), *_used(), *_health(), *_house()])):
        sink = InfluxSink(InfluxSettings(url=server.url), site, state)
        await sink.write(recorded(*batch, first=position))
        await sink.close()
        position += len(batch)
    await state.close()


class Seen:
    """The site on a dashboard."""

    def __init__(self, server: InfluxServer, name: str) -> None:
        self._server, self._name = server, name

    def answer(self, title: str, **chosen: str) -> Answer:
        """What the one panel of a title shows."""
        dashboard = DASHBOARDS[self._name]
        [panel] = [each for each in panels_of(dashboard) if each["title"] == title]
        shown = Range(start=dashboard["time"]["from"], end="now", now=NOW, zone=_ZONE)
        values = {name: [value] for name, value in chosen.items()}
        return Answers(dashboard, Source(self._server.url, now=_ms(NOW)), shown, values).answer(panel)

    def stats(self, title: str, **chosen: str) -> dict[str, str]:
        """Name and text of each number."""
        return {name: str(shown) for name, shown, _ in self.answer(title, **chosen).stats()}

    def numbers(self, title: str, **chosen: str) -> dict[str, float]:
        """Name and value of each number."""
        return {name: shown.number for name, shown, _ in self.answer(title, **chosen).stats()}

    def rows(self, title: str, **chosen: str) -> list[dict[str, str]]:
        """The rows of a table as they are read."""
        names, rows, _ = self.answer(title, **chosen).table()
        return [dict(zip(names, map(str, row), strict=True)) for row in rows]


@contextmanager
def seen(factory: pytest.TempPathFactory, name: str) -> Iterator[Seen]:
    """The site on a dashboard, on a server of its own."""
    with influxdb(factory.mktemp("influxdb"), auth=False) as server:
        server.create("facility", "facility-access")
        asyncio.run(_fill(server, factory.mktemp("state")))
        yield Seen(server, name)
