"""Trends: what is drawn, and what the process that draws them cannot do to the daemon."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State
from monitor.model import Entry, Reading
from monitor.notify.scales import ticks
from monitor.site import Point
from monitor.web.callers import Role
from monitor.web.console.plant.trendprocess import WORKER, Trends
from monitor.web.trends import Trend, TrendBusy, TrendNotDrawn
from tests.clock import ManualClock
from tests.metering.ledgers import book, counted, meter
from tests.notify.day import BEGAN, keep, volts, whole_day
from tests.notify.house import MINUTE, NOW
from tests.web.console.asking import asking, somebody
from tests.web.serving import DOOR, METER, make_parts

HOUR = 60 * MINUTE
DAY = 24 * HOUR
COUNTER = "energy_import_kwh"
VOLTS = Trend(
    device="main-electricity",
    point="voltage_l1_v",
    start=NOW - 24 * HOUR,
    end=NOW,
    unit="V",
    limit=207.0,
    timezone="Europe/Berlin",
)
SVG = "{http://www.w3.org/2000/svg}"


@asynccontextmanager
async def trends(journal: Path, *, command: Sequence[str] = WORKER, **bounds: Any) -> AsyncIterator[Trends]:
    made = Trends(journal, now=lambda: NOW, command=command, **bounds)
    try:
        yield made
    finally:
        made.close()
        assert children() == [], "a process is left"


def children() -> list[int]:
    """The processes that this one began and has not waited for, the dead among them too."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                told = (each / "stat").read_text()
            except OSError:
                continue
            if int(told.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(each.name))
    return [each for each in found if each not in BEFORE]


BEFORE: set[int] = set()
"""What other tests have begun in this process and keep, such as a browser."""


@pytest.fixture(scope="module", autouse=True)
def _others() -> None:
    BEFORE.update(children())


def program(text: str) -> Sequence[str]:
    """Something else in the place of what draws."""
    return (sys.executable, "-Ic", text)


def texts(picture: bytes) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(picture).iter(f"{SVG}text")]


def lengths(picture: bytes) -> list[int]:
    """In how many pieces each line of the picture is drawn."""
    drawn = ET.fromstring(picture).iter(f"{SVG}path")
    return [each.get("d", "").count("M") for each in drawn if "var(--curve)" in each.get("style", "")]


async def counted_for(folder: Path, days: int) -> None:
    """A ledger in which a counter has counted a day's worth each day."""
    times = range(NOW - days * DAY, NOW, DAY)
    steps = counted(times, [float(number) for number in range(len(times))], gap=DAY)
    ledger = State.open(folder / "ledger.db", LEDGER)
    await ledger.transact(lambda db: book(db, VOLTS.device, COUNTER, steps))
    await ledger.close()


# What is drawn -------------------------------------------------------------------------------------------


async def test_a_line_has_its_limit_its_unit_and_from_when_on_something_is_kept(tmp_path: Path) -> None:
    await counted_for(tmp_path, 100)
    long = replace(VOLTS, point=COUNTER, start=NOW - 90 * DAY, unit="kWh", limit=None, is_counter=True)
    async with trends(await keep(tmp_path, volts()), ledger=tmp_path / "ledger.db") as made:
        told = texts(await made.draw(VOLTS))
        chinese = texts(await made.draw(replace(VOLTS, language="zh")))
        months = await made.draw(long)
        since = texts(await made.draw(replace(long, start=NOW - 365 * DAY)))

    assert {"Voltage L1 (V)", "limit 207 V", "nothing kept before Sun 22 Nov, 07:15"} <= set(told)
    assert {"22 Nov", "06:00", "12:00", "18:00"} <= set(told)
    assert "限值 207 V" in chinese
    assert not any("nothing kept" in each for each in chinese)
    assert lengths(months) == [1]
    assert not any("nothing kept" in each for each in texts(months))
    assert "nothing kept before Fri 14 Aug, 22:15" in since


async def test_where_nothing_came_the_line_is_broken(tmp_path: Path) -> None:
    whole = volts()
    cut = [each for each in whole if not 8 * HOUR < each.time - BEGAN < 10 * HOUR]
    (tmp_path / "cut").mkdir()
    async with trends(await keep(tmp_path, whole)) as made:
        unbroken = lengths(await made.draw(VOLTS))
    async with trends(await keep(tmp_path / "cut", cut)) as made:
        broken = lengths(await made.draw(VOLTS))

    assert (unbroken, broken) == ([1], [2])


