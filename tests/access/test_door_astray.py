"""What a door tells when entries are lost, clocks are set, the monitor was off or the program makes a mistake."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.access.machine import Machine
from monitor.access.reasons import Reasons
from monitor.accessbook import DoorNow
from monitor.model import Entry, Event, Position
from monitor.schema import MONITOR_DEVICE
from tests.access.doorstories import CLOSED, Story, T, opens, shown, shuts
from tests.access.sites import card, device, happened, said, site


def test_after_lost_entries_nothing_of_before_is_told() -> None:
    story = Story()(CLOSED, shown(-1000), opens(0))
    story.machine.forget()

    assert story.door().state == "unknown"
    assert story.told() == []
    assert [kind for kind, _, _ in story(shuts(200_000), opens(300_000)).told()] == ["opened", "forced"]


def test_a_clock_that_is_set_back_keeps_nothing_waiting() -> None:
    story = Story()(CLOSED, opens(0))
    story.leap(-3_600_000, said("meter", T, power_w=1.0))
    story.leap(-3_600_000 + 2001, said("meter", T, power_w=1.0))

    assert [each.kind for each in story.entries if isinstance(each, Event)] == ["opened", "forced"]


def test_while_stamps_stand_still_after_the_clock_was_set_back_time_goes_on() -> None:
    """The clock is an hour behind the journal's stamps, which do not fall."""
    story = Story()((3_600_000, CLOSED), (3_600_000, shown(-1000)), (3_600_000, opens(0)))
    story.entries += story.machine.tick(T + 3_600_000 + 10_000)
    story((3_600_000, said("back", T, open=False)), (3_600_000, opens(1000, "back")))
    early = [each.kind for each in story.entries if isinstance(each, Event)]
    story.entries += story.machine.tick(T + 3_600_000 + 12_001)
    later = [(each.device, each.kind) for each in story.entries if isinstance(each, Event)]
    story.entries += story.machine.tick(T + 3_600_000 + 32_001)

    assert early == ["opened", "passage"]
    assert later[2:] == [("back", "opened"), ("back", "forced")]
    assert [each.kind for each in story.entries if isinstance(each, Event)][4:] == ["held"]


def test_of_the_time_before_the_update_only_forced_doors_are_told() -> None:
    story = Story(began=1_000_000)(CLOSED, shown(0), opens(1000), shuts(6000), opens(15_000))
    story.machine.began = Position(story.position)
    story(opens(16_000), shuts(20_000), opens(30_000))

    assert [(kind, time) for kind, time, _ in story.told()] == [
        ("forced", 15_000),
        ("closed", 20_000),
        ("opened", 30_000),
        ("forced", 30_000),
    ]


def test_a_door_that_was_open_at_the_update_is_held_from_then_on() -> None:
    story = Story(began=1_000_000)(CLOSED, shown(0), opens(1000))
    story.told()
    story.machine.began = Position(story.position)

    assert story(opens(200_000)).told("held") == [("held", 230_000, {"since": T + 200_000, "open_s": 30.0})]


def test_a_backlog_of_many_cards_within_a_second_explains_all_its_openings() -> None:
    begin, times = -8_000_000, [each * 20_000 for each in range(300)]

    def contact(at: int, *, is_open: bool) -> Entry:
        return said("front", T + begin + at, late=True, open=is_open)

    story = Story()((0, contact(-60_000, is_open=False)))
    for at in times:
        moved = contact(at + 900, is_open=True), contact(at + 4900, is_open=False)
        story(*((1000, entry) for entry in (shown(begin + at), *moved)))
    told = story.told()

    assert [time - begin for kind, time, _ in told if kind == "passage"] == [at + 900 for at in times]
    assert {words["cause"] for kind, _, words in told if kind == "opened"} == {"card"}
    figures = story.figures()
    assert figures["granted"] == 300
    assert not figures.get("unused")


def test_a_door_that_opened_and_shut_days_ago_has_not_been_open_since() -> None:
    story = Story()((0, said("front", T - 300_000_000, late=True, open=False)))
    for number, is_open in enumerate((True, False, True)):
        entry = said("front", T - 290_000_000 + number * 10_000, late=True, open=is_open)
        story((1000 + number * 4000, entry))
    story((60_000, said("front", T - 289_970_000, late=True, open=False)))
    story.told(until=90_000_000)

    assert story.figures()["open_s"] == 20.0


