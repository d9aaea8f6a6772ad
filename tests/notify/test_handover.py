"""Reminders go to who is on call by then; who was told before hears of the end all the same."""

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from monitor.duty import Override
from monitor.notify.attempt import Attempt
from monitor.notify.fallback import fall_back
from monitor.staff import REMINDERS, Grouping, Person
from tests.notify.house import MINUTE
from tests.notify.virtual import ANA, BEN, HOUR, NOON, OnCall, house, on_duty, quiet

CY = Person(id="cy", name="Cy", language="en", channels={"mail": "json://c"})


def on_call(
    *turns: tuple[str, float], people: tuple[Person, ...] = (ANA, BEN), then: tuple[float, str] | None = None
) -> OnCall:
    """Who is on call from how many minutes after noon on; `then`: a later step."""
    ends = [*(start for _, start in turns[1:]), 3000.0]
    overrides = [
        Override(roster="duty", person=who, starts=NOON + round(start * MINUTE), ends=NOON + round(end * MINUTE))
        for (who, start), end in zip(turns, ends, strict=True)
    ]
    made = house(*people, grouping=Grouping(wait=0, pace=0), reminders=REMINDERS)
    steps = [(0.0, "duty"), *([then] if then else [])]
    return OnCall(on_duty(made, *overrides, escalation=steps))


def test_after_a_hand_over_whoever_is_on_call_is_told_and_reminded_and_both_hear_of_the_end() -> None:
    it = on_call(("ana", 0), ("ben", 45))
    name = it.rises("d0", "high")
    it.passes(220 * MINUTE)
    it.clears(name)
    it.passes(HOUR)

    assert it.messages("ana") == ["12:00:00 raise o0", "12:30:00 remind o0", "15:40:00 clear o0"]
    assert it.messages("ben") == [
        "13:30:00 raise o0",
        "14:00:00 remind o0",
        "15:00:00 remind o0",
        "15:40:00 clear o0",
    ]
    (taken,) = it.rows(person="ana", state="superseded", kind="remind")
    assert taken["last_error"].startswith("on call by now: ben")
    why = orjson.loads(it.rows(person="ben", kind="raise")[0]["body"])["why"]
    assert why["reason"].endswith("; in the place of ana")


def test_who_comes_back_is_reminded_and_told_of_one_end() -> None:
    it = on_call(("ana", 0), ("ben", 45), ("ana", 100))
    name = it.rises("d0", "high")
    it.passes(150 * MINUTE)
    it.clears(name)
    it.passes(HOUR)

    assert it.messages("ana") == [
        "12:00:00 raise o0",
        "12:30:00 remind o0",
        "14:00:00 remind o0",
        "14:30:00 clear o0",
    ]
    assert it.messages("ben") == ["13:30:00 raise o0", "14:30:00 clear o0"]


@pytest.mark.parametrize("ends", [OnCall.is_acknowledged, OnCall.clears, OnCall.is_shelved])
def test_nobody_new_hears_of_what_needs_no_reminder(ends: Callable[[OnCall, str], None]) -> None:
    it = on_call(("ana", 0), ("ben", 10))
    name = it.rises("d0", "high")
    it.passes(5 * MINUTE)
    ends(it, name)
    it.passes(3 * HOUR)

    assert it.messages("ben") == []


def test_who_was_to_be_told_by_a_later_step_is_told_once() -> None:
    it = on_call(("ana", 0), ("ben", 10), then=(2 * 3600.0, "ben"))
    it.rises("d0", "high")
    it.passes(150 * MINUTE)

    assert it.messages("ana") == ["12:00:00 raise o0"]
    assert it.messages("ben") == ["12:30:00 raise o0", "13:00:00 remind o0", "14:00:00 remind o0"]


def test_who_knows_of_it_and_is_reminded_by_themselves_is_not_reminded_twice() -> None:
    it = on_call(("ana", 0), ("ben", 20), then=(600.0, "ben"))
    it.rises("d0", "high")
    it.passes(2 * HOUR)

    assert it.messages("ana") == ["12:00:00 raise o0"]
    assert it.messages("ben") == ["12:10:00 raise o0", "12:40:00 remind o0", "13:40:00 remind o0"]


