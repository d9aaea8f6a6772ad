"""Residents' pages: what is taken, what becomes of it, and what strangers cannot do."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.alarms.casework import ASSIGN, CLOSE
from monitor.app.listening import Listener
from monitor.errors import JournalError
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.ports import Batch
from monitor.web.residents.codes import Codes, Fits
from monitor.web.residents.tokens import address_of, form_token, number_in
from tests.alarms.household import House
from tests.clock import ManualClock
from tests.web.residents.porch import Porch, on_the_porch

HOSTILE = '<script>alert("x")</script> & <img src=x onerror=alert(1)>'


@pytest.fixture
async def porch(journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Porch]:
    async with on_the_porch(House(journal, state, clock), tmp_path) as porch:
        yield porch


async def test_a_report_is_an_alarm_of_its_place_and_is_followed_to_its_end(porch: Porch) -> None:
    link = await porch.report("water", "From the ceiling")
    (alarm,) = await porch.judged()
    first = await porch.client.get(link)
    await porch.acknowledge(alarm.occurrence)
    seen = await porch.client.get(link)
    await porch.casework(ASSIGN, alarm.occurrence, person="ana")
    works = await porch.client.get(link)
    await porch.casework(CLOSE, alarm.occurrence, cause="vandalism")
    done = await porch.client.get(link)
    (event,) = await porch.events()

    assert (alarm.rule, alarm.source_key, alarm.response) == (
        "resident-water",
        "facility-monitor/hall",
        "unacked",
    )
    assert alarm.title == "Somebody reports water where there should be none: Hall"
    assert [page.text.count('class="reached"') for page in (first, seen, works, done)] == [1, 2, 3, 4]
    assert "Your report has been noted." in first.text
    assert "It was repaired." in done.text
    assert "From the ceiling" in done.text
    assert "Secret" not in seen.text + works.text + done.text
    assert event.attributes == {"place": "hall", "report": "water", "news": True, "number": 1}


async def test_what_is_known_is_counted_and_is_news_again_when_it_was_done(porch: Porch) -> None:
    first = await porch.report("light", "first")
    again = await porch.report("light", "second")
    (alarm,) = await porch.judged()
    elsewhere = await porch.report("lift-stuck", place="lift")
    await porch.acknowledge(alarm.occurrence)
    third = await porch.report("light")
    seen = await porch.client.get(third)
    await porch.casework(CLOSE, alarm.occurrence, cause="replaced")
    news = await porch.report("light")
    alarms = await porch.judged()
    reports = await porch.parts.desk.reports()

    assert len({first, again, elsewhere, third, news}) == 5
    assert "It is known already" in (await porch.client.get(again)).text
    assert "It is known already" in seen.text
    assert seen.text.count('class="reached"') == 2
    assert sorted(each.rule for each in alarms) == ["resident-lift-stuck", "resident-light", "resident-light"]
    assert [(each.number, each.news, each.repeats, each.again) for each in reports] == [
        (5, True, None, 0),
        (4, False, 1, 0),
        (3, True, None, 0),
        (2, False, 1, 0),
        (1, True, None, 2),
    ]
    assert [each.text for each in await porch.parts.desk.of_alarm(alarm.occurrence)] == ["", "second", "first"]


async def test_danger_that_was_seen_is_news_again_after_a_quarter_of_an_hour(porch: Porch) -> None:
    await porch.report("person-stuck", place="lift")
    (alarm,) = await porch.judged()
    await porch.acknowledge(alarm.occurrence)
    porch.house.clock.advance(600_000)
    await porch.report("person-stuck", place="lift")
    porch.house.clock.advance(400_000)
    await porch.report("person-stuck", place="lift")
    found = await porch.judged()

    assert [each.severity for each in found] == ["critical", "critical"]


async def test_a_form_that_is_sent_twice_is_one_report(porch: Porch) -> None:
    form = {**await porch.form(), "kind": "water", "text": "once"}
    answers = [await porch.send(form) for _ in range(3)]

    assert [each.status_code for each in answers] == [303] * 3
    assert len({each.headers["location"] for each in answers}) == 1
    assert len(await porch.events()) == 1
    assert len(await porch.parts.desk.reports()) == 1


async def test_each_report_of_the_sites_own_words_is_an_alarm_of_its_own(porch: Porch) -> None:
    await porch.report("bins")
    (alarm,) = await porch.judged()

    assert (alarm.rule, alarm.source_key, alarm.title) == (
        "resident-other",
        "facility-monitor/hall.bins",
        "Somebody reports something: Hall: Bins",
    )


async def test_pages_speak_the_language_of_the_browser_and_can_be_switched(porch: Porch) -> None:
    address = porch.address()
    plain = await porch.client.get(address, headers={"accept-language": "fr"})
    chinese = await porch.client.get(address, headers={"accept-language": "zh-CN,en;q=0.5"})
    switched = await porch.client.get(address, params={"lang": "en"}, headers={"accept-language": "zh"})
    sent = await porch.client.post(
        address, params={"lang": "zh"}, data={**await porch.form(), "kind": "bins"}, follow_redirects=True
    )

    assert '<html lang="en">' in plain.text
    assert '<html lang="zh-Hans">' in chinese.text
    assert "发生了什么？" in chinese.text  # noqa: RUF001 - Chinese
    assert "垃圾桶" in chinese.text
    assert not re.search(
        r"[a-z]{4,}", re.sub(r"<style>.*?</style>|<[^>]*>", "", chinese.text.partition("<h1>")[2])
    )
    assert '<html lang="en">' in switched.text
    assert "您的报告已登记。" in sent.text


async def test_danger_says_first_whom_to_call_and_takes_the_report_all_the_same(porch: Porch) -> None:
    lift = await porch.client.get(porch.address("lift"))
    hall = await porch.client.get(porch.address("hall"))
    followed = await porch.client.get(await porch.report("person-stuck", place="lift"))

    assert "call 112 first" in lift.text
    assert lift.text.index("112") < lift.text.index("<form")
    assert "112" not in hall.text
    assert "call 112" in followed.text


async def test_what_is_missing_or_too_long_is_said_and_nothing_is_lost(porch: Porch) -> None:
    form = await porch.form()
    none = await porch.send({**form, "text": "kept <b>"})
    long = await porch.send({**form, "kind": "water", "text": "水" * 501})
    fits = await porch.send({**form, "kind": "water", "text": "水" * 500})

    assert (none.status_code, long.status_code, fits.status_code) == (422, 422, 303)
    assert "Please choose one." in none.text
    assert "kept &lt;b&gt;" in none.text
    assert 'value="water" required checked' in long.text


async def test_text_is_shown_as_text_and_pages_keep_to_themselves(porch: Porch) -> None:
    link = await porch.report("other", HOSTILE + "\x00\x1b[2J", place="lift")
    page = await porch.client.get(link)
    form = await porch.client.get(porch.address("lift"))

    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "\x1b" not in page.text
    assert "Lift &lt;A&gt;" in form.text
    for answer in (page, form):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert " style=" not in answer.text


async def test_nobody_finds_places_or_reports_by_guessing(porch: Porch) -> None:
    good = porch.address()
    base = good.rpartition("/")[0]
    answers = [
        await porch.client.get(f"{base}/{end}")
        for end in (
            "hall",
            "hall-aaaaaaaa",
            f"lift-{good[-8:]}",
            "..%2f..%2fetc%2fpasswd",
            "s/AAAAAAAAAAAAAAAAAAAAAA",
        )
    ]
    answers += [
        await porch.client.get(f"http://127.0.0.1:{porch.parts._residents.port}{path}")
        for path in ("/", "/api/v1/status")
    ]
    limited = [(await porch.client.get(f"{base}/hall-aaaaaa{number:02}")).status_code for number in range(20, 34)]

    assert {each.status_code for each in answers} == {404}
    assert {each.text for each in answers} == {answers[0].text}
    assert limited[-1] == 429
    assert (await porch.client.get(good)).status_code == 200


async def test_a_label_that_is_out_of_use_says_so_politely_and_takes_nothing(porch: Porch) -> None:
    codes = porch.parts.desk.codes
    old, form = porch.address(), {**await porch.form(), "kind": "water"}
    await codes.renew("hall", by="Ben")
    again = [await porch.client.get(old), await porch.client.post(old, data=form)]
    fresh = await porch.client.get(porch.address())
    other = await porch.client.get(porch.address("lift"))
    await codes.close("hall", by="Ben")
    closed = await porch.client.get(porch.address(), headers={"accept-language": "zh"})
    newer = await porch.client.get(porch.address().replace("/hall-", "/hall-2-"))
    await codes.open("hall", by="Ana")
    link = await porch.report("water")

    assert old != porch.address()
    assert [each.status_code for each in again] == [410, 410]
    assert "a newer label at the same place" in again[0].text
    assert "the office, 030 1" in again[0].text
    assert "call 112" in again[0].text
    assert "hall" not in again[0].text.lower()
    assert (fresh.status_code, other.status_code) == (200, 200)
    assert closed.status_code == 410
    assert "此标签已停用" in closed.text
    assert newer.status_code == 404
    assert (await porch.client.get(link)).status_code == 200
    assert len(await porch.events()) == 1


async def test_which_code_works_is_known_again_after_a_restart(porch: Porch) -> None:
    await porch.parts.desk.codes.renew("hall", by="Ben")
    await porch.parts.desk.codes.renew("hall", by="Ben")
    await porch.parts.desk.codes.close("lift", by="Ana")
    key, settings = porch.parts._key, porch.parts._residents
    again = Codes(settings, porch.house.state, key, porch.house.clock.now)
    await again.load()

    assert again.address("hall") == porch.address("hall")
    assert again.find(porch.address("lift").rpartition("/")[2])[1] is Fits.CLOSED
    assert (again.of("lift").closed, again.of("lift").changed_by) == (True, "Ana")


def test_the_first_code_of_a_place_is_what_it_was_before_there_were_others() -> None:
    key = bytes(range(32))
    first = address_of(key, "https://h", "hall")
    codes = {address_of(key, "https://h", "hall", number) for number in range(100)}
    ends = [each.rpartition("/")[2] for each in sorted(codes)]

    assert first == "https://h/r/hall-e5i7eknu"
    assert len(codes) == 100
    assert sorted(number_in(key, end, most=99) or 0 for end in ends) == list(range(100))
    assert {number_in(key, end, most=49) for end in ends} == {None, *range(50)}


async def test_only_our_own_form_reports(porch: Porch) -> None:
    form = {**await porch.form(), "kind": "water"}
    other = await porch.form("lift")
    refused = [
        await porch.send({"kind": "water"}),
        await porch.send({**form, "form": "0" * 32 + "." + "A" * 16}),
        await porch.send({**form, "form": other["form"]}),
        await porch.send({**form, "form": form_token(b"another key of thirty-two bytes!", "hall")}),
        await porch.send({**form, "website": "https://spam.example"}),
        await porch.client.post(porch.address(), json=form),
        await porch.client.post(
            porch.address(),
            content=b"text=" + b"a" * 9000,
            headers={"content-type": "application/x-www-form-urlencoded"},
        ),
    ]
    put = await porch.client.put(porch.address(), data=form)

    assert [each.status_code for each in refused] == [400] * len(refused)
    assert put.status_code == 405
    assert await porch.events() == []


async def test_one_client_cannot_report_without_end_and_danger_is_heard_all_the_same(porch: Porch) -> None:
    form = await porch.form()
    sent = [
        (await porch.send({**(form if number % 2 else await porch.form()), "kind": "light"})).status_code
        for number in range(24)
    ]
    refused = await porch.send({**await porch.form(), "kind": "light"})
    danger = await porch.send({**await porch.form("lift"), "kind": "person-stuck"}, "lift")

    assert sent[:20] == [303] * 20
    assert sent[20:] == [429] * 4
    assert "the office, 030 1" in refused.text
    assert danger.status_code == 303


async def test_who_goes_in_the_middle_of_a_report_is_no_defect_of_the_page(
    porch: Porch, caplog: pytest.LogCaptureFixture
) -> None:
    port, path = porch.parts._residents.port, "/" + porch.address().split("/", 3)[3]
    refused = porch.parts.facts()["refused"]
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n"
        writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nkind=".encode())
        await writer.drain()
        writer.close()
        await porch.house.until(lambda: _is(porch.parts.facts()["refused"] != refused))

    assert caplog.records == []
    assert logs == []


async def test_what_the_journal_does_not_take_is_not_called_noted_and_is_not_lost(
    porch: Porch, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {**await porch.form(), "kind": "water", "text": "secret words"}

    async def full(_: list[Batch]) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(porch.parts.desk._journal, "append", full)
        failed = await porch.send(form)
    before = await porch.events()
    again = await porch.send(form)

    assert failed.status_code == 503
    assert "could not be noted" in failed.text
    assert "the office, 030 1" in failed.text
    assert "112" in failed.text
    assert before == []
    assert "secret words" not in str(logs)
    assert [each["event"] for each in logs] == ["resident_report_not_kept"]
    assert again.status_code == 303
    assert len(await porch.events()) == 1


async def test_what_was_written_goes_when_its_time_is_over(porch: Porch, tmp_path: Path) -> None:
    link = await porch.report("water", "a text that goes")
    await porch.judged()
    porch.house.clock.advance(89 * 86_400_000)
    kept = await porch.parts.desk.forget()
    porch.house.clock.advance(2 * 86_400_000)
    gone = await porch.parts.desk.forget()
    page = await porch.client.get(link)

    assert (kept, gone) == (0, 1)
    assert page.status_code == 404
    await porch.house.state.alone(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    assert b"a text that goes" not in (tmp_path / "state.db").read_bytes()
    assert b"a text that goes" not in (tmp_path / "journal.db").read_bytes()


async def test_a_flood_wakes_people_so_often_and_then_says_so_once(
    journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path
) -> None:
    async with on_the_porch(House(journal, state, clock), tmp_path, most=2) as porch:
        for kind in ("water", "light", "bins"):
            await porch.report(kind)
        await porch.report("lift-stuck", place="lift")
        listed = await porch.client.get(await porch.report("other", place="lift"))
        await porch.report("person-stuck", place="lift")
        alarms = await porch.judged()
        porch.house.clock.advance(3_700_000)
        await porch.report("bins")
        later = await porch.judged()

    assert sorted(each.rule for each in alarms) == [
        "resident-light",
        "resident-person-stuck",
        "resident-too-many",
        "resident-water",
    ]
    assert "Your report has been noted." in listed.text
    assert "resident-other" in {each.rule for each in later}


async def test_a_port_that_is_taken_is_told_once_and_stops_nothing(porch: Porch) -> None:
    told: list[str] = []
    host, _, port = porch.address().removeprefix("http://").partition("/")[0].partition(":")
    second = Listener(
        host, int(port), porch.parts._pages, failed=lambda *said: told.append(said[0]), served=told.append
    )
    task = asyncio.create_task(second.run())
    await porch.house.until(lambda: _is(told))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert told == [f"{host}:{port}"]
    assert not second.is_there
    assert (await porch.client.get(porch.address())).status_code == 200


async def _is(fact: object) -> bool:
    return bool(fact)
