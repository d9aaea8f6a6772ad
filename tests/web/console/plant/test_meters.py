"""Pages of meters: what they show, and forms that change what is booked; reports as pages and files."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx
import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.metering.commands import correction, replacement
from monitor.model import Command, Entry, Position, Reading
from monitor.reports.books import Books
from monitor.reports.build import Desk
from monitor.web.callers import Role
from tests.clock import ManualClock
from tests.metering.books import DAY, HOUR, NOW, MemoryBook, judge, site_of
from tests.reports.books import Book, house
from tests.web.console.asking import CSRF, asking, somebody
from tests.web.console.looking import assert_sound, form_fields, notices
from tests.web.serving import SITE, make_parts


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def book(clock: ManualClock) -> MemoryBook:
    """A meter that was swapped this morning between 8:30 and 9:30, and one that is read by hand."""
    book = MemoryBook(site_of(SITE), clock.now)
    for hour in range(71):
        book.read("main", NOW - 72 * HOUR + hour * HOUR, 5000.0 + 2 * hour)
    book.read("main", NOW - HOUR, 1.5)
    book.read("main", NOW, 3.5)
    book.read("cellar", NOW - 30 * DAY, 812.5)
    return book


def asked_as(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook, role: Role, language: str = "en"
) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
    return asking(make_parts(journal, clock, book=book), somebody(role, language=language))


async def kept(journal: SqliteJournal) -> list[Entry]:
    found = await journal.read(Position(0), 100)
    assert isinstance(found, Sequence)
    return [each.entry for each in found]


@contextlib.asynccontextmanager
async def judged(book: MemoryBook, journal: SqliteJournal) -> AsyncIterator[None]:
    """Let the book heed what is kept."""
    task = asyncio.create_task(judge(book, journal))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("role", list(Role))
async def test_every_page_is_sound_and_offers_what_the_role_may(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook, role: Role, language: str
) -> None:
    async with asked_as(journal, clock, book, role, language) as client:
        listed = await client.get("/meters")
        pages = {name: await client.get(f"/meters/{name}") for name in ("main", "cellar", "flats", "attic")}

    for page in (listed, *pages.values()):
        assert page.status_code == 200
        assert_sound(page.text)
    assert ('action="/meters/cellar/enter"' in pages["cellar"].text) is role.covers(Role.OPERATOR)
    assert ('action="/meters/main/replace"' in pages["main"].text) is role.covers(Role.SUPERVISOR)
    assert "/replace" not in pages["flats"].text


async def test_another_meter_is_booked_after_it_was_shown_what_that_means(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook
) -> None:
    async with judged(book, journal), asked_as(journal, clock, book, Role.SUPERVISOR) as client:
        form = form_fields((await client.get("/meters/main")).text, "/meters/main/replace")
        typed = form | {
            "final": "5140,5",
            "start": "0",
            "at": "2026-11-27T09:00",
            "serial": "S-77",
            "reason": "<b>",
        }
        shown = await client.post("/meters/main/replace", data=typed)
        nothing_yet = await kept(journal)
        answer = await client.post("/meters/main/replace", data=_sure(shown))
        after = await client.get(answer.headers["location"])

    assert_sound(shown.text)
    assert "Is that right?" in shown.text
    assert "5,140.5 kWh" in shown.text
    assert "&lt;b&gt;" in shown.text
    assert nothing_yet == []
    assert (answer.status_code, answer.headers["location"]) == (303, "/meters/main?done=replaced")
    (command,) = [each for each in await kept(journal) if isinstance(each, Command)]
    told = replacement(command)
    assert (told.at, told.final, told.start, told.by) == (NOW - HOUR - HOUR // 2, 5140.5, 0.0, "Ana")
    assert command.arguments["serial"] == "S-77"
    assert "It is noted that another meter hangs there." in after.text


def _sure(page: httpx.Response) -> dict[str, str]:
    """What the form that confirms carries; it is the first of its address."""
    text = page.text
    begin = text.index("<form", text.index("This is what will be booked"))
    form = text[begin : text.index("</form>", begin) + 7]
    action = form.split('action="', 1)[1].split('"', 1)[0]
    return form_fields(f"<main>{form}</main>", action)


async def test_a_correction_says_what_was_booked_before(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook
) -> None:
    typed = {"csrf": CSRF, "from": "2026-11-26T10:00", "to": "2026-11-26T12:00", "amount": "3", "reason": "test"}
    async with judged(book, journal), asked_as(journal, clock, book, Role.SUPERVISOR) as client:
        shown = await client.post("/meters/main/correct", data=typed)
        answer = await client.post("/meters/main/correct", data=_sure(shown))

    assert "Booked so far" in shown.text
    assert "4 kWh" in shown.text
    assert answer.headers["location"] == "/meters/main?done=corrected"
    (command,) = [each for each in await kept(journal) if isinstance(each, Command)]
    told = correction(command)
    assert (told.end - told.start, told.amount, told.reason) == (2 * HOUR, 3.0, "test")


async def test_operators_enter_what_a_meter_shows(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook
) -> None:
    async with judged(book, journal), asked_as(journal, clock, book, Role.OPERATOR) as client:
        shown = await client.post("/meters/cellar/enter", data={"csrf": CSRF, "register": "819.25"})
        answer = await client.post("/meters/cellar/enter", data=_sure(shown))
        refused = await client.post("/meters/main/replace", data={"csrf": CSRF, "final": "1", "start": "0"})

    assert answer.headers["location"] == "/meters/cellar?done=entered"
    command, reading = await kept(journal)
    assert isinstance(command, Command)
    assert isinstance(reading, Reading)
    assert dict(reading.values) == {"volume_m3": 819.25}
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("path", "typed", "told"),
    [
        ("main/replace", {"final": "", "start": "0"}, "This is needed."),
        ("main/replace", {"final": "lots", "start": "0"}, "This is no number."),
        ("main/replace", {"final": "inf", "start": "0"}, "This is no number."),
        ("main/replace", {"final": "5141", "start": "0", "at": "yesterday"}, "This is no date with a time."),
        ("main/replace", {"final": "4000", "start": "0", "at": "2026-11-27T09:00"}, "is lower than"),
        ("main/correct", {"from": "2026-11-26T10:07", "to": "2026-11-26T12:00", "amount": "3"}, "quarter"),
        ("main/correct", {"from": "2026-11-26T10:00", "to": "", "amount": "3"}, "This is needed."),
        ("cellar/enter", {"register": "1"}, "lower"),
        ("main/enter", {"register": "1"}, "main"),
        ("main/replace", {"final": "1", "start": "0", "point": "<script>"}, "&lt;script&gt;"),
    ],
)
async def test_what_cannot_be_is_told_and_nothing_is_booked(  # noqa: PLR0917 - a table
    journal: SqliteJournal,
    clock: ManualClock,
    book: MemoryBook,
    path: str,
    typed: dict[str, str],
    told: str,
) -> None:
    async with asked_as(journal, clock, book, Role.SUPERVISOR) as client:
        page = await client.post(f"/meters/{path}", data={"csrf": CSRF, "sure": "yes", **typed})

    assert page.status_code == 422
    assert told in page.text
    assert_sound(page.text)
    assert await kept(journal) == []


async def test_what_cannot_be_is_told_in_chinese(
    journal: SqliteJournal, clock: ManualClock, book: MemoryBook
) -> None:
    span = {"from": "2026-11-26T10:00", "to": "2026-11-26T12:00", "reason": "x"}
    asked = {
        "最终读数 4000 kWh 低于 `main` 最后的读数（2026-11-27 08:30：5140 kWh）。请重新读旧表": (
            "main/replace",
            {"final": "4000", "start": "0", "at": "2026-11-27T09:00"},
        ),
        "最终读数为 -1：计数器读数不能是负数": ("main/replace", {"final": "-1", "start": "0"}),
        "`main` 没有计数器 `flow`；它有 ": ("main/replace", {"final": "1", "start": "0", "point": "flow"}),
        "2026-11-26 10:07 不是整刻钟：分钟须为": (
            "main/correct",
            {**span, "from": "2026-11-26T10:07", "amount": "3"},
        ),
        "2 小时内不可能用掉 99999 kWh，而 `main` 在": ("main/correct", {**span, "amount": "99999"}),
        "1 m³ 低于 `cellar` 在 ": ("cellar/enter", {"register": "1"}),
        "2026-12-27 09:00 在将来：现在是 ": ("cellar/enter", {"register": "900", "at": "2026-12-27T09:00"}),
        "`main` 由监控系统自动读取；": ("main/enter", {"register": "1"}),
    }
    told = {}
    async with asked_as(journal, clock, book, Role.SUPERVISOR, "zh") as client:
        for words, (path, typed) in asked.items():
            page = await client.post(f"/meters/{path}", data={"csrf": CSRF, "sure": "yes", **typed})
            told[words] = notices(page.text)

    assert [found for words, found in told.items() if len(found) != 1 or not found[0].startswith(words)] == []


# Reports -------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(journal: SqliteJournal, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    made = Book(house())
    parts = replace(
        make_parts(journal, clock),
        site=made.site,
        reports=Desk(Books(usage=made), made.site, lambda: made.now),
        now=lambda: made.now,
    )
    async with asking(parts, somebody(Role.OPERATOR)) as client:
        yield client


async def test_a_report_opens_as_a_page_and_comes_as_files(client: httpx.AsyncClient) -> None:
    form = await client.get("/reports")
    page = await client.get("/reports/open", params={"kind": "coverage", "period": "2026-10", "language": "zh"})
    sheet = await client.get("/reports/usage", params={"period": "2026-10", "form": "csv"})
    plain = await client.get("/reports/usage", params={"period": "2026-10", "form": "json"})

    assert_sound(form.text)
    assert '<option value="access"' not in form.text
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src" not in page.headers["content-security-policy"]
    assert 'lang="zh' in page.text
    assert sheet.headers["content-disposition"] == 'attachment; filename="usage-2026-10.csv"'
    assert sheet.text.count("\r\n") > 5
    assert plain.json()["kind"] == "usage"


async def test_a_report_about_people_is_for_who_may_see_them(client: httpx.AsyncClient) -> None:
    assert (await client.get("/reports/access")).status_code == 403


async def test_a_period_that_is_none_is_told_on_the_form(client: httpx.AsyncClient) -> None:
    page = await client.get("/reports/usage", params={"period": "some time"})

    assert page.status_code == 422
    assert_sound(page.text)
    assert "some time" in page.text
