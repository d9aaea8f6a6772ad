"""Pictures of the day around an alarm: what is read of the journal, what is drawn, and what is not waited for."""

import asyncio
import io
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Derived, Entry, Reading
from monitor.notices import NoticeKind
from monitor.notify.curves import read, thin
from monitor.notify.painting import Painter, wish
from monitor.notify.pictures import draw
from monitor.periods import DAY
from monitor.ports import Batch
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.notify.day import BEGAN, keep, volts, whole_day
from tests.notify.house import MINUTE, NOW, body, rule

HOUR = 60 * MINUTE


def about(device: str, kind: str, point: str | None = None, **more: object) -> dict[str, Any]:
    told = body(rule=rule(kind), value=None, limit=None, source_key=f"{device}/{point}" if point else device)
    return {**told, "device": {"id": device, "name": device.title()}, **more}


def size(picture: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture)).size


def colours(picture: bytes) -> set[tuple[int, ...]]:
    return {colour for _, colour in Image.open(io.BytesIO(picture)).convert("RGB").getcolors(10_000) or ()}  # type: ignore[misc]


def test_the_day_ends_now_and_has_its_hours_in_local_time() -> None:
    wanted = wish("raise", "en", body(), None, now=NOW + MINUTE)

    assert wanted is not None
    assert (wanted["end"], wanted["start"]) == (NOW + MINUTE, NOW + MINUTE - 24 * HOUR)
    assert [label for _, label in wanted["ticks"]] == ["22 Nov", "06:00", "12:00", "18:00"]
    assert (wanted["limit"], wanted["limit_label"]) == (207.0, "limit 207 V")
    assert wanted["title"] == "Main meter (V)"


def test_a_past_alarm_stands_in_the_middle_of_its_day() -> None:
    wanted = wish("clear", "zh", body(NoticeKind.CLEAR, time=NOW + HOUR), None, now=NOW + 100 * HOUR)

    assert wanted is not None
    assert (wanted["start"], wanted["end"]) == (NOW - 11 * HOUR, NOW + 13 * HOUR)
    assert wanted["ended"] == NOW + HOUR
    assert wanted["limit_label"] == "限值 207 V"


@pytest.mark.parametrize("kind", ["offline", "stale", "balance", "segment"])
def test_where_there_is_nothing_to_see_nothing_is_wanted(kind: str) -> None:
    assert wish("raise", "en", about("pump", kind), None, now=NOW) is None


def test_no_peak_is_lost_when_a_line_is_thinned() -> None:
    points = [(at, 230.0) for at in range(86_400)]
    points[40_000], points[70_001] = (40_000, 500.0), (70_001, -3.0)

    kept = thin(points, 0, 86_400)

    assert len(kept) <= 500
    assert {(40_000, 500.0), (70_001, -3.0)} <= set(kept)
    assert kept == sorted(kept)


async def test_of_a_meter_that_speaks_every_second_some_thousand_readings_are_read(tmp_path: Path) -> None:
    journal = await keep(tmp_path, volts(every=1000))
    wanted = wish("raise", "en", body(), None, now=NOW)
    assert wanted is not None

    began = time.process_time()
    curve = read(journal, wanted)

    assert curve.is_of_numbers
    assert 280 < len(curve.points) <= 500
    assert min(value for _, value in curve.points) < 207
    assert time.process_time() - began < 30


async def test_readings_by_turns_are_picked_from_fairly(tmp_path: Path) -> None:
    def by_turns() -> list[Entry]:
        names = ("voltage_l1_v", "energy_import_kwh")
        times = range(BEGAN, NOW, 500)
        return [
            Reading(device="main-electricity", time=at, arrived=at, values={names[turn % 2]: 230.0})
            for turn, at in enumerate(times)
        ]

    journal = await keep(tmp_path, by_turns())
    wanted = wish("raise", "en", body(), None, now=NOW)
    assert wanted is not None

    assert len(read(journal, wanted).points) > 140


@pytest.mark.parametrize(
    ("told", "is_wide"),
    [
        (body(), True),
        (about("water", "night_flow", value=0.12, limit=0.004, unit="m3/h"), True),
        (about("pump", "state", "fault"), False),
        (about("door", "event"), False),
    ],
    ids=["a value", "a flow", "a state", "events"],
)
async def test_each_sort_of_alarm_has_its_picture(tmp_path: Path, told: dict[str, Any], *, is_wide: bool) -> None:
    painter = Painter(await keep(tmp_path, whole_day()), now=lambda: NOW)
    picture = await painter("raise", "zh", told, None)
    painter.close()

    width, height = size(picture)
    assert width == 1056
    assert (height > 500) is is_wide
    assert len(picture) < 40_000
    assert len(colours(picture)) > 4


