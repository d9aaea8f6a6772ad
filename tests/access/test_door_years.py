"""Doors in years of careless use: what is rebuilt, held pressed, delivered late by the thousand."""

import json
from dataclasses import replace
from typing import Any

import pytest

from monitor.access.machine import Machine
from monitor.model import Event, Position, Recorded
from monitor.site import Site
from tests.access.doorstories import CLOSED, Story, T, hours, opens, shown, shuts
from tests.access.sites import card, device, happened, said, site


def _rebuilt(story: Story, of: Site) -> Story:
    """The monitor is started anew, with another site file."""
    kept: dict[str, Any] = json.loads(json.dumps(story.machine.changes()))
    again = Story(of)
    again.machine.load((key, body) for key, body in kept.items() if body is not None)
    again.stamp, again.position = story.stamp, story.position
    return again


def test_a_lock_that_was_taken_from_a_door_does_not_leave_it_unlocked_for_ever() -> None:
    story = Story()(CLOSED, said("front-lock", T - 40_000, locked=False))
    without = site(device("front"), device("front-reader", "access", "front"), device("meter", "electricity"))

    assert [kind for kind, _, _ in _rebuilt(story, without)(opens(0)).told("forced")] == ["forced"]


def test_a_contact_that_was_taken_from_a_door_does_not_leave_it_open_for_ever() -> None:
    two = site(device("front"), device("leaf", door="front"), device("meter", "electricity"))
    story = Story(two)(CLOSED, said("leaf", T - 50_000, open=False), said("leaf", T - 40_000, open=True))
    story.wait(-30_000)
    moved = site(device("front"), device("leaf"), device("meter", "electricity"))
    again = _rebuilt(story, moved)

    assert [kind for kind, _, _ in again.told("held")] == []
    assert {door.door: door.state for door in again.machine.doors()} == {"front": "closed", "leaf": "unknown"}


def test_a_reader_that_told_of_forced_doors_and_is_gone_leaves_that_to_the_monitor() -> None:
    story = Story()(CLOSED, happened("forced", T - 40_000, "front-reader"))

    assert [kind for kind, _, _ in _rebuilt(story, site())(opens(0)).told("forced")] == ["forced"]


def test_a_reader_that_still_tells_of_forced_doors_is_believed_after_a_restart() -> None:
    teller = replace(device("front-reader", "access", "front"), events=(_Kind("forced"),))
    of = site(device("front"), teller, device("meter", "electricity"))
    story = Story(of)(CLOSED, happened("forced", T - 40_000, "front-reader"))

    assert _rebuilt(story, of)(opens(0)).told("forced") == []


class _Kind:
    def __init__(self, kind: str) -> None:
        self.kind = kind


def test_hours_that_were_changed_in_the_site_file_hold_from_the_start() -> None:
    story = Story(hours((480, 1080)))(CLOSED)
    assert story.door().state == "unlocked"

    assert _rebuilt(story, hours((840, 1080)))(shuts(1000)).door().state == "closed"


def test_an_exit_button_that_never_says_that_it_is_let_go_allows_its_pulse_only() -> None:
    story = Story()(CLOSED, said("front-button", T, rex=True), opens(60_000))

    assert [words["cause"] for _, _, words in story.told("opened")] == ["none"]


def test_an_exit_button_that_is_stuck_does_not_allow_everything_for_ever() -> None:
    story = Story()(
        CLOSED, said("front-button", T - 50_000, rex=False), said("front-button", T, rex=True), opens(660_000)
    )

    assert [words["cause"] for _, _, words in story.told("opened")] == ["none"]


def test_a_backlog_of_cards_does_not_push_out_the_card_that_opens_now() -> None:
    late = [replace(card(T - 86_400_000 + number * 1000), arrived=T) for number in range(500)]
    story = Story()(CLOSED, shown(-1000))
    for each in late:
        story.leap(0, each)
    story(opens(500))

    assert [words["cause"] for _, _, words in story.told("opened")] == ["card"]


def test_a_backlog_of_cards_explains_the_openings_of_its_time() -> None:
    story = Story()(CLOSED)
    day = T - 86_400_000
    cards = [replace(card(day + number * 20_000), arrived=T) for number in range(300)]
    doors = [
        replace(said("front", day + number * 20_000 + after, late=True, open=is_open), arrived=T)
        for number in range(300)
        for after, is_open in ((1000, True), (5000, False))
    ]
    for each in (*cards, *doors):
        story.leap(100, each)

    assert len(story.told("forced")) == 0


def test_an_exit_button_that_is_held_pressed_allows_for_as_long() -> None:
    story = Story()(
        CLOSED,
        said("front-button", T - 50_000, rex=False),
        said("front-button", T, rex=True),
        opens(60_000),
        shuts(62_500),
        said("front-button", T + 70_000, rex=False),
        opens(90_000),
    )

    assert [(time, words["cause"]) for _, time, words in story.told("opened")] == [
        (60_000, "rex"),
        (90_000, "none"),
    ]


def test_a_contact_that_rattles_through_a_backlog_does_not_hold_up_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Work grows with the entries, and not with their square: counted, not timed."""
    from monitor.access.contacts import Contacts

    looked = 0
    honest = Contacts.every

    def counted(self: Contacts) -> Any:
        nonlocal looked
        for each in honest(self):
            looked += 1
            yield each

    monkeypatch.setattr(Contacts, "every", counted)
    machine = Machine(site())
    for number in range(3000):
        entry = happened("opened" if number % 2 == 0 else "closed", T + number * 5000, "front")
        machine.handle(Recorded(Position(number + 1), T + 15_000_000, replace(entry, arrived=T + 15_000_000)))
    machine.tick(T + 15_010_000)

    assert looked < 3000 * 200


def _health(after: int, state: str) -> Event:
    event = happened("health", T + after, "front")
    return replace(event, attributes={"state": state})


def test_a_contact_with_an_empty_battery_hides_nobody_who_goes_in() -> None:
    story = Story()(CLOSED, _health(-30_000, "suspended"), shown(0))
    away = story.told("passage")
    again = _rebuilt(story, site())
    again(shown(200_000))
    still_away = again.told("passage")
    again(shuts(400_000), shown(410_000))

    assert [time for _, time, _ in away] == [0]
    assert [time for _, time, _ in still_away] == [200_000]
    assert [time for _, time, _ in again.told("passage")] == [200_000]
    assert again.figures()["unused"] == 1


def test_a_clock_that_is_set_from_1970_tells_nothing_of_the_years_between() -> None:
    """A box without a battery for its clock: the first start, before the network has told it the time."""
    story = Story(hours((480, 1080)))
    for stamp, is_open in ((5000, False), (6000, True), (T, True), (T + 5000, False), (T + 20_000, False)):
        story.leap(stamp - T, said("front", stamp, open=is_open))
    told = story.told()
    days = {day for _, day in story.machine.figures.take()}

    assert len(story.entries) < 20
    assert [(kind, words.get("open_s")) for kind, _, words in told if kind == "closed"] == [("closed", None)]
    assert days <= {"1970-01-01", "2026-11-23"}


def test_hours_that_began_while_the_monitor_was_off_are_told_once_for_a_day_and_hold() -> None:
    story = Story(hours((480, 1080)))(CLOSED)
    story.leap(10 * 86_400_000, shuts(10 * 86_400_000))
    told = [(time - 10 * 86_400_000, kind) for kind, time, _ in story.told("unlocked", "locked")]

    assert told == [(-64_800_000, "locked"), (-14_400_000, "unlocked")]
    assert story.door().state == "unlocked"