def test_what_falls_shut_while_the_monitor_is_off_was_not_held() -> None:
    story = Story()((0, said("front", T - 300_000_000, late=True, open=False)))
    opened = replace(said("front", T - 290_000_000, late=True, open=True), arrived=T + 1000)
    story((1000, shown(-290_000_900)), (1000, opened))
    story.leap(8000, happened("monitor_started", T + 8000, MONITOR_DEVICE))
    story((9000, said("front", T - 289_996_000, late=True, open=False)))

    assert story.told("held") == []
    assert story.told("closed") == [("closed", -289_996_000, {"open_s": 4.0})]


def test_what_two_doors_did_hours_ago_is_told_in_its_order() -> None:
    doors = [device("front"), device("fr", "access", "front"), device("back"), device("br", "access", "back")]
    story = Story(site(*doors))(
        *((0, said(door, T - 300_000_000, late=True, open=False)) for door in ("front", "back"))
    )
    times = [T - 290_000_000 + number * 20_000 for number in range(6)]
    for number, at in enumerate(times):
        door = ("front", "back")[number % 2]
        moved = (said(door, at + late, late=True, open=late < 1000) for late in (900, 4900))
        story(*((1000, entry) for entry in (card(at, f"{door[0]}r"), *moved)))
    story.told()

    passages = [each.time for each in story.entries if isinstance(each, Event) and each.kind == "passage"]
    assert passages == [at + 900 for at in times]


def test_reasons_do_not_become_ever_more() -> None:
    story = Story()(CLOSED)
    for at in range(200):
        story(shown(at * 20_000), opens(at * 20_000 + 900), shuts(at * 20_000 + 4900))

    assert len(story.machine.changes()["then/front"]["reasons"]) == 64


def test_what_the_version_before_has_kept_is_taken_over() -> None:
    lock = {"passes": [[T - 2000, T + 7000]], "unlocked": {"front-lock": T - 60_000}}
    track = {"open": False, "time": T - 60_000}
    contact = {"now": track, "past": {"open": None, "time": 0}, "opened_at": None, "closed_at": T - 60_000}
    pending = {"device": "front", "door": "front", "earliest": 1, "opened": 1, "arrived": 1, "due": 2001}
    story = Story()
    story.machine.load(
        [("contact/front", contact), ("door/front", lock), ("pending/front/1", pending), ("contact/gone", contact)]
    )

    assert {key for key, body in story.machine.changes().items() if body is None} == {
        "contact/front", "door/front", "pending/front/1", "contact/gone",
    }  # fmt: skip
    assert [words["cause"] for _, _, words in story(opens(0)).told("opened")] == ["unlocked"]


def test_a_mistake_in_one_door_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Reasons.cause

    def mistaken(self: Reasons, opening: Any, hours: Any) -> Any:
        if opening.contact == "front":
            raise ZeroDivisionError
        return honest(self, opening, hours)

    monkeypatch.setattr(Reasons, "cause", mistaken)
    with capture_logs() as logs:
        story = Story()(CLOSED, shuts(-50_000, "back"), opens(0), opens(100, "back"))
        told = story.told()
        story(shuts(200_000), opens(210_000)).told()

    assert [(kind, time) for kind, time, _ in told] == [("opened", 100), ("forced", 100)]
    assert [(log["event"], log["door"]) for log in logs] == [("door_set_aside", "front")]


def test_memory_that_cannot_be_read_is_of_one_door_only() -> None:
    story = Story()(CLOSED, shuts(-50_000, "back"))
    kept: dict[str, Any] = json.loads(json.dumps(story.machine.changes()))
    kept["now/front"]["contacts"]["front"] = {"nonsense": 1}
    machine = Machine(story.site)
    with capture_logs() as logs:
        machine.load(kept.items())

    assert _states(machine.doors()) == {"front": "unknown", "back": "closed"}
    assert [log["door"] for log in logs] == ["front"]


def _states(doors: Sequence[DoorNow]) -> dict[str, str]:
    return {door.door: door.state for door in doors}
