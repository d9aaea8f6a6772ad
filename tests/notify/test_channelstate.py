"""What is kept of channels: how they do, and how fast they are."""

from monitor.journal.state import State
from monitor.notices import NoticeKind
from monitor.notify import channelstate
from tests.clock import ManualClock
from tests.notify.house import MINUTE, NOW, site
from tests.notify.notifying import House, hooked, reach, running, seen_again, settle, until
from tests.servers.http import WebServer


async def test_how_a_channel_does_is_kept_and_survives_a_restart(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.answers = [200, 503, 503]
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier, "sent")
        clock.advance(MINUTE)
        await house.tell(NoticeKind.RAISE, occurrence="o2")
        await reach(notifier, "sent", "failed")
        clock.advance(6_000)
        await until(notifier, lambda: _requests(web, 3))
        await seen_again(notifier)

    (row,) = await state.query(channelstate.STATES)
    assert (row["last_success"], row["last_failure"], row["failures"], row["refused"]) == (
        NOW,
        NOW + MINUTE + 6_000,
        2,
        0,
    )
    assert row["last_error"] == "HTTP 503 Service Unavailable"
    assert not channelstate.is_failing(row)
    house.site = site(hooked(web, "ben"))
    async with running(house.notifier()) as notifier:
        await seen_again(notifier)
    assert await state.query(channelstate.STATES) == []


async def test_a_channel_that_refuses_for_good_fails_until_it_takes_something(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    web.answers = [401]
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        await settle(notifier, "dead")
        (refused,) = await state.query(channelstate.STATES)
        await house.tell(NoticeKind.RAISE, occurrence="o2")
        await reach(notifier, "dead", "sent")

    (works,) = await state.query(channelstate.STATES)
    assert (channelstate.is_failing(refused), channelstate.is_failing(works)) == (True, False)


async def test_what_an_attempt_took_and_when_it_began_is_beside_the_message(
    state: State, clock: ManualClock, web: WebServer
) -> None:
    house = House(state, clock, site(hooked(web, "ana")))
    await house.tell(NoticeKind.RAISE)
    async with running(house.notifier()) as notifier:
        (row,) = await settle(notifier, "sent")

    assert row["tried_at"] == NOW
    assert 0 <= row["took"] < 60_000


def test_quantiles_are_those_of_what_was_seen() -> None:
    assert channelstate.quantiles([]) == (None, None)
    assert channelstate.quantiles([500]) == (0.5, 0.5)
    assert channelstate.quantiles(list(range(100, 2100, 100))) == (1.0, 1.9)


async def _requests(web: WebServer, count: int) -> bool:
    return len(web.requests) >= count


async def test_a_year_of_messages_is_not_read_to_know_how_fast_they_were(state: State) -> None:
    plan = await state.query(
        f"EXPLAIN QUERY PLAN {channelstate.LATENCIES}", {"person": "ana", "channel": "hook", "since": NOW}
    )

    assert [row["detail"] for row in plan] == [
        "SEARCH outbox USING INDEX outbox_lane (person=? AND channel=? AND sent_at>?)"
    ]
