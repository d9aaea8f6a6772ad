"""The API on its real socket, over a real journal; the parts that a test does not need say little."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from monitor.alarms.choosing import Choice
from monitor.alarms.store import RuleView
from monitor.errors import RequestRefused, SettingsError
from monitor.journal.sqlite import SqliteJournal
from monitor.metering.recompute import Progress
from monitor.model import Command
from monitor.performance.record import Record
from monitor.poller import DeviceFacts
from monitor.site import Connection, Device, Point, Site
from monitor.web.api import make_api
from monitor.web.live import LiveState
from monitor.web.meterdesk import Meters
from monitor.web.parts import BackfillDesk, LetterBook, Parts, RegisterDesk
from monitor.web.server import serve
from monitor.wording import verbatim
from tests.clock import ManualClock
from tests.metering.books import MemoryBook


async def no_reload(*, dry_run: bool) -> Mapping[str, Any]:
    del dry_run
    raise SettingsError("site.yaml:3:1: no such key")


METER = Device(
    id="main",
    name="Main meter",
    profile="eastron-sdm630",
    connection="plant-room",
    device_class="electricity",
    building="A",
    zone="plant room",
    scan={"fast": 10.0},
    points={
        "voltage_l1_v": Point(name="voltage_l1_v", unit="V"),
        "energy_import_kwh": Point(name="energy_import_kwh", unit="kWh"),
    },
)
DOOR = Device(
    id="front-door",
    name="Front door",
    connection="broker",
    device_class="door",
    expected_every=60.0,
    points={"open": Point(name="open")},
)
SITE = Site(
    id="maple-court",
    name="Maple Court",
    timezone=ZoneInfo("Europe/Berlin"),
    connections={
        "plant-room": Connection(id="plant-room", driver="modbus", options=None),
        "broker": Connection(id="broker", driver="mqtt", options=None),
    },
    devices={"main": METER, "front-door": DOOR},
)
POLLS = DeviceFacts(
    connection="plant-room",
    state="answering",
    failures=0,
    polls=7,
    late=0,
    last_answer=1_795_378_523_000,
    last_error="",
    poll_ms=3.5,
    requests=9,
    answers=7,
    errors={"timeout": 2},
    latency_ms=3.1,
)


@dataclass
class ScriptedAlarms:
    """One alarm that can be acknowledged once."""

    clock: ManualClock
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    past: Record = field(default_factory=lambda: Record([], []))

    async def list_alarms(self) -> Sequence[Mapping[str, Any]]:
        return list(self.alarms.values())

    async def find_alarms(
        self, choice: Choice, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        del choice
        return list(self.alarms.values())[:limit] if after is None else []

    async def list_cases(self, person: str = "") -> Sequence[Mapping[str, Any]]:
        return [alarm for alarm in self.alarms.values() if person in {"", (alarm.get("case") or {}).get("to")}]

    async def list_rules(self) -> Sequence[Mapping[str, Any]]:
        return list(RULES)

    async def show(self, occurrence: str) -> Mapping[str, Any] | None:
        return self.alarms.get(occurrence)

    async def acknowledge(self, occurrence: str, *, by: str, reason: str) -> Command:
        if self.alarms[occurrence]["response"] != "unacked":
            raise RequestRefused(verbatim(f"{occurrence} was acknowledged before"))
        self.alarms[occurrence]["response"] = "acked"
        now = self.clock.now()
        return Command(id="c-1", time=now, by=by, kind="acknowledge", target=occurrence, reason=reason)

    async def notifications(self, last: int) -> Sequence[Mapping[str, Any]]:
        return self.outbox[:last]

    async def find_notifications(
        self, wanted: Mapping[str, str], *, since: int | None, after: int | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        del since, after
        return [row for row in self.outbox if all(row[name] == value for name, value in wanted.items())][:limit]

    async def record(self, start: int, end: int, *, messages: bool = True) -> Record:
        episodes = [one for one in self.past.episodes if one.raised < end and (one.cleared or end) >= start]
        if not messages:
            return Record(episodes, [])
        return Record(episodes, [one for one in self.past.messages if start <= one.time < end])

    def raised(self) -> Mapping[str, int]:
        return {"high": len(self.past.episodes)}


ALARM = {
    "occurrence": "undervoltage-1",
    "title": "Undervoltage: Main meter",
    "rule": "undervoltage",
    "device": "main",
    "source_key": "main/voltage_l1_v",
    "point": "voltage_l1_v",
    "unit": "V",
    "severity": "high",
    "state": "active",
    "active": True,
    "response": "unacked",
    "value": 199.5,
    "limit": 207.0,
    "raised_at": 1_795_378_523_000,
}


_RULE = RuleView(
    id="undervoltage",
    name="Undervoltage",
    kind="threshold",
    severities=("medium", "high"),
    sources=3,
    open=1,
    raised_7_days=2,
    raised_30_days=5,
    shadow=False,
    shadow_since=None,
    raised_in_shadow=0,
    learning=False,
    failing="",
)
_LONG_AGO = 1_795_378_523_000 - 8 * 86_400_000
RULES = [
    _RULE.as_json(),
    replace(_RULE, id="broken", failing="TypeError: no number", learning=True).as_json(),
    replace(_RULE, id="tried", shadow=True, shadow_since=_LONG_AGO, raised_in_shadow=4).as_json(),
    replace(_RULE, id="once", shadow=True, shadow_since=_LONG_AGO, raised_in_shadow=1).as_json(),
    replace(_RULE, id="quiet", shadow=True, shadow_since=_LONG_AGO).as_json(),
    replace(_RULE, id="new", shadow=True, shadow_since=_LONG_AGO + 2 * 86_400_000).as_json(),
]


async def no_messages() -> Mapping[str, int]:
    return {"queued": 0}


class NoLetters:
    """No dead letters."""

    async def list_letters(self, last: int, sink: str = "") -> Sequence[Mapping[str, Any]]:
        del sink
        return [][:last]

    async def retry(self, ids: Sequence[int] | None, sink: str = "") -> Sequence[int]:
        del sink
        return ids or []

    async def drop(self, ids: Sequence[int] | None, sink: str = "") -> Sequence[int]:
        del sink
        return ids or []


class NoBuses:
    """Nothing that registers can be read of."""

    def buses(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def read(
        self, connection: str, unit: int, table: str, first: int, count: int, *, patience: float | None = None
    ) -> tuple[Sequence[int], float]:
        raise RequestRefused(
            verbatim(f"{connection}: no {table} {first} to {first + count} of {unit} within {patience}")
        )


async def no_influx(_: str) -> Sequence[Mapping[str, Any]]:
    raise RequestRefused(verbatim("the site file has no `sinks.influxdb`"))


async def counting(devices: Sequence[str], start: int, end: int) -> AsyncIterator[Progress]:
    """As many days of meters as there are, each of them changed."""
    total = len(devices) * round((end - start) / 86_400_000)
    for done in range(total + 1):
        yield Progress(done=done, total=total, changed=done)


def make_parts(
    journal: SqliteJournal,
    clock: ManualClock,
    *,
    letters: LetterBook | None = None,
    examine: Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]] = no_influx,
    by_hand: RegisterDesk | None = None,
    book: MemoryBook | None = None,
    backfills: Mapping[str, BackfillDesk] | None = None,
) -> Parts:
    site = SITE if book is None else book.site
    return Parts(
        site=site,
        version="0.1.0",
        started=clock.now(),
        loaded=clock.now(),
        downtime={},
        reload=no_reload,
        now=clock.now,
        journal=journal,
        alarms=ScriptedAlarms(clock, {"undervoltage-1": dict(ALARM)}),
        polls=lambda: {"main": POLLS},
        connections=lambda: {
            "plant-room": {"polls": 7, "errors": {"timeout": 2, "busy": 0}},
            "broker": {"connected": True},
        },
        poller=lambda: {"dropped": 0},
        sinks=lambda: {"influxdb": {"written": 3}},
        letters=letters or NoLetters(),
        backfills={} if backfills is None else backfills,
        examine_influx=examine,
        notify=no_messages,
        health=lambda: {"main": "answering", "front-door": "never_answered"},
        losses=lambda: {"main": 0.125},
        advice=lambda device, state: f"look at {device}, {state}",
        itself=lambda: {"readings_total": 12, "loop_lag_ms": 1.5, "disk_free_pct": 40.0},
        deadman=dict,
        by_hand=by_hand or NoBuses(),
        meters=Meters(book or MemoryBook(site, clock.now), site, clock.now, recompute=counting),
    )


@asynccontextmanager
async def serving(parts: Parts, path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Serve until the block ends; yields a client of the socket."""
    live = LiveState(parts.site, parts.journal)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(live.run())
        server = tasks.create_task(serve(make_api(parts, live), path))
        try:
            async with asyncio.timeout(60):
                while not path.exists():  # noqa: ASYNC110, ASYNC240
                    await asyncio.sleep(0.01)
            transport = httpx.AsyncHTTPTransport(uds=str(path), verify=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://monitor/api/v1") as client:
                yield client
        finally:
            following.cancel()
            server.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(following, server)