async def test_states_are_bands_that_end_where_nobody_knows_them(tmp_path: Path) -> None:
    said = [
        Reading(device="pump", time=at, arrived=at, values={"running": True})
        for at in range(NOW - 20 * HOUR, NOW, MINUTE)
        if not 5 * HOUR < NOW - at < 9 * HOUR
    ]
    pump = replace(VOLTS, device="pump", point="running", unit="", limit=None)
    async with trends(await keep(tmp_path, said)) as made:
        for_ever = lengths(await made.draw(pump))
        cut = lengths(await made.draw(replace(pump, silence=3 * MINUTE)))

    assert len(cut) == len(for_ever) + 1


async def test_events_and_nothing_at_all_are_drawn_too(tmp_path: Path) -> None:
    door = replace(VOLTS, device="door", point="", unit="", limit=None, language="zh")
    async with trends(await keep(tmp_path, whole_day())) as made:
        assert {"强行打开", "刷卡"} <= set(texts(await made.draw(door)))
        assert "该时段内没有数值" in texts(await made.draw(replace(VOLTS, point="nothing", language="zh")))


async def test_what_a_device_says_is_text_in_the_picture(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\x00\x0b"
    said: list[Entry] = [
        Reading(device="pump", time=NOW - HOUR + at, arrived=NOW, values={"mode": evil}) for at in (0, MINUTE)
    ]
    async with trends(await keep(tmp_path, said)) as made:
        picture = await made.draw(replace(VOLTS, device="pump", point="mode", unit="", limit=None))

    assert b"<script" not in picture
    assert any(each.startswith("<script>") for each in texts(picture))
    known = {each.tag.removeprefix(SVG) for each in ET.fromstring(picture).iter()}
    assert known <= {"svg", "style", "defs", "g", "path", "text", "tspan", "use", "clipPath", "rect", "metadata"}


def test_half_of_india_has_hours_too() -> None:
    told = [label for _, label in ticks(NOW - 24 * HOUR, NOW, ZoneInfo("Asia/Kolkata"), str)]

    assert {"06:00", "12:00", "18:00"} <= set(told)


# The process ---------------------------------------------------------------------------------------------


async def test_it_lives_for_the_next_picture_and_ends_when_nobody_asks(tmp_path: Path) -> None:
    async with trends(await keep(tmp_path, volts()), idle=1.5) as made:
        await made.draw(VOLTS)
        first = children()
        await made.draw(replace(VOLTS, end=NOW - HOUR))
        assert children() == first
        assert len(first) == 1

        async with asyncio.timeout(60):
            while children():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
        assert await made.draw(replace(VOLTS, end=NOW - 2 * HOUR))


async def test_one_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    async with trends(await keep(tmp_path, volts())) as made:
        await made.draw(VOLTS)
        (process,) = children()
        os.kill(process, signal.SIGKILL)

        assert texts(await made.draw(replace(VOLTS, end=NOW - HOUR)))
        assert children() != [process]


async def test_the_same_within_a_minute_is_drawn_once(tmp_path: Path) -> None:
    journal = await keep(tmp_path, volts())
    async with trends(journal) as made:
        pictures = await asyncio.gather(*(made.draw(VOLTS) for _ in range(40)))
        journal.unlink()
        assert await made.draw(replace(VOLTS, end=NOW - 1)) == pictures[0]

    assert len(set(pictures)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(600)",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('x' * 10**6, flush=True); time.sleep(600)",
        "import sys; sys.stdin.readline(); sys.stdout.buffer.write(b'svg1' + b'\\xff' * 99)",
        "import sys; sys.stdin.readline(); sys.stdout.write('sv')",
        "raise SystemExit(1)",
    ],
    ids=["hangs", "garbage", "too long", "half an answer", "ends at once"],
)
async def test_whatever_it_does_there_is_an_answer_and_nothing_is_left(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "journal.db"
    async with trends(journal, command=program(text), patience=1.0) as made:
        with pytest.raises(TrendNotDrawn):
            async with asyncio.timeout(60):
                await made.draw(VOLTS)
        assert children() == []
        with pytest.raises(TrendNotDrawn, match="a moment ago"):
            await made.draw(VOLTS)


async def test_a_mistake_in_it_is_told_and_the_next_picture_is_drawn(tmp_path: Path) -> None:
    async with trends(await keep(tmp_path, volts())) as made:
        with pytest.raises(TrendNotDrawn, match="ZoneInfoNotFoundError"):
            await made.draw(replace(VOLTS, timezone="Nowhere/Nothing"))
        assert texts(await made.draw(VOLTS))


async def test_of_a_flood_most_are_refused_and_the_rest_is_drawn(tmp_path: Path) -> None:
    async with trends(await keep(tmp_path, volts()), waiting=3) as made:
        asked = [made.draw(replace(VOLTS, end=NOW - at * MINUTE)) for at in range(50)]
        answers = await asyncio.gather(*asked, return_exceptions=True)

    drawn = [each for each in answers if isinstance(each, bytes)]
    assert 3 <= len(drawn) <= 5
    assert all(isinstance(each, (bytes, TrendBusy)) for each in answers)


async def test_the_end_of_the_daemon_waits_for_no_picture(tmp_path: Path) -> None:
    async with trends(tmp_path / "journal.db", command=program("import time; time.sleep(600)")) as made:
        asked = asyncio.create_task(made.draw(VOLTS))
        async with asyncio.timeout(60):
            while not children():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        await asyncio.to_thread(made.close)
        with pytest.raises(TrendNotDrawn):
            await asked
        with pytest.raises(TrendNotDrawn):
            await made.draw(replace(VOLTS, point=""))


# Its address ---------------------------------------------------------------------------------------------


async def kept_beside(folder: Path) -> Path:
    """A journal beside that of the daemon."""
    beside = folder / "beside"
    beside.mkdir()
    return await keep(beside, volts(HOUR))


@asynccontextmanager
async def client(journal: SqliteJournal, clock: ManualClock, path: Path, role: Role) -> AsyncIterator[Any]:
    parts = make_parts(journal, clock)
    reader = replace(DOOR, id="reader", device_class="access", door="front-door")
    site = replace(parts.site, devices={**parts.site.devices, "reader": reader, "main": METER})
    async with (
        trends(path) as made,
        asking(replace(parts, site=site, trends=made), somebody(role)) as asked,
    ):
        yield asked


async def test_the_picture_may_do_nothing_and_is_kept_for_a_minute(
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path
) -> None:
    clock.time = NOW
    async with client(journal, clock, await kept_beside(tmp_path), Role.VIEWER) as asked:
        answer = await asked.get("/devices/main/trend.svg?point=voltage_l1_v&hours=24&limit=207")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert answer.headers["cache-control"] == "private, max-age=60"


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.VIEWER, "/devices/reader/trend.svg", 403),
        (Role.OPERATOR, "/devices/reader/trend.svg?point=open", 403),
        (Role.OPERATOR, "/devices/front-door/trend.svg", 403),
        (Role.VIEWER, "/devices/front-door/trend.svg?point=open", 200),
        (Role.SUPERVISOR, "/devices/reader/trend.svg", 200),
        (Role.VIEWER, "/devices/nothing/trend.svg", 404),
        (Role.VIEWER, "/devices/main/trend.svg?point=nothing", 404),
        (Role.VIEWER, "/devices/main/trend.svg?hours=nan", 422),
        (Role.VIEWER, "/devices/main/trend.svg?hours=745", 422),
        (Role.VIEWER, "/devices/main/trend.svg?end=1e400", 422),
        (Role.VIEWER, "/devices/main/trend.svg?point=voltage_l1_v&limit=inf", 422),
    ],
)
async def test_who_sees_which_pictures(  # noqa: PLR0917 - a table
    journal: SqliteJournal, clock: ManualClock, tmp_path: Path, role: Role, path: str, status: int
) -> None:
    async with client(journal, clock, await kept_beside(tmp_path), role) as asked:
        answer = await asked.get(path)

    assert answer.status_code == status
    assert answer.headers.get("cache-control") in {None, "no-store"}  # who came and went is kept nowhere


