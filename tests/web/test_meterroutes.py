"""The routes about meters, over a book that counts, and a real journal."""

import asyncio
import contextlib
import getpass
import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.figures import DayCoverage
from monitor.journal.sqlite import SqliteJournal
from monitor.metering.commands import correction, replacement
from monitor.model import Command, Entry, Position, Reading
from tests.clock import ManualClock
from tests.metering.books import DAY, HOUR, NOW, MemoryBook, judge, site_of
from tests.web.serving import SITE, make_parts, serving

WHO = getpass.getuser()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def book(clock: ManualClock) -> MemoryBook:
    """A meter that was swapped this morning between 8:30 and 9:30, water, and one that is read by hand."""
    book = MemoryBook(site_of(SITE), clock.now)
    for hour in range(73):
        time = NOW - 72 * HOUR + hour * HOUR
        if hour < 71:
            book.read("main", time, 5000.0 + 2 * hour)
        book.read("main-water", time, 100.0 + 0.5 * hour)
    book.read("main", NOW - HOUR, 1.5)
    book.read("main", NOW, 3.5)
    book.read("cellar", NOW - 30 * DAY, 812.5)
    book.days = [
        DayCoverage(
            device="main",
            day=date(2026, 11, day),
            expected=8640,
            received=8630,
            late=2,
            lost={"unit": 10, "bus": 0},
        )
        for day in (20, 26, 27)
    ]
    return book


@pytest.fixture
async def client(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(make_parts(journal, clock, book=book), tmp_path / "api.sock") as client:
        yield client


async def kept(journal: SqliteJournal) -> list[Entry]:
    found = await journal.read(Position(0), 100)
    assert isinstance(found, Sequence)
    return [each.entry for each in found]


async def test_every_meter_is_listed_with_what_it_is_billed_by(client: httpx.AsyncClient) -> None:
    found = {each["device"]: each for each in (await client.get("/meters")).json()}

    assert set(found) == {"main", "main-water", "cellar", "attic", "flats"}
    main = found["main"]
    assert (main["name"], main["class"], main["kind"], main["role"]) == ("Main", "electricity", "wired", "main")
    assert (main["counter"]["point"], main["counter"]["register"], main["counter"]["billed"]) == (
        "energy_import_kwh",
        3.5,
        True,
    )
    assert (main["counter"]["rate"], main["counter"]["rate_unit"]) == (2000.0, "W")
    assert (main["today"]["amount"], main["today"]["estimated"]) == (20.5, 1.5)
    assert main["coverage"] == {
        "day": "2026-11-27",
        "expected": 8640,
        "received": 8630,
        "late": 2,
        "lost": {"unit": 10},
    }
    assert (found["cellar"]["kind"], found["cellar"]["counter"]["register"]) == ("by_hand", 812.5)
    assert (found["flats"]["kind"], found["flats"]["counter"]) == ("virtual", None)


async def test_a_meter_tells_all_its_counters_and_breaks_and_a_week_of_samples(client: httpx.AsyncClient) -> None:
    found = (await client.get("/meters/main")).json()

    assert [each["point"] for each in found["counters"]] == ["energy_import_kwh", "energy_export_kwh"]
    [broken] = found["breaks"]
    assert (broken["cause"], broken["lost"], broken["point"]) == ("reset", True, "energy_import_kwh")
    assert (broken["start"], broken["end"]) == (NOW - 2 * HOUR, NOW - HOUR)
    assert (broken["start_register"], broken["end_register"], broken["amount"]) == (5140.0, 1.5, 1.5)
    assert [each["day"] for each in found["coverage"]] == ["2026-11-26", "2026-11-27"]


async def test_usage_is_cut_into_local_pieces(client: httpx.AsyncClient) -> None:
    days = (await client.get("/meters/main-water/usage", params={"period": "this-week", "per": "day"})).json()
    whole = (await client.get("/meters/main-water/usage", params={"period": "yesterday"})).json()
    both = (await client.get("/meters/main/usage", params={"point": "all"})).json()

    assert [each["amount"] for each in days] == [None, 6.75, 12.0, 12.0, 5.25]
    assert days[1]["known"] == pytest.approx(13.5 / 24)
    assert [each["complete"] for each in days] == [False, False, True, True, False]
    assert [(each["amount"], each["complete"], each["unit"]) for each in whole] == [(12.0, True, "m3")]
    assert whole[0]["end_register"] == 130.5
    assert [each["point"] for each in both] == ["energy_import_kwh", "energy_export_kwh"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"period": "never"}, 422, "`never` is no period: write 2026, 2026-11"),
        ({"per": "fortnight"}, 422, "per"),
        ({"period": "2026", "per": "quarter"}, 422, "more than 10000 rows"),
        ({"point": "volume_m3"}, 404, "main has no counter volume_m3"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], status: int, words: str
) -> None:
    answer = await client.get("/meters/main/usage", params=query)

    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_a_replacement_is_kept_in_the_name_of_who_asks_and_judged(
    client: httpx.AsyncClient, journal: SqliteJournal, book: MemoryBook
) -> None:
    wish = {"final": 5141.5, "start": 0.25, "serial": "99004711", "reason": "burnt"}
    answer = await client.post("/meters/main/replace", json=wish)

    assert answer.status_code == 202
    told = answer.json()
    [command] = await kept(journal)
    assert isinstance(command, Command)
    assert told == {
        "command": command.id,
        "device": "main",
        "point": "energy_import_kwh",
        "unit": "kWh",
        "by": WHO,
        "at": NOW - HOUR,
        "final": 5141.5,
        "start": 0.25,
        "serial": "99004711",
    }
    assert replacement(command).by == WHO
    book.judge(command)
    [broken] = (await client.get("/meters/main")).json()["breaks"]
    assert (broken["cause"], broken["lost"], broken["amount"]) == ("replaced", False, 2.75)
    assert (broken["by"], broken["reason"], broken["command"]) == (WHO, "burnt", command.id)


