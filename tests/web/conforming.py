"""A house in which every route of the API has something to answer, and requests that it fulfils."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from monitor.accounts.roles import Role
from monitor.reports.books import Books
from monitor.reports.build import Desk
from monitor.site import ConsoleSettings
from monitor.web.meterdesk import Meters
from tests.metering.books import METERS, MemoryBook
from tests.web.browsing import Front, accounts_of, front
from tests.web.houses import DAY, HOUR, NOON, PSEUDONYMS
from tests.web.serving import NoBuses, counting
from tests.web.test_backfillroutes import Desk as Backfill
from tests.web.test_sinkroutes import examined
from tests.web.wholehouse import whole

__all__ = ["ENDLESS", "FULFILLED", "NOT_TO_BE_SAID", "THERE", "V1", "Asked", "open_house"]

V1: Final = "/api/v1"
ENDLESS: Final = {
    f"GET {V1}/live": "server-sent events, until the client goes",
    f"GET {V1}/devices/{{device}}/readings/stream": "readings as they come, until the client goes",
}
"""What is not asked for with generated data, and why."""
_PERSON: Final = PSEUDONYMS("1001")

_PERIOD = "is no period"
_LONG = "the period is longer than ten years"
_CURSOR = "this is no cursor of this list"
NOT_TO_BE_SAID: Final[Mapping[str, Sequence[tuple[str, dict[str, Any], dict[str, Any] | None]]]] = {
    f"GET {V1}/alarms/performance": (
        (_PERIOD, {"period": "2026-02-30"}, None),
        ("the period has not begun", {"period": "2999"}, None),
        (_LONG, {"period": "2001-01-01..2026-11-26"}, None),
    ),
    f"GET {V1}/access/events": (
        (_PERIOD, {"period": "2026-02-30"}, None),
        (_LONG, {"period": "2001-01-01..2026-11-26"}, None),
    ),
    f"GET {V1}/meters/{{device}}/usage": (
        (_PERIOD, {"period": "2026-11-27..2026-11-26"}, None),
        (_LONG, {"period": "2001-01-01..2026-11-26"}, None),
        ("more than 10000 rows", {"period": "2020-01-01..2026-11-26", "per": "quarter"}, None),
    ),
    f"GET {V1}/reports/{{kind}}": (
        (_PERIOD, {"period": "2026-02-30"}, None),
        (_LONG, {"period": "2001-01-01..2026-11-26"}, None),
    ),
    f"POST {V1}/meters/recompute": (
        (_PERIOD, {}, {"period": "2025-W53"}),
        (_LONG, {}, {"period": "2001-01-01..2026-11-26"}),
    ),
    f"GET {V1}/alarms": ((_CURSOR, {"cursor": "abc"}, None),),
    f"GET {V1}/devices": ((_CURSOR, {"cursor": "abc"}, None),),
    f"GET {V1}/events": ((_CURSOR, {"cursor": "abc"}, None),),
    f"GET {V1}/notifications": ((_CURSOR, {"cursor": "abc"}, None),),
    f"GET {V1}/devices/{{device}}/history": (
        ("query.from: it is before `to`", {"point": "open", "from": 2, "to": 1}, None),
        ("query.step: that is more than 2000 steps", {"point": "open", "step": 1000}, None),
        ("query.point: name one point to 20", {"point": ",".join(map(str, range(21)))}, None),
    ),
    f"POST {V1}/connections/{{connection}}/registers": (
        ("one request reads at most", {}, {"unit": 1, "table": "holding", "first": 65535, "count": 2}),
    ),
}
"""Where what fits the description is refused with 422 all the same: the words, and a request that shows it.