async def test_the_time_in_alarm_is_shaded(tmp_path: Path) -> None:
    journal = await keep(tmp_path, volts())
    short = wish("clear", "en", {**body(NoticeKind.CLEAR), "since": NOW - HOUR, "time": NOW}, None, now=NOW)
    long = wish("clear", "en", {**body(NoticeKind.CLEAR), "since": NOW - 9 * HOUR, "time": NOW}, None, now=NOW)
    assert short is not None
    assert long is not None

    def shaded(wanted: Any) -> int:
        picture = Image.open(io.BytesIO(draw(wanted, read(journal, wanted)))).convert("RGB")
        counted: Any = picture.getcolors(10_000)
        return sum(n for n, (red, green, blue) in counted if red > 245 and 215 < green < 235 and blue < 225)

    assert shaded(long) > 6 * shaded(short) > 0


async def test_a_device_without_a_past_has_no_picture_and_starts_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", forbidden)
    young: list[Entry] = [entry for entry in volts() if entry.time > NOW - 20 * MINUTE]
    young.append(
        Derived(
            producer="metering",
            key="k",
            device=young[0].device,
            time=NOW - DAY,
            measurement="usage",
            values={"x": 1.0},
        )
    )
    painter = Painter(await keep(tmp_path, young), now=lambda: NOW)

    assert await painter("raise", "en", body(), None) == b""
    assert await painter("acknowledged", "en", body(NoticeKind.ACKNOWLEDGED), None) == b""
    painter.close()


@pytest.mark.fault(
    "picture late",
    part="notifications",
    outcome="A mail whose picture is not drawn in time goes without it, a critical one after 3 s, others after"
    " 20 s; the process that draws is killed.",
)
async def test_what_is_late_is_killed_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    really = asyncio.create_subprocess_exec

    async def slowly(program: str, *_: str, **pipes: Any) -> asyncio.subprocess.Process:
        process = await really(program, "-c", "import time; time.sleep(600)", **pipes)
        started.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    painter = Painter(await keep(tmp_path, volts()), now=lambda: NOW, patience=0.5)

    assert await painter("raise", "en", body(severity="critical"), None) == b""
    assert [process.returncode for process in started] == [-9]
    painter.close()


async def test_after_one_that_was_late_none_is_drawn_for_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[float] = []
    clock = ManualClock()
    really = asyncio.create_subprocess_exec

    async def slowly(program: str, *_: str, **pipes: Any) -> asyncio.subprocess.Process:
        started.append(clock.now() / 1000)
        return await really(program, "-c", "import time; time.sleep(600)", **pipes)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    painter = Painter(
        await keep(tmp_path, volts()), now=lambda: NOW, patience=0.2, monotonic=lambda: clock.now() / 1000
    )
    begun = clock.now() / 1000
    for _ in range(25):
        assert await painter("raise", "en", body(), None) == b""
        clock.advance(30_000)
    painter.close()

    assert [at - begun for at in started] == [0.0, 600.0]


async def test_people_who_are_told_the_same_get_the_same_picture_drawn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    really = asyncio.create_subprocess_exec

    async def counted(*arguments: Any, **pipes: Any) -> asyncio.subprocess.Process:
        started.append(arguments)
        return await really(*arguments, **pipes)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", counted)
    painter = Painter(await keep(tmp_path, volts()), now=lambda: NOW)

    pictures = await asyncio.gather(*(painter("raise", "en", body(), None) for _ in range(5)))
    painter.close()

    assert len(set(pictures)) == 1
    assert pictures[0]
    assert len(started) == 1


async def test_in_a_flood_ten_pictures_a_minute_are_drawn_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    really = asyncio.create_subprocess_exec

    async def quickly(program: str, *_: str, **pipes: Any) -> asyncio.subprocess.Process:
        started.append(program)
        return await really(program, "-c", "print('x')", **pipes)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", quickly)
    passed = [0.0]
    painter = Painter(await keep(tmp_path, volts()), now=lambda: NOW, monotonic=lambda: passed[0])
    for number in range(15):
        await painter("raise", "en", {**body(), "since": NOW - number}, None)
    assert len(started) == 10
    passed[0] = 61.0

    assert await painter("raise", "en", {**body(), "since": NOW - 99}, None)
    painter.close()


async def test_a_journal_that_is_being_written_is_read_beside_its_writer(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=lambda: NOW)
    entries = volts()
    await journal.append([Batch(entries=entries[:-1])])
    painter = Painter(tmp_path / "journal.db", now=lambda: NOW)

    picture, _ = await asyncio.gather(
        painter("raise", "en", body(), None), journal.append([Batch(entries=entries[-1:])])
    )
    await journal.close()
    painter.close()

    assert size(picture)[0] == 1056


async def test_a_journal_that_is_gone_costs_the_picture_only(tmp_path: Path) -> None:
    painter = Painter(tmp_path / "journal.db", now=lambda: NOW)

    assert await painter("raise", "en", body(), None) == b""
    painter.close()


async def test_a_damaged_entry_is_left_out(tmp_path: Path) -> None:
    journal = await keep(tmp_path, volts())
    with sqlite3.connect(journal) as db:
        db.execute("UPDATE entries SET body = CAST(x'7b' || body AS BLOB) WHERE position % 7 = 0")
    db.close()
    wanted = wish("raise", "en", body(), None, now=NOW)
    assert wanted is not None

    assert draw(wanted, read(journal, wanted))