async def test_a_replacement_of_a_meter_read_by_hand_is_its_first_reading_too(
    client: httpx.AsyncClient, journal: SqliteJournal
) -> None:
    answer = await client.post("/meters/cellar/replace", json={"final": 830, "start": 2.5})

    assert answer.status_code == 202
    command, reading = await kept(journal)
    assert isinstance(command, Command)
    assert isinstance(reading, Reading)
    assert (reading.device, reading.values, reading.time) == ("cellar", {"volume_m3": 2.5}, NOW + 1000)


async def test_a_correction_tells_what_was_booked_before(
    client: httpx.AsyncClient, journal: SqliteJournal
) -> None:
    wish = {"from": NOW - 4 * HOUR, "to": NOW - 2 * HOUR, "amount": 0.25, "reason": "burst hose"}
    answer = await client.post("/meters/main-water/correct", json=wish)

    assert answer.status_code == 202
    assert (answer.json()["was"], answer.json()["amount"], answer.json()["from"]) == (1.0, 0.25, wish["from"])
    [command] = await kept(journal)
    assert isinstance(command, Command)
    assert (correction(command).amount, command.reason, command.by) == (0.25, "burst hose", WHO)


async def test_a_register_is_kept_with_its_command(client: httpx.AsyncClient, journal: SqliteJournal) -> None:
    answer = await client.post("/meters/cellar/enter", json={"register": 831.75, "at": NOW - HOUR})

    assert answer.status_code == 202
    assert (answer.json()["register"], answer.json()["at"]) == (831.75, NOW - HOUR)
    command, reading = await kept(journal)
    assert isinstance(command, Command)
    assert isinstance(reading, Reading)
    assert (command.kind, command.by, reading.values) == ("meter_enter", WHO, {"volume_m3": 831.75})


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/meters/enter", r'{"csv": "device;time;register\n\ud800"}'),
        ("/meters/recompute", r'{"period": "today", "devices": ["\ud800"]}'),
    ],
)
async def test_half_a_letter_is_refused_and_is_no_mistake_of_the_program(
    client: httpx.AsyncClient, path: str, sent: str
) -> None:
    answer = await client.post(path, content=sent, headers={"content-type": "application/json"})
    long = await client.post("/meters/enter", json={"csv": "x" * 60_001})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert long.status_code == 422