@dataclass
class Scripted:
    """What is asked for in the place of pictures."""

    asked: list[Trend] = field(default_factory=list)

    async def draw(self, trend: Trend) -> bytes:
        self.asked.append(trend)
        return b"<svg/>"


async def test_of_a_counter_there_are_pictures_of_months(journal: SqliteJournal, clock: ManualClock) -> None:
    known = meter("main")
    known = replace(known, points={**known.points, "voltage_l1_v": Point(name="voltage_l1_v", unit="V")})
    scripted, parts = Scripted(), make_parts(journal, clock)
    site = replace(parts.site, devices={"main": known})
    async with asking(replace(parts, site=site, trends=scripted), somebody(Role.VIEWER)) as asked:
        answers = [
            (await asked.get(f"/devices/main/trend.svg?point={point}&hours={hours}")).status_code
            for point, hours in ((COUNTER, 8760), (COUNTER, 8785), ("voltage_l1_v", 8760), ("voltage_l1_v", 24))
        ]
        pages = [
            (await asked.get(f"/devices/main?point={point}&hours=8760")).text
            for point in (COUNTER, "voltage_l1_v")
        ]

    assert answers == [200, 422, 422, 200]
    assert [(each.is_counter, each.end - each.start) for each in scripted.asked] == [
        (True, 365 * DAY),
        (False, DAY),
    ]
    assert [("365 days</a>" in page, f"trend.svg?point={COUNTER}&amp;hours=8760" in page) for page in pages] == [
        (True, True),
        (False, False),
    ]
