"""What a door tells besides being forced: the table of cases, in virtual time."""

from dataclasses import replace

import pytest

from monitor.accessbook import DoorNow
from monitor.model import Derived, Event, Origin
from monitor.schema import MONITOR_DEVICE
from monitor.zones import DoorSettings
from tests.access.doorstories import CLOSED, Story, T, hours, opens, shown, shuts
from tests.access.sites import card, device, happened, said, site


def test_somebody_goes_through_a_door() -> None:
    story = Story()(CLOSED, shown(0), opens(1500), shuts(6000))

    assert story.told() == [
        ("opened", 1500, {"cause": "card", "card": f"card-{T}"}),
        ("passage", 1500, {"card": f"card-{T}"}),
        ("closed", 6000, {"open_s": 4.5}),
    ]
    passage = next(each for each in story.entries if isinstance(each, Event) and each.kind == "passage")
    assert (passage.device, passage.id) == ("front-reader", f"passage-card-{T}")
    assert passage.attributes == {"door": "front", "card": f"card-{T}"}
    assert story.figures() == {"granted": 1, "open_s": 4.5, "longest_s": 4.5}


def test_each_change_of_state_is_kept_with_a_time_of_its_own() -> None:
    story = Story()(CLOSED, opens(0), said("front-lock", T, locked=False), shuts(60_000))
    story.told()
    derived = [each for each in story.entries if isinstance(each, Derived)]

    assert [(each.time - T, each.values) for each in derived] == [
        (-60_000, {"state": "closed", "held": False, "forced": False}),
        (0, {"state": "open", "held": False, "forced": False}),
        (30_000, {"state": "held", "held": True, "forced": False}),
        (60_000, {"state": "unlocked", "held": False, "forced": False}),
    ]
    assert {(each.producer, each.key, each.device, each.measurement) for each in derived} == {
        ("doors", "", "front", "door")
    }
    assert story.door() == DoorNow(
        door="front", state="unlocked", since=T + 60_000, is_open=False, is_locked=False, cause="unlocked"
    )


# Held ------------------------------------------------------------------------------------------------


def test_held_is_told_with_nothing_more_to_come_and_not_before_a_slow_message_could_be_here() -> None:
    story = Story()(CLOSED, shown(0), opens(0))

    assert not [each for each in story.machine.tick(T + 32_000) if isinstance(each, Event) and each.kind == "held"]
    assert [each.id for each in story.machine.tick(T + 32_001) if isinstance(each, Event)] == [f"held-{T}"]
    assert story.door().state == "held"


@pytest.mark.parametrize(("shut", "recorded", "held"), [(30_000, 31_900, 0), (30_001, 30_001, 1)])
def test_a_door_that_shuts_just_in_time_is_not_held(shut: int, recorded: int, held: int) -> None:
    story = Story()(CLOSED, shown(0), opens(0), (recorded, shuts(shut)))

    assert len(story.told("held")) == held


def test_a_door_that_was_found_open_counts_from_when_it_was_seen() -> None:
    retained = replace(said("front", T - 9_000_000, Origin.RETAINED, open=True), arrived=T)

    assert Story()(opens(0)).told() == [("held", 30_000, {"since": T, "open_s": 30.0})]
    assert Story()((0, retained)).told() == [("held", 30_000, {"since": T, "open_s": 30.0})]


def test_a_forced_door_is_not_held_and_one_that_is_unlocked_by_hand_is() -> None:
    unlocked = said("front-lock", T - 9000, locked=False)

    assert [kind for kind, _, _ in Story()(CLOSED, opens(0)).told()] == ["opened", "forced"]
    assert [kind for kind, _, _ in Story()(CLOSED, unlocked, opens(0)).told()] == ["opened", "held"]


def test_hours_unlock_a_door_and_when_they_end_the_time_begins() -> None:
    story = Story(hours((721, 725), (727, 728)))(CLOSED, opens(120_000), shuts(600_000))

    assert story.told(until=900_000) == [
        ("unlocked", 60_000, {"cause": "schedule"}),
        ("opened", 120_000, {"cause": "schedule"}),
        ("locked", 300_000, {"cause": "schedule"}),
        ("held", 330_000, {"since": T + 300_000, "open_s": 210.0}),
        ("unlocked", 420_000, {"cause": "schedule"}),
        ("locked", 480_000, {"cause": "schedule"}),
        ("held", 510_000, {"since": T + 480_000, "open_s": 390.0}),
        ("closed", 600_000, {"open_s": 480.0}),
    ]


def test_each_door_may_have_its_own_time() -> None:
    story = Story(site(doors={"front": DoorSettings(held_after=5.0)}))(CLOSED, shown(0), opens(0))

    assert [time for _, time, _ in story.told("held")] == [5000]


