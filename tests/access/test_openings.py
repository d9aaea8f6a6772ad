"""Which openings are forced: the table of cases, in virtual time."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from monitor.access.machine import Machine
from monitor.model import Entry, Event, Origin, Position, Quality, Recorded
from monitor.site import Site
from tests.access.sites import card, device, happened, said, site

T = 1_795_378_523_000
CLOSED = said("front", T - 60_000, open=False)


def judge(*entries: Entry | tuple[int, Entry], of: Site | None = None) -> list[tuple[str, int]]:
    """What is forced, as (device, time from T). Entries are recorded at their own time or at (offset, entry).

    After each entry everything is kept and loaded anew: a restart at any place changes nothing.
    """
    kept: dict[str, str] = {}
    forced: list[Entry] = []
    stamp = 0
    openings = Machine(of or site())
    for number, given in enumerate(entries):
        offset, entry = given if isinstance(given, tuple) else (given.time - T, given)
        stamp = max(stamp, T + offset)
        forced += openings.handle(Recorded(Position(number), stamp, entry))
        for key, body in openings.changes().items():
            if body is None:
                kept.pop(key, None)
            else:
                kept[key] = json.dumps(body)
        openings = Machine(of or site())
        openings.load((key, json.loads(body)) for key, body in kept.items())
    forced += openings.tick(stamp + 2001)
    return [(event.device, event.time - T) for event in forced_of(forced)]


def forced_of(told: Sequence[Entry]) -> list[Event]:
    return [entry for entry in told if isinstance(entry, Event) and entry.kind == "forced"]


def opens(after: int = 0) -> Entry:
    return said("front", T + after, open=True)


def test_an_opening_without_a_reason_is_forced() -> None:
    assert judge(CLOSED, opens()) == [("front", 0)]


@pytest.mark.parametrize(
    "reason",
    [
        card(T - 3000),
        card(T - 3000, "front"),
        happened("rex", T - 3000, "front-button"),
        said("front-button", T - 3000, rex=True),
        said("front-lock", T - 3000, locked=False),
        said("front", T - 3000, locked=False),
    ],
    ids=["card", "card at the contact itself", "rex event", "rex point", "lock", "lock in the contact"],
)
def test_each_reason_allows_an_opening(reason: Entry) -> None:
    assert judge(CLOSED, reason, opens()) == []


@pytest.mark.parametrize(
    "no_reason",
    [
        card(T - 3000, result="denied"),
        card(T - 3000, "back"),
        happened("rex", T - 3000, "back"),
        happened("tamper", T - 3000, "front-reader"),
        said("front-lock", T - 3000, locked=True),
        said("front-button", T - 3000, rex=False),
        replace(said("front-lock", T - 3000, locked=False), quality=Quality.SUSPECT),
        said("front-button", T - 3000, Origin.RETAINED, rex=True),
    ],
)
def test_what_is_no_reason_allows_nothing(no_reason: Entry) -> None:
    assert judge(CLOSED, no_reason, opens()) == [("front", 0)]


@pytest.mark.parametrize(("before", "forced"), [(0, False), (6999, False), (7000, False), (7001, True)])
def test_a_card_allows_the_unlock_pulse_and_two_seconds(before: int, *, forced: bool) -> None:
    assert bool(judge(CLOSED, card(T - before), opens())) is forced


def test_the_unlock_pulse_is_the_sites() -> None:
    assert judge(CLOSED, card(T - 20_000), opens(), of=site(unlock_pulse=20)) == []


@pytest.mark.parametrize(("ahead", "forced"), [(1, False), (2000, False), (2001, True)])
def test_a_readers_clock_may_be_two_seconds_ahead(ahead: int, *, forced: bool) -> None:
    assert bool(judge(CLOSED, opens(), (100, card(T + ahead)))) is forced


@pytest.mark.parametrize(("wait", "forced"), [(1, False), (2000, False), (2001, True)])
def test_a_card_may_be_recorded_two_seconds_after_the_opening(wait: int, *, forced: bool) -> None:
    assert bool(judge(CLOSED, opens(), (wait, card(T - 1000)))) is forced


def test_a_forced_door_is_told_two_seconds_after_it_was_recorded() -> None:
    openings = Machine(site())
    openings.handle(Recorded(Position(1), T, CLOSED))
    openings.handle(Recorded(Position(2), T, opens()))

    assert openings.tick(T + 2000) == []
    assert [event.id for event in forced_of(openings.tick(T + 2001))] == [f"forced-{T}"]
    assert openings.tick(T + 9999) == []


def test_the_event_says_which_door() -> None:
    contacts = site(device("contact-7", door="lobby"))
    openings = Machine(contacts)
    openings.handle(Recorded(Position(1), T, said("contact-7", T - 9, open=False)))
    openings.handle(Recorded(Position(2), T, said("contact-7", T, open=True)))

    assert forced_of(openings.tick(T + 2001)) == [
        Event(device="contact-7", kind="forced", time=T, arrived=T, id=f"forced-{T}", attributes={"door": "lobby"})
    ]


def test_an_unlocked_door_may_be_opened_for_as_long_as_it_is_unlocked() -> None:
    unlocked = said("front-lock", T - 3_600_000, locked=False)
    locked = said("front-lock", T - 10_000, locked=True)

    assert judge(CLOSED, unlocked, opens()) == []
    assert judge(unlocked, CLOSED, locked, opens()) == [("front", 0)]
    assert judge(unlocked, CLOSED, replace(locked, time=T - 1000), opens()) == []


# What is known of the contact --------------------------------------------------------------------------


def test_the_first_reading_of_an_open_door_is_not_an_opening() -> None:
    assert judge(opens()) == []
    assert judge(opens(), said("front", T + 9000, open=False), opens(20_000)) == [("front", 20_000)]


def test_a_door_that_stays_open_is_told_once() -> None:
    assert judge(CLOSED, *(opens(after) for after in range(0, 60_000, 5000))) == [("front", 0)]


def test_bounces_within_two_seconds_are_one_opening() -> None:
    bouncing = [said("front", T + ms, open=bool(number % 2 == 0)) for number, ms in enumerate(range(0, 3000, 300))]

    assert judge(CLOSED, *bouncing) == [("front", 0)]


def test_an_allowed_door_that_bounces_is_not_forced() -> None:
    shut = said("front", T + 20_000, open=False)

    assert judge(CLOSED, card(T - 1000), opens(), shut, opens(21_500)) == []
    assert judge(CLOSED, card(T - 1000), opens(), shut, opens(22_500)) == [("front", 22_500)]


def test_an_opening_told_as_an_event_is_judged_alike() -> None:
    assert judge(happened("opened", T, "back")) == [("back", 0)]
    assert judge(card(T - 1000), happened("opened", T, "front")) == []
    assert judge(happened("opened", T, "back"), happened("opened", T, "back")) == [("back", 0)]
    assert judge(CLOSED, happened("opened", T, "front"), opens()) == [("front", 0)]
    both = [
        happened("opened", T, "back"),
        happened("closed", T + 9000, "back"),
        happened("opened", T + 20_000, "back"),
    ]
    assert judge(*both) == [("back", 0), ("back", 20_000)]


def test_a_retained_reading_says_what_is_but_not_when_it_came_to_be() -> None:
    retained = said("front", T, Origin.RETAINED, open=True)

    assert judge(CLOSED, retained) == []
    assert judge(CLOSED, retained, said("front", T + 5000, open=False), opens(9000)) == [("front", 9000)]


def test_a_reading_of_doubtful_quality_changes_nothing() -> None:
    assert judge(CLOSED, replace(said("front", T, open=True), quality=Quality.SUSPECT)) == []


def test_a_device_that_is_no_door_is_not_judged() -> None:
    assert judge(said("meter", T - 9000, open=False), said("meter", T, open=True)) == []
    assert judge(said("unknown", T - 9000, open=False), said("unknown", T, open=True)) == []


# Late and polled ---------------------------------------------------------------------------------------


def test_a_late_opening_is_judged_by_its_own_time() -> None:
    ago = 3_600_000
    opened = said("front", T - ago, late=True, open=True)
    shut = said("front", T - ago - 60_000, late=True, open=False)

    assert judge((0, shut), (0, opened)) == [("front", -ago)]
    assert judge((0, shut), (0, card(T - ago - 1000)), (0, opened)) == []
    assert judge((0, shut), (0, opened), (500, card(T - ago - 1000))) == []
    assert judge((0, shut), (0, card(T)), (0, opened)) == [("front", -ago)]


def test_history_delivered_after_the_present_is_judged_and_leaves_the_present_alone() -> None:
    now = said("front", T, open=False)
    shut = said("front", T - 90_000, Origin.BACKFILL, open=False)
    opened = said("front", T - 80_000, Origin.BACKFILL, open=True)

    assert judge(now, (0, shut), (0, opened)) == [("front", -80_000)]
    assert judge(now, (0, shut), (0, opened), (9000, opens(9000))) == [("front", -80_000), ("front", 9000)]


def _polled(time: int, *, is_open: bool) -> Entry:
    return said("front", T + time, Origin.POLL, open=is_open)


def test_a_polled_door_may_have_opened_at_any_time_since_the_last_poll() -> None:
    doors = site(device("front", every=30), device("front-reader", "access", "front"))
    before, after = _polled(-30_000, is_open=False), _polled(0, is_open=True)

    assert judge(before, card(T - 25_000), after, of=doors) == []
    assert judge(before, card(T - 40_000), after, of=doors) == [("front", 0)]


def test_a_polled_door_that_was_not_watched_is_not_judged() -> None:
    doors = site(device("front", every=30))

    assert judge(_polled(-90_001, is_open=False), _polled(0, is_open=True), of=doors) == []
    assert judge(_polled(-90_000, is_open=False), _polled(0, is_open=True), of=doors) == [("front", 0)]


def test_after_lost_entries_an_open_door_is_not_judged() -> None:
    openings = Machine(site())
    openings.handle(Recorded(Position(1), T, CLOSED))
    openings.handle(Recorded(Position(2), T, said("back", T, open=False)))
    openings.handle(Recorded(Position(3), T, said("back", T + 1, open=True)))
    openings.forget()
    openings.handle(Recorded(Position(9), T, opens()))

    assert openings.tick(T + 9000) == []


# Which door a device belongs to ------------------------------------------------------------------------


def test_devices_meet_at_the_door_they_name_even_through_each_other() -> None:
    named = site(device("contact", door="lobby"), device("reader", "access", "contact"))
    circle = site(device("contact", door="reader"), device("reader", "access", "contact"))
    shut, opened = said("contact", T - 9000, open=False), said("contact", T, open=True)

    assert judge(shut, card(T - 1000, "reader"), opened, of=named) == []
    assert judge(shut, opened, of=circle) == [("contact", 0)]
