"""Decisions about rows of the outbox that are due, and the reasons given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.decision import PENDING, Action, Past, Standing, decide

STANDING = Standing(acknowledged=False, cleared=False)
ACKNOWLEDGED = Standing(acknowledged=True, cleared=False)
CLEARED = Standing(acknowledged=False, cleared=True)
HELD = Standing(acknowledged=False, cleared=False, held=True)


def past(number: int, kind: str, state: str = "queued", **more: object) -> Past:
    said = {"step": 0, "severity": "high", "expires": 100} | more
    return Past(id=number, kind=kind, state=state, **said)  # type: ignore[arg-type]


def action(row: Past, *history: Past, standing: Standing = STANDING, now: int = 0) -> Action:
    return decide(row, history, standing, now).action


@pytest.mark.parametrize("kind", ["clear", "acknowledged"])
def test_who_was_given_an_alarm_hears_what_follows_until_it_is_taken_from_them(kind: str) -> None:
    theirs, gone = (CLEARED._replace(assigned_to=name) for name in ("ana", ""))
    given = past(1, "assigned", "sent", person="ana")
    waits = past(1, "assigned", person="ana")
    row = past(2, kind, person="ana")

    assert action(given, standing=theirs) is Action.SEND
    assert decide(waits, (), gone, 0).reason == "the alarm was given to somebody else, or to nobody"
    assert action(row, given, standing=theirs) is Action.SEND
    assert action(row, waits, standing=theirs) is Action.WAIT, "what somebody has not heard of does not end yet"
    assert action(row, given, standing=gone) is Action.DROP
    assert action(row, past(0, "raise", "sent"), given, standing=gone) is Action.SEND, "they were told besides"


def test_a_raise_is_sent_until_it_expires() -> None:
    assert action(past(1, "raise"), now=99) is Action.SEND
    assert action(past(1, "raise"), now=100) is Action.EXPIRE


def test_the_first_step_is_sent_although_somebody_was_quicker() -> None:
    assert action(past(1, "raise"), standing=ACKNOWLEDGED) is Action.SEND


@pytest.mark.parametrize("kind", ["raise", "severity", "chatter"])
@pytest.mark.parametrize("step", [0, 1])
def test_what_is_held_back_is_dropped_whatever_its_step(kind: str, step: int) -> None:
    assert action(past(1, kind, step=step), standing=HELD) is Action.DROP


def test_the_end_of_what_is_held_back_is_told_to_whoever_was_told() -> None:
    told = past(1, "raise", "sent")

    assert action(past(2, "clear"), told, standing=HELD) is Action.SEND
    assert action(past(2, "clear"), past(1, "raise", "superseded"), standing=HELD) is Action.DROP


def test_a_shelf_that_is_over_does_not_end_soon() -> None:
    told = past(1, "raise", "sent")

    assert action(past(2, "shelf_expiring"), told, standing=HELD) is Action.SEND
    assert action(past(2, "shelf_expiring"), told) is Action.DROP
    assert action(past(2, "shelf_expiring"), standing=HELD) is Action.DROP


@pytest.mark.parametrize("standing", [ACKNOWLEDGED, CLEARED])
def test_a_later_step_is_dropped_when_nobody_has_to_come_any_more(standing: Standing) -> None:
    later = past(1, "raise", step=1)

    assert action(later, standing=standing) is Action.DROP
    assert action(later) is Action.SEND


def test_an_event_alarm_is_clear_from_the_beginning_and_escalates_all_the_same() -> None:
    later = past(1, "raise", step=1, momentary=True)

    assert action(later, standing=CLEARED) is Action.SEND
    assert action(later, standing=ACKNOWLEDGED) is Action.DROP


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("low", Action.DROP), ("medium", Action.DROP), ("high", Action.COMBINE), ("critical", Action.COMBINE)],
)
def test_a_raise_that_is_late_for_its_clear(severity: str, expected: Action) -> None:
    assert action(past(1, "raise", "failed", severity=severity), past(2, "clear")) is expected


def test_a_raise_that_may_have_arrived_leaves_the_rest_to_its_clear() -> None:
    clear = past(2, "clear")
    maybe = past(1, "raise", "failed", maybe_delivered=True)

    assert action(maybe, clear) is Action.DROP
    assert action(clear, past(1, "raise", "superseded", maybe_delivered=True)) is Action.SEND


@pytest.mark.parametrize("kind", ["clear", "acknowledged"])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("sent", Action.SEND),
        ("unknown", Action.SEND),
        ("sending", Action.WAIT),
        ("queued", Action.WAIT),
        ("failed", Action.WAIT),
        ("dead", Action.DROP),
        ("superseded", Action.DROP),
    ],
)
def test_the_end_is_told_to_those_who_know_of_the_beginning(kind: str, state: str, expected: Action) -> None:
    assert action(past(2, kind), past(1, "raise", state)) is expected


def test_a_later_step_that_waits_for_its_time_holds_nobody_up() -> None:
    assert action(past(2, "clear"), past(1, "raise", "queued", step=1)) is Action.DROP


def test_more_severe_replaces_what_was_not_told() -> None:
    assert action(past(1, "raise", "failed"), past(2, "severity")) is Action.DROP
    assert action(past(1, "raise", step=1), past(2, "severity", step=1)) is Action.DROP
    assert action(past(1, "raise"), past(2, "severity", step=1)) is Action.SEND
    assert action(past(1, "raise", "failed"), past(2, "severity", "dead")) is Action.SEND


def test_an_acknowledgement_is_old_news_after_the_clear() -> None:
    assert action(past(2, "acknowledged"), past(1, "raise", "sent"), past(3, "clear")) is Action.DROP


kinds = st.sampled_from(["raise", "severity", "acknowledged", "clear"])
states = st.sampled_from(["queued", "sending", "sent", "failed", "unknown", "dead", "superseded"])
rows = st.builds(
    Past,
    id=st.integers(1, 9),
    kind=kinds,
    state=states,
    step=st.integers(0, 2),
    severity=st.sampled_from(["low", "medium", "high", "critical"]),
    expires=st.integers(0, 10),
    maybe_delivered=st.booleans(),
    momentary=st.booleans(),
)


@given(
    row=rows,
    history=st.lists(rows, max_size=5, unique_by=lambda past: past.id),
    standing=st.builds(Standing, st.booleans(), st.booleans(), st.booleans()),
    now=st.integers(0, 10),
)
def test_every_row_comes_to_an_end_and_no_end_is_told_without_its_beginning(
    row: Past, history: list[Past], standing: Standing, now: int
) -> None:
    decision = decide(row, history, standing, now)

    if decision.action is Action.WAIT:
        assert any(other.state in PENDING for other in history)
    if decision.action is Action.SEND and row.kind in {"clear", "acknowledged"}:
        assert any(other.told and other.id < row.id for other in history)
    if decision.action in {Action.DROP, Action.EXPIRE}:
        assert decision.reason


def test_a_step_until_clear_is_told_to_whoever_although_somebody_acknowledged() -> None:
    later = past(1, "raise", step=1, until_clear=True)
    event = past(1, "raise", step=1, until_clear=True, momentary=True)

    assert action(later, standing=ACKNOWLEDGED) is Action.SEND
    assert action(later, standing=CLEARED) is Action.DROP
    assert (
        action(event, standing=ACKNOWLEDGED) is Action.DROP
    )  # nothing of it lasts: it was for a person to look at
    assert action(event) is Action.SEND


def test_repeats_of_a_telling_replace_nothing_of_it_and_a_new_telling_replaces_all() -> None:
    last = past(1, "raise", step=1, telling="o1:raise:1")
    again = past(2, "raise", step=2, telling="o1:raise:1")
    anew = past(3, "raise", step=1, telling="o1:raise:5")

    assert action(last, again) is Action.SEND
    assert action(again, last) is Action.SEND
    assert action(again, last, anew) is Action.DROP


def test_what_another_step_has_told_since_is_not_told_again() -> None:
    told = past(2, "raise", "sent", step=2, telling="o:raise:1", sent_at=50)
    waited = past(1, "raise", telling="o:raise:1", due=10)

    assert action(waited, told) is Action.DROP
    assert action(past(3, "raise", step=3, telling="o:raise:1", due=60), told) is Action.SEND


def test_a_row_given_to_somebody_later_is_no_newer_than_the_end_that_they_know_of() -> None:
    told = past(1, "raise", "sent", step=2, telling="o:raise:1", sent_at=5)
    end = past(2, "clear", "sent", telling="o:clear:2")
    given = past(3, "raise", telling="o:raise:1", due=10)

    assert action(given, told, end, standing=CLEARED) is Action.DROP
    assert action(past(3, "raise", telling="o:raise:3", due=10), told, end) is Action.SEND


def test_what_is_told_anew_over_another_channel_speaks_for_what_waits() -> None:
    waits = past(1, "raise", severity="low", telling="o:raise:1")
    anew = past(2, "severity", "sent", telling="o:severity:2")
    step = past(2, "raise", "sent", step=1, telling="o:raise:1")

    assert decide(waits, [], STANDING, 0, [anew]).action is Action.DROP
    assert decide(waits, [], STANDING, 0, [step]).action is Action.SEND
    assert decide(waits, [], STANDING, 0, [past(2, "severity", "dead")]).action is Action.SEND


def test_nobody_hears_of_an_acknowledgement_after_the_end() -> None:
    told, end = past(1, "raise", "sent"), past(2, "clear", "sent", sent_at=5)

    assert action(past(3, "acknowledged"), told, end, standing=CLEARED) is Action.DROP
