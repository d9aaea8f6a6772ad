"""The pages behind links, over real HTTP, about alarms that the real engine keeps."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.alarms.commands import command
from monitor.alarms.store import list_alarms
from monitor.app.links import LinkParts, NoLinks, make_links
from monitor.causes import CAUSES
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notify.links import Claim, Purpose, sign
from monitor.web.linkwords import WORDS
from tests.alarms.household import House
from tests.clock import ManualClock
from tests.rules.build import START, event, reading
from tests.servers.ports import free_port
from tests.web.linkhouse import HOUR, Pages, files_of, house_with_links, running


@pytest.fixture
async def pages(journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Pages]:
    async with running(House(journal, state, clock), tmp_path) as pages:
        yield pages


async def test_only_the_button_acknowledges_and_whoever_fetches_does_nothing(pages: Pages) -> None:
    occurrence = await pages.alarm()
    link = pages.parts.sign(occurrence, "ana")
    token = link.rpartition("/")[2]
    scanned = [
        await pages.client.get(link, headers={"sec-purpose": "prefetch", "user-agent": "SafeLinks"}),
        await pages.client.head(link),
        await pages.client.post(link),
        await pages.client.post(link, content=b"token=" + token.encode()),
        await pages.client.post(link, data={"token": token[::-1]}),
        await pages.client.post(link, json={"token": token}),
        await pages.client.put(link),
        await pages.client.request("OPTIONS", link),
    ]
    before = await pages.acknowledged()
    pressed = await pages.press(link)
    after = await pages.acknowledged()
    await pages.house.say(reading(2000, 199.0), at=2000)
    await pages.house.applied()
    alarm = await pages.house.only()
    again = await pages.client.get(link)

    assert [each.status_code for each in scanned] == [200, 200, 400, 400, 400, 400, 405, 405]
    assert before == []
    assert pressed.status_code == 200
    assert "You have acknowledged this alarm, Ana." in pressed.text
    assert [(each.by, each.target) for each in after] == [("Ana, by link", occurrence)]
    assert (alarm.response, alarm.acknowledged_by) == ("acked", "Ana, by link")
    assert "Acknowledged by Ana, by link at 2026-11-" in again.text
    assert "<form" not in again.text


async def test_the_page_says_what_is_wrong_and_shows_text_as_text(pages: Pages) -> None:
    link = pages.parts.sign(await pages.alarm(), "ana")
    page = (await pages.client.get(link)).text

    assert '<html lang="en">' in page
    assert "<h1>Undervoltage: Main meter</h1>" in page
    for said in ("Main meter (meter), building A", "200 V (limit 207 V)", "goes on", "Maple Court"):
        assert said in page
    assert "Check the &lt;main&gt; breaker &amp; call." in page
    assert page.count("<button") == 1
    assert "<script" not in page


async def test_the_page_says_who_sees_to_it_and_what_it_was_the_last_time(pages: Pages) -> None:
    await pages.alarm()
    (first,) = await list_alarms(pages.house.state)
    await pages.house.say(reading(2000, 230.0), at=2000)
    closing = {"cause": "replaced"}
    await pages.house.say(
        command("close_case", first.occurrence, by="ana", reason="New <valve>.", now=START, arguments=closing),
        at=3000,
    )
    await pages.house.say(reading(4000, 200.0), at=4000)
    (again,) = [each for each in await list_alarms(pages.house.state) if each.active]
    given = command("assign", again.occurrence, by="x", reason="", now=START, arguments={"person": "li"})
    await pages.house.say(given, at=5000)
    await pages.house.applied()
    english = (await pages.client.get(pages.parts.sign(again.occurrence, "ana"))).text
    chinese = (await pages.client.get(pages.parts.sign(again.occurrence, "li"))).text

    assert "<dt>Assigned to</dt><dd>李伟</dd>" in english
    assert "number 2 within seven days; the last at 2026-11-22 21:15:23 CET" in english
    assert "a part or a device, replaced (New &lt;valve&gt;.)" in english
    assert CAUSES["replaced"][1] in chinese


async def test_behind_a_proxy_each_client_has_an_allowance_of_its_own(pages: Pages) -> None:
    base = pages.parts.sign(await pages.alarm(), "ana").rpartition("/")[0]

    async def guess(client: str) -> int:
        return (await pages.client.get(f"{base}/guess", headers={"x-forwarded-for": client})).status_code

    of_one = [await guess("192.0.2.1") for _ in range(20)]
    of_a_household = [await guess(f"2001:db8::{number}") for number in range(20)]
    of_another = await guess("192.0.2.2")

    assert (of_one[0], of_one[-1]) == (404, 429)
    assert (of_a_household[0], of_a_household[-1]) == (404, 429)
    assert of_another == 404


async def test_the_page_is_in_the_language_of_its_person(pages: Pages) -> None:
    link = pages.parts.sign(await pages.alarm(), "li")
    page = (await pages.client.get(link)).text
    pressed = await pages.press(link)

    assert '<html lang="zh-Hans">' in page
    assert WORDS["zh"]["button"] in page
    assert WORDS["zh"]["done"].format("李伟") in pressed.text
    assert [each.by for each in await pages.acknowledged()] == ["李伟, by link"]


async def test_all_answers_keep_to_themselves(pages: Pages) -> None:
    link = pages.parts.sign(await pages.alarm(), "ana")
    root = link.partition("/fm/")[0]
    for answer in (
        await pages.client.get(link),
        await pages.client.post(link),
        await pages.client.get(f"{root}/a/none"),
        await pages.client.get(f"{root}/anything"),
        await pages.client.put(link),
    ):
        said = answer.headers
        assert said["cache-control"] == "no-store"
        assert "default-src 'none'" in said["content-security-policy"]
        assert "frame-ancestors 'none'" in said["content-security-policy"]
        assert (said["referrer-policy"], said["x-frame-options"]) == ("no-referrer", "DENY")
        assert "noindex" in said["x-robots-tag"]
        assert "server" not in said


async def test_what_is_no_link_looks_the_same_whatever_is_behind_it(pages: Pages, tmp_path: Path) -> None:
    occurrence = await pages.alarm()
    link = pages.parts.sign(occurrence, "ana")
    base, _, token = link.rpartition("/")
    key = (tmp_path / "links.key").read_bytes()
    claim = Claim(purpose=Purpose.ACKNOWLEDGE, occurrence="0" * 16, person="ana", expires=START + HOUR)
    wrong = [
        f"{base}/{token[:20]}{'A' if token[20] != 'A' else 'B'}{token[21:]}",
        f"{base}/{sign(b'x' * 32, claim)}",
        f"{base}/{sign(key, claim)}",  # signed, and the alarm is forgotten
        f"{base}/{sign(key, replace(claim, occurrence=occurrence, person='gone'))}",
        f"{base}/..%2f..%2fetc%2fpasswd",
        f"{base}/{token}/",
        f"{base}/",
    ]
    found = [await pages.client.get(each) for each in wrong]
    posted = await pages.client.post(wrong[0], data={"token": wrong[0].rpartition("/")[2]})

    assert {(each.status_code, each.text) for each in found} == {(404, found[0].text)}
    assert posted.status_code == 404
    assert await pages.acknowledged() == []
    assert pages.parts.facts()["refused"] == 5


async def test_a_link_that_is_too_old_shows_how_things_stand_and_does_nothing(pages: Pages) -> None:
    occurrence = await pages.alarm()
    link = pages.parts.sign(occurrence, "ana")
    token = link.rpartition("/")[2]
    pages.house.clock.advance(24 * HOUR)
    opened = await pages.client.get(link)
    pressed = await pages.client.post(link, data={"token": token})

    assert (opened.status_code, pressed.status_code) == (200, 410)
    assert "too old" in pressed.text
    assert f"facility-monitor alarms ack {occurrence}" in pressed.text
    assert "<form" not in opened.text
    assert await pages.acknowledged() == []


async def test_pressing_twice_at_once_is_one_acknowledgement(pages: Pages) -> None:
    link = pages.parts.sign(await pages.alarm(), "ana")
    token = link.rpartition("/")[2]
    answers = await asyncio.gather(*(pages.client.post(link, data={"token": token}) for _ in range(5)))

    assert {each.status_code for each in answers} == {200}
    assert len(await pages.acknowledged()) == 1
    assert pages.parts.facts()["used"] == 1


async def test_an_alarm_that_got_worse_is_acknowledged_again(pages: Pages) -> None:
    """What was kept and not judged stands only for the alarm as it was then."""
    link = pages.parts.sign(await pages.alarm(), "ana")
    first = await pages.press(link)
    await pages.house.say(reading(2000, 210.0), at=2000)
    await pages.house.say(reading(4000, 200.0), at=4000)
    await pages.house.applied()
    (newer,) = [each for each in await list_alarms(pages.house.state) if each.response == "unacked"]
    second = await pages.press(pages.parts.sign(newer.occurrence, "ana"))

    assert (first.status_code, second.status_code) == (200, 200)
    assert len(await pages.acknowledged()) == 2


async def test_a_latched_alarm_is_reset_only_by_who_was_told_so(pages: Pages) -> None:
    await pages.house.say(reading(0, value=True, point="alarm", id="sensor"), at=0)
    link = pages.parts.sign((await pages.house.only()).occurrence, "ana")
    token = link.rpartition("/")[2]
    seen_before = await pages.client.get(link)
    await pages.house.say(reading(2000, value=False, point="alarm", id="sensor"), at=2000)
    await pages.house.applied()
    unaware = await pages.client.post(link, data={"token": token, "resets": "0"})
    kept = await pages.acknowledged()
    aware = await pages.press(link)

    assert "I take care" in seen_before.text
    assert "look at the place first" in unaware.text
    assert "I have looked: reset" in unaware.text
    assert kept == []
    assert "Done." in aware.text
    assert len(await pages.acknowledged()) == 1


async def test_who_guesses_is_slowed_down_and_keeps_nobody_out(pages: Pages) -> None:
    link = pages.parts.sign(await pages.alarm(), "ana")
    base = link.rpartition("/")[0]
    counted = Counter([(await pages.client.get(f"{base}/guess-{number}")).status_code for number in range(40)])
    pressed = await pages.press(link)

    assert counted[404] in range(10, 15)
    assert counted[429] == 40 - counted[404]
    assert pressed.status_code == 200


async def test_bodies_are_bounded(pages: Pages) -> None:
    link = pages.parts.sign(await pages.alarm(), "ana")
    token = link.rpartition("/")[2]
    large = await pages.client.post(link, data={"token": token, "more": "x" * 5000})

    assert large.status_code == 400
    assert await pages.acknowledged() == []


@pytest.mark.fault(
    "second monitor, or port taken",
    part="web and commands",
    outcome="A port of the links that is taken is told, messages go out without links, and nothing ends.",
)
async def test_a_port_that_is_taken_is_told_and_messages_have_no_links(
    journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path
) -> None:
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with capture_logs() as logs:
        parts = make_links(house_with_links(port), tmp_path, files_of(House(journal, state, clock)), clock.now)
        assert isinstance(parts, LinkParts)
        task = asyncio.create_task(parts.run())
        async with asyncio.timeout(60):
            while not logs:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.01)
        link = parts.sign("0123456789abcdef", "ana")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    taken.close()
    await taken.wait_closed()

    assert [(log["event"], log["address"]) for log in logs] == [("links_not_served", f"127.0.0.1:{port}")]
    assert link == ""


async def test_a_key_that_others_can_read_signs_nothing(
    journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path
) -> None:
    (tmp_path / "links.key").write_bytes(b"k" * 32)
    (tmp_path / "links.key").chmod(0o644)
    with capture_logs() as logs:
        parts = make_links(
            house_with_links(free_port()), tmp_path, files_of(House(journal, state, clock)), clock.now
        )

    assert isinstance(parts, NoLinks)
    assert [log["event"] for log in logs] == ["links_not_served"]
    assert "chmod 600" in logs[0]["error"]


async def test_the_key_is_made_once_and_links_outlive_a_restart(
    journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path
) -> None:
    house = House(journal, state, clock)
    async with running(house, tmp_path) as pages:
        token = pages.parts.sign(await pages.alarm(), "ana").rpartition("/")[2]
    key = tmp_path / "links.key"
    mode = key.stat().st_mode & 0o777
    async with running(house, tmp_path) as pages:
        pressed = await pages.press(pages.parts.sign("x", "ana").rpartition("/")[0] + "/" + token)

    assert mode == 0o600
    assert pressed.status_code == 200


async def test_an_event_waits_for_its_acknowledgement(pages: Pages) -> None:
    await pages.house.say(event(0, "forced"), at=0)
    link = pages.parts.sign((await pages.house.only()).occurrence, "ana")
    page = (await pages.client.get(link)).text
    pressed = await pages.press(link)

    assert "happened once" in page
    assert "Done." in pressed.text


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for key, words in WORDS["en"].items():
        assert words.count("{}") == WORDS["zh"][key].count("{}"), key