async def test_a_list_is_entered_as_a_whole_or_not_at_all(
    client: httpx.AsyncClient, journal: SqliteJournal
) -> None:
    text = "device;time;register\ncellar;27.11.2026 09:30;831,75\nattic;2026-11-27 09:00;12\n"
    wrong = await client.post("/meters/enter", json={"csv": f"{text}celar;2026-11-27;3"})
    nothing = await kept(journal)
    right = await client.post("/meters/enter", json={"csv": text})

    assert wrong.status_code == 409
    assert "line 4: `celar` is no device" in wrong.json()["detail"]
    assert nothing == []
    assert right.status_code == 202
    assert [(each["device"], each["register"]) for each in right.json()] == [("attic", 12.0), ("cellar", 831.75)]
    assert len(await kept(journal)) == 4


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("mian/replace", {"final": 1, "start": 0}, (404, "`mian` is no device; meters are attic")),
        ("front-door/enter", {"register": 1}, (404, "is no meter")),
        ("flats/replace", {"final": 1, "start": 0}, (409, "reckoned from others")),
        ("main/replace", {"final": 1, "start": 0}, (409, "lower than what `main` showed last: 5140 kWh")),
        ("main/replace", {"final": 1}, (422, "start")),
        ("main/replace", {"final": 1, "start": 0, "colour": 1}, (422, "colour")),
        ("main/correct", {"from": 1, "to": 2, "amount": 3, "reason": "x"}, (409, "no whole quarter")),
        ("main/enter", {"register": 1}, (409, "reads `main` itself")),
        ("cellar/enter", {"register": 1, "reason": "x" * 501}, (422, "500")),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_kept(
    client: httpx.AsyncClient, journal: SqliteJournal, path: str, body: dict[str, Any], told: tuple[int, str]
) -> None:
    answer = await client.post(f"/meters/{path}", json=body)

    assert answer.status_code == told[0]
    assert told[1] in answer.json()["detail"]
    assert told[0] == 422 or "`facility-monitor meter " in answer.json()["what_to_do"]
    assert await kept(journal) == []


async def test_numbers_that_are_none_are_refused(client: httpx.AsyncClient, journal: SqliteJournal) -> None:
    body = b'{"final": NaN, "start": Infinity}'
    answer = await client.post("/meters/main/replace", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in {409, 422}
    assert await kept(journal) == []


async def test_an_unknown_meter_is_told_with_where_to_look(client: httpx.AsyncClient) -> None:
    for path in ("/meters/none", "/meters/none/usage", "/meters/front-door"):
        answer = await client.get(path)

        assert answer.status_code == 404
        assert answer.json()["what_to_do"] == "list them with `facility-monitor meter list`"


async def test_what_is_judged_from_the_journal_is_seen(
    client: httpx.AsyncClient, journal: SqliteJournal, book: MemoryBook
) -> None:
    judging = asyncio.create_task(judge(book, journal))
    await client.post("/meters/cellar/enter", json={"register": 831.75})
    async with asyncio.timeout(60):
        while book.registers("cellar")[0].register != 831.75:  # noqa: ASYNC110 - the book is no event
            await asyncio.sleep(0.01)
    judging.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await judging

    found = (await client.get("/meters/cellar")).json()["counters"][0]
    assert (found["register"], found["time"]) == (831.75, NOW)


async def test_working_out_anew_says_how_far_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post("/meters/recompute", json={"period": "2026-11-25..2026-11-26", "devices": ["main"]})

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"done": done, "total": 2, "changed": done} for done in range(3)
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"period": "soon"}, 422),
        ({"period": "2026-11", "devices": ["none"]}, 404),
        ({"devices": ["main"]}, 422),
    ],
)
async def test_working_out_anew_what_is_not_there_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    assert (await client.post("/meters/recompute", json=body)).status_code == status
