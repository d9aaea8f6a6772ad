"""The daily self-test of channels: who is tried when, and what a test that fails says of its channel."""

from dataclasses import replace
from datetime import datetime

import pytest

from monitor.calendars import Hours, Schedule
from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify import channelstate, selftest
from monitor.site import Site
from monitor.staff import Person, Quiet, SelfTest
from tests.clock import ManualClock
from tests.notify.house import MINUTE, person, site
from tests.notify.notifying import House, hooked, running, seen_again, settle
from tests.servers.http import WebServer

HOUR = 60 * MINUTE
DAY = 24 * HOUR


def with_self_test(*people: Person) -> Site:
    settings = site(*people)
    return replace(settings, notify=replace(settings.notify, self_test=SelfTest(minute=600)))


def at(settings: Site, hour: int, minute: int = 0) -> int:
    """UTC ms of a local time of a day of the site."""
    return round(datetime(2026, 11, 24, hour, minute, tzinfo=settings.timezone).timestamp() * 1000)


async def put(state: State, settings: Site, now: int) -> int:
    return await state.transact(lambda db: selftest.put_due(db, settings, now))


async def test_each_channel_is_tried_once_a_day_from_the_minute_on(state: State) -> None:
    settings = with_self_test(
        person("ana", hook="json://host", mail="mailto://host"), person("ben", hook="json://host")
    )

    assert await put(state, settings, at(settings, 9, 59)) == 0
    assert await put(state, settings, at(settings, 10)) == 3
    assert await put(state, settings, at(settings, 10, 1)) == 0
    assert await put(state, settings, at(settings, 23)) == 0
    assert await put(state, settings, at(settings, 10) + DAY) == 3


async def test_a_start_late_in_the_day_leaves_none_out(state: State) -> None:
    settings = with_self_test(person("ana", hook="json://host"))

    assert await put(state, settings, at(settings, 22)) == 1


async def test_nobody_is_tried_without_the_setting(state: State) -> None:
    settings = site(person("ana", hook="json://host"))

    assert await put(state, settings, at(settings, 10)) == 0


async def test_nobody_is_tried_in_their_quiet_hours_but_after_them(state: State) -> None:
    night_shift = Quiet(hours=Schedule(hours=(Hours(days=frozenset(), spans=((8 * 60, 14 * 60),)),)))
    settings = with_self_test(replace(person("ana", hook="json://host"), quiet=night_shift))

    assert await put(state, settings, at(settings, 13, 59)) == 0
    assert await put(state, settings, at(settings, 14)) == 1


async def test_what_has_carried_something_within_a_day_is_not_tried(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    settings = with_self_test(hooked(web, "ana"), hooked(web, "ben"))
    clock.time = at(settings, 8)
    house = House(state, clock, settings)
    await house.tell(NoticeKind.RAISE, raised_at=clock.time)
    await state.transact(lambda db: db.execute("DELETE FROM outbox WHERE person = 'ben'"))

    async with running(house.notifier()) as notifier:
        await settle(notifier, "sent")
        clock.advance(2 * HOUR)
        found = await settle(notifier, "sent")
        await seen_again(notifier)
        found = await settle(notifier, "sent")

    assert [(row["kind"], row["person"]) for row in found] == [("raise", "ana"), ("self_test", "ben")]


@pytest.mark.fault(
    "mail server away",
    part="notifications",
    outcome="A channel that carried nothing for a day is tried, so that it does not fail when it is needed.",
)
async def test_a_test_that_fails_makes_its_channel_a_failing_one_and_one_that_passes_its_proof(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.answers = [404]
    settings = with_self_test(hooked(web, "ana"))
    clock.time = at(settings, 10)
    house = House(state, clock, settings)

    async with running(house.notifier()) as notifier:
        await settle(notifier, "dead")
        (failed,) = await state.query(channelstate.STATES)
        clock.advance(DAY)
        await seen_again(notifier)
        await settle(notifier, "dead", "sent")
        await seen_again(notifier)
        found = await settle(notifier, "dead", "sent")

    (passed,) = await state.query(channelstate.STATES)
    assert [row["state"] for row in found] == ["dead", "sent"]
    assert (channelstate.is_failing(failed), failed["tested_at"]) == (True, at(settings, 10))
    assert (channelstate.is_failing(passed), passed["tested_at"]) == (False, at(settings, 10) + DAY)
    (request,) = web.taken
    assert request.json()["title"] == "[TEST] Messages from Maple Court reach you"
    assert "there is nothing to do." in request.json()["message"]


async def test_the_test_is_told_in_the_persons_language(state: State, clock: ManualClock, web: WebServer) -> None:
    settings = with_self_test(replace(hooked(web, "ana"), language="zh"))
    clock.time = at(settings, 10)

    async with running(House(state, clock, settings).notifier()) as notifier:
        await seen_again(notifier)
        await settle(notifier, "sent")

    assert web.taken[0].json()["title"].startswith("【测试】")


async def test_a_test_is_not_tried_on_into_the_quiet_hours_of_its_person(state: State) -> None:
    night = Quiet(hours=Schedule(hours=(Hours(spans=((11 * 60, 14 * 60),)),)))
    settings = with_self_test(
        replace(person("ana", hook="json://host"), quiet=night), person("ben", hook="json://host")
    )
    await put(state, settings, at(settings, 10))

    expires = {row["person"]: row["expires"] for row in await state.query("SELECT * FROM outbox")}
    assert expires == {"ana": at(settings, 11), "ben": at(settings, 12)}


@pytest.mark.parametrize(
    ("seen", "tested"),
    [
        pytest.param(-DAY + 40_000, 1, id="the test of yesterday took its time"),
        pytest.param(-DAY + 2 * HOUR, 0, id="something was carried since"),
        pytest.param(9 * 365 * DAY, 1, id="by a clock that was wrong"),
    ],
)
async def test_what_a_channel_carried_counts_for_a_day(state: State, seen: int, tested: int) -> None:
    settings = with_self_test(person("ana", hook="json://host"))
    now = at(settings, 10)
    await state.transact(
        lambda db: db.execute(
            "INSERT INTO channel_state (person, channel, last_success) VALUES ('ana', 'hook', ?)", (now + seen,)
        )
    )

    assert await put(state, settings, now) == tested