# The monitor was off -----------------------------------------------------------------------------------


def _started(after: int) -> Event:
    return Event(device=MONITOR_DEVICE, kind="monitor_started", time=T + after, arrived=T + after, id="started")


@pytest.mark.parametrize("is_first", [True, False])
def test_time_without_the_monitor_counts_when_the_contact_says_open_before_and_after(*, is_first: bool) -> None:
    after = [_started(3_600_000), said("meter", T + 3_600_100, power_w=1.0)]
    story = Story()(CLOSED, shown(0), opens(0))
    story.leap(3_600_000, after[not is_first])
    story.leap(3_600_100, after[is_first])
    story.leap(3_601_000, opens(3_601_000))
    story.leap(3_603_001, said("meter", T, power_w=1.0))
    assert [each.id for each in story.entries if isinstance(each, Event) and each.kind == "held"] == [f"held-{T}"]


def test_a_door_that_is_shut_after_the_monitor_was_off_was_not_held() -> None:
    story = Story()(CLOSED, shown(0), opens(0))
    story.leap(3_600_000, said("meter", T, power_w=1.0))
    story.leap(3_600_100, _started(3_600_100))
    story.leap(3_601_000, shuts(3_601_000))

    assert story.told("held", "closed") == [("closed", 3_601_000, {})]
    assert "open_s" not in story.figures()


def test_a_contact_that_stays_silent_after_the_monitor_was_off_has_its_time_again() -> None:
    story = Story()(CLOSED, shown(0), opens(0))
    story.leap(3_600_000, _started(3_600_000))
    story.leap(3_632_000, said("meter", T, power_w=1.0))
    before = [each for each in story.entries if isinstance(each, Event) and each.kind == "held"]

    assert before == []
    assert [time for _, time, _ in story.told("held")] == [30_000]


# Cards -------------------------------------------------------------------------------------------------


def test_the_latest_card_opens_and_the_other_is_unused() -> None:
    story = Story()(CLOSED, shown(-3000), shown(-1000), opens(0), shuts(1000))

    assert [words["card"] for _, _, words in story.told("passage")] == [f"card-{T - 1000}"]
    assert story.figures()["unused"] == 1


def test_one_card_is_one_passage_however_often_the_door_is_opened_within_its_pulse() -> None:
    story = Story()(CLOSED, shown(0), opens(500), shuts(1000), opens(4000), shuts(6000))

    assert [words["cause"] for _, _, words in story.told("opened")] == ["card", "card"]
    assert len(story.told("passage")) == 1


def test_a_card_at_an_open_door_is_a_passage_at_once() -> None:
    story = Story()(CLOSED, shown(0), opens(1000), shown(9000))

    assert [each.time - T for each in story.entries if isinstance(each, Event) and each.kind == "passage"] == [
        1000,
        9000,
    ]
    assert "unused" not in story(shuts(10_000)).figures()


def test_at_a_door_without_a_contact_a_granted_card_is_a_passage_at_once() -> None:
    reader = device("gate", "access")
    story = Story(site(reader))(card(T, "gate"), card(T + 1000, "gate", "denied"), _number(2000))

    assert story.told() == [("passage", 0, {"card": f"card-{T}"})]
    assert story.door("gate").state == "unknown"


def _number(after: int) -> Event:
    return Event(device="gate", kind="card", time=T + after, arrived=T + after, id="only a number")


def test_a_card_that_only_has_a_number_is_no_reason_and_no_passage() -> None:
    number = replace(_number(0), device="front-reader")
    story = Story()(CLOSED, number, opens(1000))

    assert [kind for kind, _, _ in story.told()] == ["opened", "forced"]
    assert {"granted", "denied", "unused"}.isdisjoint(story.figures())


def test_a_late_card_is_the_passage_of_what_was_told_already() -> None:
    late = replace(shown(-1000), arrived=T + 600_000)
    story = Story()(CLOSED, opens(0), shuts(3000), (600_000, late))

    assert [kind for kind, _, _ in story.told()] == ["opened", "forced", "passage", "closed"]
    assert story.told("passage") == [("passage", 0, {"card": late.id})]


def test_cards_are_unused_only_where_the_contact_is_known() -> None:
    assert Story()(CLOSED, shown(0)).told("passage") == []
    assert Story()(shown(0)).figures() == {"granted": 1}
    unused = Story()(CLOSED, shown(0), shown(100, "denied"))
    unused.told()
    assert unused.figures() == {"granted": 1, "denied": 1, "unused": 1}


# Bounces and bad doors ---------------------------------------------------------------------------------


