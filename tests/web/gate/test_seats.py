"""Those who are told what happens: how long a session lives with that, and how many places anybody may have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from monitor.accounts.roles import Scope
from tests.clock import ManualClock
from tests.web.browsing import Browser, Front

LIVE = "/api/v1/live?topics=alarms"
READINGS = "/api/v1/devices/main/readings/stream"


@asynccontextmanager
async def told(browser: Browser, path: str = LIVE, **more: str) -> AsyncIterator[httpx.Response]:
    """Somebody who is told something that goes on."""
    request = browser.http.build_request("GET", f"{browser.origin}{path}", headers=more)
    answer = await browser.http.send(request, stream=True)
    try:
        yield answer
    finally:
        await answer.aclose()


async def test_what_an_open_page_loads_by_itself_does_not_keep_a_session_alive(
    here: Front, clock: ManualClock
) -> None:
    async with here.browser() as browser:
        await browser.sign_in("ana")
        clock.advance(3_000_000)
        used = await browser.get("/alarms")
        clock.advance(3_000_000)
        again = await browser.get("/alarms", headers={"x-background": "1"})
        async with told(browser) as live:
            told_of = live.status_code
        picture = await browser.get("/devices/main/trend.svg")
        clock.advance(1_000_000)
        later = await browser.get("/alarms?of=all")
        form = await browser.post("/alarms/undervoltage-1/acknowledge", {"csrf": "x"})
        script = await browser.get(LIVE)

    assert (used.status_code, again.status_code, told_of) == (200, 200, 200)
    assert picture.status_code != 303
    assert later.headers["location"] == "/login?next=%2Falarms%3Fof%3Dall"
    assert (form.status_code, form.headers["location"]) == (303, "/login")
    assert script.status_code == 401


@pytest.mark.parametrize("path", [LIVE, READINGS])
async def test_a_stream_ends_with_the_session_also_where_nothing_is_told(
    here: Front, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("monitor.web.gate._LOOK_S", 0.05)
    monkeypatch.setattr("monitor.web.livefeed._PACE", 0.02)
    async with here.browser() as browser:
        await browser.sign_in("ana")
        async with told(browser, path) as answer:
            await asyncio.sleep(0.2)
            before = here.accounts.session(browser.secret, is_used=False)
            clock.advance(3_700_000)
            async with asyncio.timeout(60):
                await answer.aread()

    assert before is not None
    assert answer.status_code == 200


async def test_a_person_has_so_many_places_and_others_have_theirs(
    here: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.seats.OF_ONE", 2)
    await here.add("ben")
    async with AsyncExitStack() as stack:
        ana, again, ben = [await stack.enter_async_context(here.browser()) for _ in range(3)]
        await ana.sign_in("ana")
        await again.sign_in("ana")
        await ben.sign_in("ben")
        first = await stack.enter_async_context(told(ana))
        second = await stack.enter_async_context(told(again, READINGS))
        refused = [await again.get(path) for path in (LIVE, READINGS)]
        other = await stack.enter_async_context(told(ben))
        page = await again.get("/alarms")
        await first.aclose()
        async with asyncio.timeout(60):
            while (await stack.enter_async_context(told(ana))).status_code != 200:  # noqa: ASYNC110 - over a port
                await asyncio.sleep(0.02)

    assert (second.status_code, other.status_code, page.status_code) == (200, 200, 200)
    for each in refused:
        assert each.status_code == 429
        assert each.headers["content-type"] == "application/problem+json"
        assert each.json()["detail"] == "you look at 2 things at once already: close one of them"
        assert int(each.headers["retry-after"]) > 0


async def test_where_all_places_are_taken_whoever_has_most_gives_his_oldest(
    here: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.seats.MOST", 3)
    for login in ("ben", "cid", "dan"):
        await here.add(login)
    async with AsyncExitStack() as stack:
        ana, ben, cid, dan = [await stack.enter_async_context(here.browser()) for _ in range(4)]
        for browser, login in ((ana, "ana"), (ben, "ben"), (cid, "cid"), (dan, "dan")):
            await browser.sign_in(login)
        oldest = await stack.enter_async_context(told(ana, READINGS))
        kept = [await stack.enter_async_context(told(each)) for each in (ana, ben, cid)]
        async with asyncio.timeout(60):
            rest = await oldest.aread()
        late = await dan.get(LIVE)

    assert [each.status_code for each in kept] == [200] * 3
    assert rest == b""
    assert (late.status_code, late.json()["detail"]) == (503, "3 look already: ask again later")


async def test_a_token_has_places_for_each_address_and_in_all(
    here: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.seats.OF_ONE", 1)
    monkeypatch.setattr("monitor.web.seats.OF_TOKEN", 2)
    headers = {"authorization": f"Bearer {await here.token(Scope.READ)}"}
    async with AsyncExitStack() as stack:
        programs = [
            await stack.enter_async_context(
                here.browser(headers=headers, transport=httpx.AsyncHTTPTransport(local_address=address))
            )
            for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        ]
        taken = [(await stack.enter_async_context(told(each))).status_code for each in programs[:2]]
        same, third = [await each.get(LIVE) for each in programs[1:]]

    assert taken == [200, 200]
    assert same.json()["detail"] == "this token looks at 1 things at once already: close one of them"
    assert third.json()["detail"] == "this token looks at 2 things at once already: close one of them"


async def test_nobody_has_more_than_his_part_answered_at_once(
    here: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.gate._AT_ONCE", 2)
    await here.add("ben")
    async with AsyncExitStack() as stack:
        ana, ben = [await stack.enter_async_context(here.browser()) for _ in range(2)]
        await ana.sign_in("ana")
        await ben.sign_in("ben")
        open_ones = [await stack.enter_async_context(told(ana)) for _ in range(2)]
        refused, other = await ana.get("/alarms"), await ben.get("/alarms")
        for each in open_ones:
            await each.aclose()
        async with asyncio.timeout(60):
            while (await ana.get("/alarms")).status_code != 200:  # noqa: ASYNC110 - over a port
                await asyncio.sleep(0.02)

    assert (refused.status_code, other.status_code) == (429, 200)