def test_who_knows_of_it_as_less_severe_is_told_how_bad_it_is_and_not_reminded_of_before() -> None:
    it = on_call(("ben", 0), ("ana", 10), ("ben", 70))
    name = it.rises("d0", "medium")
    it.passes(30 * MINUTE)
    it.gets_worse(name)
    it.passes(10 * HOUR)

    assert it.messages("ana") == ["12:30:00 severity o0", "13:00:00 remind o0"]
    assert it.messages("ben")[:3] == ["12:00:00 raise o0", "14:00:00 severity o0", "14:30:00 remind o0"]
    assert len(it.messages("ben")) == 11, "once an hour, and nothing of what was told at noon"


def test_a_message_whose_facts_cannot_be_read_is_not_told_again_and_the_reminder_stays() -> None:
    it = on_call(("ana", 0), ("ben", 10))
    it.rises("d0", "high")
    it.passes(5 * MINUTE)
    it.db.execute("UPDATE outbox SET body = '[]' WHERE kind = 'raise'")
    it.passes(HOUR)

    assert it.messages("ana")[1:] == ["12:30:00 remind o0"]
    assert it.messages("ben") == []


def test_what_is_no_longer_news_is_none_for_whoever_comes_on_call() -> None:
    """Reminders go on for a day after the first message, whoever gets them."""
    it = on_call(("ana", 0), ("ben", 12 * 60), ("cy", 23 * 60), people=(ANA, BEN, CY))
    it.rises("d0", "critical")
    it.passes(40 * HOUR)

    assert it.messages("ben")[0] == "00:00:00 raise o0"
    assert it.messages("cy")[0] == "11:00:00 raise o0"
    assert len(it.messages("cy")) == 6
    assert max(one.wall for one in it.told) == NOON + 24 * HOUR


def test_when_whoever_is_on_call_cannot_be_reached_the_one_before_is_reminded_again() -> None:
    it = on_call(("ana", 0), ("ben", 10))

    def answer(attempt: Attempt) -> str:
        if attempt.lane[0] == "ana":
            return "sent"
        fall_back(it.db, it.site.notify.people, attempt, "refused", it.now)
        return "dead"

    it.answer = answer
    it.rises("d0", "high")
    it.passes(3 * HOUR)

    assert it.messages("ana") == [
        "12:00:00 raise o0",
        "12:30:00 remind o0",
        "13:30:00 remind o0",
        "14:30:00 remind o0",
    ]
    assert [row["state"] for row in it.rows(person="ben")] == ["dead"]


def test_whoever_is_on_call_is_told_over_their_channels_for_the_severity() -> None:
    two = {"mail": "json://m", "phone": "json://p"}
    ana, ben = replace(ANA, channels=two), replace(BEN, channels=two, over={"high": ("phone",)})
    it = on_call(("ana", 0), ("ben", 10), ("ana", 40), people=(ana, ben))
    it.rises("d0", "high")
    it.passes(70 * MINUTE)

    said = [(one.attempt.kind, *one.attempt.lane) for one in it.told]
    assert said == [
        ("raise", "ana", "mail"),
        ("raise", "ana", "phone"),
        ("raise", "ben", "phone"),
        ("remind", "ana", "mail"),
        ("remind", "ana", "phone"),
    ]


def test_quiet_hours_of_whoever_is_on_call_hold_what_they_are_told() -> None:
    it = on_call(("ana", 0), ("ben", 11 * 60), people=(ANA, quiet(BEN)))
    it.passes(5 * HOUR)
    it.rises("d0", "medium")  # reminded after 8 h, in the night
    it.passes(15 * HOUR)

    assert it.messages("ana") == ["17:00:00 raise o0"]
    assert it.messages("ben") == ["07:00:00 raise o0"]