def test_bounces_are_merged_and_counted() -> None:
    story = Story()(CLOSED, shown(-1000), opens(0), shuts(9000), opens(9500), shuts(10_000))

    assert story.told("opened", "closed") == [
        ("opened", 0, {"cause": "card", "card": f"card-{T - 1000}"}),
        ("closed", 10_000, {"open_s": 10.0}),
    ]
    assert story.figures()["bounces"] == 1


def test_a_bounce_whose_message_was_slow_is_opened_again_with_its_cause() -> None:
    story = Story()(CLOSED, shown(-1000), opens(0), shuts(3000), (5500, opens(4500)), shuts(9000))

    assert [(kind, time) for kind, time, _ in story.told()] == [
        ("opened", 0),
        ("passage", 0),
        ("closed", 3000),
        ("opened", 4500),
        ("closed", 9000),
    ]


def test_false_alarms_show_in_the_figures() -> None:
    story = Story()(CLOSED, opens(0), shuts(800), opens(60_000), shown(75_000), shuts(80_000))
    story.told()

    assert story.figures() == {
        "forced": 2, "forced_short": 1, "forced_late": 1, "granted": 1,
        "open_s": 20.8, "longest_s": 20.0, "stuck_s": 5.0,
    }  # fmt: skip


def test_a_contact_that_sticks_is_booked_each_day_though_it_never_shuts() -> None:
    story = Story()(CLOSED, opens(0), shown(3_600_000)).wait(86_400_000)
    days = story.machine.figures.take()

    assert len(days) == 1
    (figures,) = days.values()
    assert (figures["open_s"], figures["longest_s"], figures["stuck_s"]) == (43_200.0, 43_200.0, 39_600.0)


# Devices that tell themselves --------------------------------------------------------------------------


def test_what_a_device_tells_is_not_told_again() -> None:
    story = Story()(
        CLOSED, shown(-1000), happened("opened", T, "front"), happened("held", T + 20_000, "front-reader"),
        happened("closed", T + 50_000, "front"), happened("forced", T + 60_000, "front-reader"), opens(70_000),
    )  # fmt: skip

    assert story.told() == [("passage", 0, {"card": f"card-{T - 1000}"})]
    figures = story.figures()
    assert (figures["held"], figures["forced"], figures["open_s"]) == (1, 1, 50.0)


def test_what_the_monitor_told_is_not_taken_for_a_devices_word() -> None:
    story = Story()(CLOSED, opens(0), shuts(9000))
    story.told()
    own = [each for each in story.entries if isinstance(each, Event)]
    for event in own:
        story.leap(200_000, event)

    assert len(story.told()) == len(own)
    assert [kind for kind, _, _ in story(opens(400_000)).told()][-2:] == ["opened", "forced"]


def test_a_device_that_says_forced_shows_its_door_as_forced() -> None:
    story = Story()(CLOSED, shown(-1000), opens(0), happened("forced", T + 5000, "front-reader"))

    assert story.door().state == "forced"


# Contacts of all kinds -----------------------------------------------------------------------------------


def test_a_polled_door_is_told_with_the_times_of_its_polls() -> None:
    of = site(device("front", every=1), device("front-reader", "access", "front"))
    polls = [
        said("front", T + 1000 * at, Origin.POLL, open=is_open)
        for at, is_open in enumerate([False, False, True, True, True, False, False])
    ]

    assert [(kind, time) for kind, time, _ in Story(of)(*polls[:2], shown(1500), *polls[2:]).told()] == [
        ("opened", 2000),
        ("passage", 2000),
        ("closed", 5000),
    ]


def test_two_leaves_are_two_contacts_of_one_door() -> None:
    of = site(device("front"), device("leaf", door="front"), device("front-reader", "access", "front"))
    story = Story(of)(
        CLOSED, shuts(-50_000, "leaf"), shown(0), opens(1000), opens(1500, "leaf"), shuts(9000, "leaf")
    )

    assert [words["cause"] for _, _, words in story.told("opened")] == ["card", "card"]
    assert len(story.told("passage")) == 1
    assert (story.door().state, story.door().is_open) == ("held", True)


def test_late_entries_leave_the_present_alone() -> None:
    ago = -3_600_000
    late = [said("front", T + ago + at, late=True, open=at == 1000) for at in (0, 1000, 60_000)]
    story = Story()(CLOSED, *((0, each) for each in late))
    before = story.door()

    assert [(kind, time - ago) for kind, time, _ in story.told()] == [
        ("opened", 1000),
        ("forced", 1000),
        ("closed", 60_000),
    ]
    assert story.door() == before == DoorNow(door="front", state="closed", since=T - 60_000, is_open=False)