JSON Schema knows no calendar, compares no two numbers, and does not see into a cursor.
"""


@dataclass(frozen=True)
class Asked:
    """A request that is fulfilled; a name in braces in `path` is that of something that is there."""

    label: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def _get(path: str, **query: Any) -> Asked:
    return Asked(f"GET {V1}{path}", query=query)


def _post(path: str, body: Mapping[str, Any] | None = None, **names: str) -> Asked:
    return Asked(f"POST {V1}{path}", path=names, body=body)


THERE: Final = {
    "connection": "line",
    "device": "main-water",
    "ident": "nobody",
    "kind": "usage",
    "login": "bob",
    "name": "boiler",
    "place": "hall",
    "roster": "duty",
    "rule": "shown",
    "target": "shown/front-in",
}
"""What a path may name in this house; the occurrence of an alarm is found out."""
FULFILLED: Final = (
    _get("/devices/{device}/history", point="volume_m3"),
    _get("/labels", kind="devices"),
    _get("/notify/explain", alarm="shown"),
    _get("/search", q="pump"),
    Asked(f"GET {V1}/equipment/{{device}}", path={"device": "pump-1"}),
    _post("/reload", {"dry_run": True}),
    _post("/dead-letters/retry", {"all": True}),
    _post("/dead-letters/drop", {"all": True}),
    _post("/influx/check"),
    _post("/influx/backfill", {"period": "2026-11-01..2026-11-02"}),
    _post("/influx/backfill/stop", {}),
    _post("/connections/{connection}/registers", {"unit": 1, "table": "holding", "first": 0}),
    _post("/alarms/{occurrence}/acknowledge", {}),
    _post("/alarms/{occurrence}/assign", {"person": "ana"}),
    _post("/alarms/{occurrence}/comment", {"text": "seen"}),
    _post("/alarms/{occurrence}/close", {"cause": "by_itself", "note": "it was nothing"}),
    _post("/alarms/{occurrence}/reopen", {"reason": "it was something"}),
    _post("/alarms/{target}/shelve", {"for_s": 3600.0, "reason": "we know"}),
    _post("/alarms/{target}/unshelve", {"reason": "it is over"}),
    _post("/alarms/{target}/out-of-service", {"review_at": NOON + DAY, "reason": "broken"}),
    _post("/alarms/{target}/return", {"reason": "mended"}),
    _post("/maintenance", {"id": "boiler", "starts": NOON, "for_s": 3600.0, "reason": "service"}),
    _get("/maintenance/{name}"),
    _post("/maintenance/{name}/end", {"reason": "done"}),
    _post("/channels/test", {"person": "ana"}),
    _post("/duty/{roster}/override", {"person": "ana", "ends": NOON + DAY}),
    _post("/duty/overrides/{ident}/end", {}, ident="{id}"),
    _post("/meters/{device}/enter", {"register": 831.75, "at": NOON - 2 * HOUR}, device="cellar"),
    _post("/meters/enter", {"csv": "device;time;register\nattic;2026-11-26 09:00;3\n"}),
    _post(
        "/meters/{device}/correct",
        {"from": NOON - 2 * HOUR, "to": NOON - HOUR, "amount": 2.0, "reason": "a leak"},
        device="main-water",
    ),
    _post("/meters/{device}/replace", {"final": 103.5, "start": 0.0, "reason": "old"}, device="main-water"),
    _post("/meters/recompute", {"period": "today"}),
    _post("/equipment/{device}/service", {"service": "oil"}, device="pump-1"),
    _post("/access/names", {"pseudonym": _PERSON, "put": "Ana"}),
    _post("/access/names/import", {"csv": "credential,name\n1002,Ben\n"}),
    _post("/access/find", {"credential": "1001"}),
    _post("/access/export", {"pseudonym": _PERSON}),
    _post("/access/names/remove", {"pseudonym": _PERSON}),
    _post("/access/erase", {"pseudonym": _PERSON, "reason": "asked for it"}),
    _post("/residents/places/{place}/close"),
    _post("/residents/places/{place}/open"),
    _post("/residents/places/{place}/renew"),
    _post("/users", {"login": "eve", "role": "viewer"}),
    _post("/users/{login}", {"role": "operator"}),
    _post("/users/{login}/link"),
    _post("/users/{login}/remove", login="eve"),
    _post("/tokens", {"name": "display", "scopes": ["read"]}),
    _post("/tokens/{ident}/remove", ident="display"),
)
"""Requests that are fulfilled, in this order; what is not here is a GET of which nothing has to be said."""


class _Bus(NoBuses):
    """One line whose registers hold zeros."""

    def buses(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "line", "place": "/dev/ttyUSB0", "line": "9600 8N1", "timeout_s": 1.0, "overhead_s": 0.1}]

    async def read(
        self, connection: str, unit: int, table: str, first: int, count: int, *, patience: float | None = None
    ) -> tuple[Sequence[int], float]:
        del connection, unit, table, first, patience
        return [0] * count, 3.5


async def _reloaded(*, dry_run: bool) -> Mapping[str, Any]:
    changes = {"added": {"devices": ["boiler"]}, "removed": {}, "changed": {}, "load": {"line": {}}}
    load = {"line": {"before": 0.25, "after": None}}
    return {**changes, "sections": ["rules"], "points": 3, "load": load, "warnings": [], "dry_run": dry_run}


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[Front]:
    """Serve it over TCP until the block ends; `bob` may use its console."""
    async with whole(folder) as (house, parts):
        assert parts.access is not None
        assert parts.equipment is not None
        now = house.clock.now
        meters = {name: each for name, each in METERS.items() if name not in parts.site.devices}
        site = replace(parts.site, devices={**parts.site.devices, **meters})
        book = MemoryBook(site, now)
        for hour in range(4):
            book.read("main-water", NOON - (4 - hour) * HOUR, 100.0 + hour)
        books = Books(usage=book, access=parts.access.book, upkeep=parts.equipment.book, alarms=parts.alarms)
        complete = replace(
            parts,
            site=site,
            meters=Meters(book, site, now, recompute=counting),
            reports=Desk(books, site, now),
            reload=_reloaded,
            examine_influx=examined,
            backfills={"influxdb": Backfill()},
            by_hand=_Bus(),
        )
        async with front(
            complete, await accounts_of(house.files.state, house.clock), ConsoleSettings(base="http://127.0.0.1")
        ) as served:
            await served.add("bob", Role.VIEWER)
            yield served
