"""What waits, for what and until when, on the real outbox in virtual time."""

from dataclasses import dataclass, replace

import pytest

from monitor.site import Rule
from monitor.staff import REMINDERS, Grouping, Team
from tests.notify.house import Params
from tests.notify.virtual import ANA, BEN, HOUR, MINUTE, NOON, Virtual, budgeted, house, quiet

SECOND = 1000
SINGLY = Grouping(wait=0, pace=0)
EVENING = NOON + 11 * HOUR
"""23:00."""


def test_alarms_of_one_gateway_that_come_together_are_one_message() -> None:
    it = Virtual(house(ANA))
    it.rises("d0", "high")
    it.passes(10 * SECOND)
    it.rises("d1", "medium")
    it.passes(MINUTE)

    assert it.messages() == ["12:00:30 group of 2: raise, raise"]
    carried = [(row["state"], row["carried_by"]) for row in it.rows()]
    assert carried == [("sent", None), ("sent", 1)]


def test_a_group_of_one_is_an_ordinary_message() -> None:
    it = Virtual(house(ANA))
    it.rises("d0", "high")
    it.passes(MINUTE)

    assert it.messages() == ["12:00:30 raise o0"]


def test_more_of_a_group_wait_for_the_interval_unless_they_are_more_severe() -> None:
    it = Virtual(house(ANA))
    it.rises("d0", "medium")
    it.passes(2 * MINUTE)
    it.rises("d1", "medium")
    it.passes(MINUTE)
    it.rises("d0", "high")
    it.passes(10 * MINUTE)
    it.rises("d1", "medium")
    it.passes(10 * MINUTE)

    assert it.messages() == ["12:00:30 raise o0", "12:03:30 group of 2: raise, raise", "12:13:30 raise o3"]


def test_another_group_is_another_message_at_the_pace_of_a_minute() -> None:
    it = Virtual(house(ANA))
    it.rises("d0", "high")
    it.passes(5 * SECOND)
    it.rises("d2", "high")
    it.rises("d4", "low")
    it.passes(3 * MINUTE)

    assert it.messages() == ["12:00:30 raise o0", "12:01:30 pace of 2: raise, raise"]


def test_what_is_critical_waits_for_nothing() -> None:
    it = Virtual(house(quiet(budgeted(ANA, day=1, night=0))), now=EVENING)
    for number in range(3):
        it.rises(f"d{number}", "critical")
        it.passes(SECOND)

    assert it.messages() == [f"23:00:0{number} raise o{number}" for number in range(3)]


def test_a_fleeting_alarm_below_high_is_no_message_and_a_high_one_is_one() -> None:
    it = Virtual(house(ANA))
    low, high = it.rises("d0", "low"), it.rises("d2", "high")
    it.passes(10 * SECOND)
    it.clears(low)
    it.clears(high)
    it.passes(10 * MINUTE)

    assert it.messages() == ["12:00:30 raise o1 and its end"]
    assert {row["state"] for row in it.rows(occurrence=low)} == {"superseded"}
    assert [row["carried_by"] for row in it.rows(occurrence=high, kind="clear")] == [2]


def test_ends_and_acknowledgements_go_together_at_the_pace() -> None:
    it = Virtual(house(ANA))
    names = [it.rises(f"d{number}", "high") for number in (0, 2, 4)]
    it.passes(5 * MINUTE)
    it.clears(names[0])
    it.passes(SECOND)
    it.is_acknowledged(names[1])
    it.clears(names[2])
    it.passes(5 * MINUTE)

    assert it.messages()[1:] == ["12:05:00 clear o0", "12:06:00 pace of 2: acknowledged by cy, clear"]


def test_the_night_is_one_message_in_the_morning() -> None:
    it = Virtual(house(quiet(ANA), BEN, grouping=SINGLY), now=EVENING - 2 * HOUR)
    before = it.rises("d0", "medium")
    it.passes(3 * HOUR)
    it.clears(before)
    come_and_gone, _, known = (it.rises(f"d{number}", "low") for number in (1, 2, 3))
    it.passes(HOUR)
    it.clears(come_and_gone)
    it.is_acknowledged(known)
    it.rises("d4", "high")
    it.passes(4 * HOUR)
    assert {row["held"] for row in it.rows(person="ana", state="queued")} == {"quiet", "order"}
    it.passes(6 * HOUR)

    assert it.messages() == [
        "21:00:00 raise o0",
        "01:00:00 raise o4",
        "07:00:00 quiet of 4: raise, raise by cy, clear, raise and its end",
    ]
    assert len(it.messages("ben")) == 8
    assert {row["state"] for row in it.rows(person="ana")} == {"sent", "superseded"}
    assert [row["carried_by"] for row in it.rows(person="ana")] == [None, None, 3, 3, 3, 3, 3, None]


def test_an_alarm_of_the_night_that_gets_worse_is_told_at_once() -> None:
    it = Virtual(house(quiet(ANA)), now=EVENING)
    name = it.rises("d0", "medium")
    it.passes(HOUR)
    it.gets_worse(name)
    it.passes(9 * HOUR)

    assert it.messages() == ["00:00:00 severity o0"]


def test_a_shelved_alarm_of_the_night_is_not_told_in_the_morning_and_its_end_only_to_who_was_told() -> None:
    it = Virtual(house(quiet(ANA), BEN, grouping=SINGLY), now=EVENING)
    name = it.rises("d0", "medium")
    it.passes(HOUR)
    it.is_shelved(name)
    it.passes(9 * HOUR)
    it.clears(name)
    it.passes(HOUR)

    assert it.messages() == []
    assert it.messages("ben") == ["23:00:00 raise o0", "09:00:00 clear o0"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("failed", ["07:00:05 quiet of 2: raise, raise and its end"]),
        (
            "kill",
            ["07:00:00 raise o1", "07:01:00 clear o0"],
        ),  # o0 may have been told, so that its end goes by itself
    ],
)
def test_a_digest_that_failed_is_sent_again(answer: str, said: list[str]) -> None:
    it = Virtual(house(quiet(ANA)), now=EVENING)
    gone = it.rises("d0", "low")
    it.rises("d1", "low")
    it.passes(HOUR)
    it.clears(gone)
    answers = iter([answer])
    it.answer = lambda _attempt: next(answers, "sent")
    it.passes(9 * HOUR)

    assert it.messages() == said


def test_beyond_the_budget_of_a_day_what_can_wait_does() -> None:
    it = Virtual(house(budgeted(ANA, day=2), grouping=SINGLY))
    for number in range(4):
        it.rises(f"d{number}", "medium")
        it.passes(MINUTE)
    it.rises("d4", "high")
    gone = it.rises("d5", "low")
    it.passes(MINUTE)
    it.clears(gone)
    it.passes(22 * HOUR)

    assert it.messages() == [
        "12:00:00 raise o0",
        "12:01:00 raise o1",
        "12:04:00 raise o4",
        "07:00:00 budget of 3: raise, raise, raise and its end",
    ]


TWICE = replace(ANA, channels={"phone": "json://p", "mail": "json://m"})
"""Ana with two channels."""


def test_what_is_on_its_way_over_another_channel_counts_for_the_budget() -> None:
    by_severity = {"medium": ("phone",), "low": ("mail",)}
    it = Virtual(house(budgeted(replace(TWICE, over=by_severity), day=1), grouping=SINGLY))
    it.rises("d0", "medium")
    it.rises("d2", "low")
    it.passes(20 * HOUR)

    assert it.messages() == ["12:00:00 raise o1", "07:00:00 raise o0"]


def test_what_waits_for_its_turn_on_one_of_two_channels_counts_for_the_budget_once() -> None:
    it = Virtual(
        house(budgeted(replace(TWICE, over={"low": ("mail",)}), day=2), grouping=Grouping(wait=0, pace=60))
    )
    it.rises("d0", "low")
    it.passes(30 * SECOND)
    it.rises("d2", "medium")
    it.passes(20 * HOUR)

    assert it.messages() == ["12:00:00 raise o0", "12:00:30 raise o1", "12:01:00 raise o1"]


@pytest.mark.parametrize("answers", [("sent", "sent"), ("failed", "sent", "sent")])
def test_what_goes_to_two_channels_counts_for_the_budget_once(answers: tuple[str, ...]) -> None:
    it = Virtual(house(budgeted(TWICE, day=1), grouping=SINGLY))
    left = iter(answers)
    it.answer = lambda _attempt: next(left, "sent")
    it.rises("d0", "medium")
    it.passes(MINUTE)
    it.rises("d2", "medium")
    it.passes(20 * HOUR)

    assert [line.partition(" ")[2] for line in it.messages()] == ["raise o0"] * 2 + ["raise o1"] * 2
    assert [line for line in it.messages() if "o1" in line] == ["07:00:00 raise o1"] * 2


def test_the_budget_of_a_night_is_over_with_the_night() -> None:
    it = Virtual(house(budgeted(ANA, night=1), grouping=SINGLY), now=EVENING)
    it.rises("d0", "high")
    it.rises("d1", "medium")
    it.passes(7 * HOUR)
    it.rises("d2", "medium")
    it.passes(HOUR)
    it.rises("d3", "medium")
    it.passes(HOUR)

    assert it.messages() == ["23:00:00 raise o0", "07:00:00 budget of 2: raise, raise", "07:00:00 raise o3"]


@pytest.mark.parametrize("people", [(ANA,), (ANA, BEN)])
def test_a_thousand_alarms_in_a_minute_are_one_message_and_the_critical_ones(people: tuple[object, ...]) -> None:
    it = Virtual(house(*people, devices=1000, escalation=[(0, [one.id for one in people])]))  # type: ignore[arg-type, attr-defined]
    flood = f"flood:{NOON + 600}"
    for number in range(1000):
        severity = "critical" if number % 250 == 0 else "high"
        gathers = number > 10 and severity != "critical"
        it.rises(
            f"d{number}", severity, gather=flood if gathers else "", wait=NOON + 300_600 - it.now if gathers else 0
        )
        it.passes(60)
    it.passes(20 * MINUTE)

    for one in people:
        said = it.messages(one.id)  # type: ignore[attr-defined]
        assert [text for text in said if "flood" not in text] == [
            "12:00:00 raise o0",
            "12:00:15 raise o250",
            "12:00:30 raise o500",
            "12:00:45 raise o750",
        ]
        assert [text[:22] for text in said if "flood" in text] == ["12:05:00 flood of 996:"]


def test_reminders_grow_until_somebody_acknowledges() -> None:
    it = Virtual(house(ANA, reminders=REMINDERS, grouping=SINGLY))
    name = it.rises("d0", "critical")
    it.passes(46 * MINUTE)
    it.is_acknowledged(name)
    it.passes(3 * HOUR)

    assert it.messages() == [
        "12:00:00 raise o0",
        "12:05:00 remind o0",
        "12:15:00 remind o0",
        "12:30:00 remind o0",
        "12:45:00 remind o0",
        "12:46:00 acknowledged o0",
    ]
    assert [row["notification_id"] for row in it.rows(kind="remind")] == [f"o0:remind:{n}" for n in range(1, 6)]


@pytest.mark.parametrize("over", ["cleared", "shelved", "a day later"])
def test_nobody_is_reminded_of_what_is_over(over: str) -> None:
    it = Virtual(house(ANA, reminders={"high": (3600.0,)}, grouping=SINGLY))
    name = it.rises("d0", "high")
    it.passes(MINUTE)
    if over == "cleared":
        it.clears(name)
    elif over == "shelved":
        it.is_shelved(name)
    it.passes(50 * HOUR)

    reminders = it.rows(kind="remind", state="sent")
    assert len(reminders) == (24 if over == "a day later" else 0)


def test_reminders_of_a_message_about_many_are_one_message_too() -> None:
    it = Virtual(house(ANA, reminders=REMINDERS))
    for number in range(3):
        it.rises(f"d{number % 2}", "high")
    it.passes(31 * MINUTE)

    assert it.messages() == [
        "12:00:30 group of 3: raise, raise, raise",
        "12:30:30 pace of 3: remind, remind, remind",
    ]


def unanswered(it: Virtual) -> list[str]:
    from monitor.journal.codec import decode

    rows = it.db.execute("SELECT kind, body FROM produced WHERE producer = 'notify'").fetchall()
    return [
        f"{event.kind} {dict(event.attributes)}" for event in (decode(row["kind"], row["body"]) for row in rows)
    ]


def last(it: Virtual) -> None:
    """Mark the last row of the escalation, as routing does."""
    it.db.execute(
        "UPDATE outbox SET body = json_set(body, '$.last', json('true'), '$.why', json('{\"team\": \"house\"}'))"
        " WHERE step = (SELECT max(step) FROM outbox)"
    )


@pytest.mark.parametrize("answer", ["sent", "dead", "lost"])
def test_that_nobody_answered_is_said_once(answer: str) -> None:
    it = Virtual(house(ANA, BEN, escalation=[(0, ["ana"]), (900, ["ben"])], grouping=SINGLY))
    it.answer = lambda attempt: answer if attempt.step else "sent"
    it.rises("d0", "critical")
    last(it)
    it.passes(29 * MINUTE)
    early = unanswered(it)
    it.passes(20 * HOUR)

    about = {"rule": "leak", "device": "d0", "occurrence": "o0", "severity": "critical", "team": "house"}
    assert early == []
    assert unanswered(it) == [f"nobody_answered {about}"]
    assert Team(id="t", members=(), escalation=()).repeat_every == 900


@pytest.mark.parametrize("what", ["acknowledged", "cleared", "shelved", "medium", "momentary and acknowledged"])
def test_nothing_is_said_when_there_is_nothing_to_answer(what: str) -> None:
    it = Virtual(house(ANA, grouping=SINGLY))
    kind = "event" if "momentary" in what else "threshold"
    name = it.rises("d0", "medium" if what == "medium" else "high", kind=kind)
    last(it)
    it.passes(MINUTE)
    if "acknowledged" in what:
        it.is_acknowledged(name)
    if what == "cleared":
        it.clears(name)
    if what == "shelved":
        it.is_shelved(name)
    it.passes(HOUR)

    assert unanswered(it) == []


def test_an_event_alarm_that_nobody_acknowledged_is_unanswered() -> None:
    it = Virtual(house(ANA, grouping=SINGLY))
    it.rises("d0", "high", kind="event")
    last(it)
    it.passes(HOUR)

    assert len(unanswered(it)) == 1


def test_setting_the_clock_neither_holds_nor_hurries_what_waits() -> None:
    it = Virtual(house(quiet(ANA)))
    it.rises("d0", "high")
    it.passes(10 * SECOND)
    it.clock_is_set(-5 * HOUR)
    it.passes(10 * SECOND)
    waits = it.messages()
    it.passes(10 * SECOND)
    it.clock_is_set(16 * HOUR)
    it.rises("d2", "medium")
    it.passes(MINUTE)
    it.clock_is_set(9 * HOUR)
    it.passes(MINUTE)

    assert (waits, it.messages()) == ([], ["07:00:30 raise o0", "08:01:30 raise o1"])


@dataclass(frozen=True)
class OfEvents(Params):
    """Settings of a rule of kind `event`."""

    event: tuple[str, ...] = ("nobody_answered",)


def test_an_alarm_that_nobody_answered_is_not_said_of_its_own_alarm() -> None:
    own = Rule(id="leak", name="Leak", kind="event", params=OfEvents(), sources=(), version="1")
    it = Virtual(replace(house(ANA, grouping=SINGLY), rules={"leak": own}))
    it.rises("d0", "critical", kind="event")
    last(it)
    it.passes(5 * HOUR)

    assert (it.messages(), unanswered(it)) == (["12:00:00 raise o0"], [])


def test_a_reminder_is_held_as_its_alarm_is() -> None:
    it = Virtual(house(quiet(ANA), reminders=REMINDERS, grouping=SINGLY), now=EVENING - 8 * HOUR)
    it.rises("d0", "medium")
    it.passes(20 * HOUR)

    assert it.messages() == ["15:00:00 raise o0", "07:00:00 remind o0"]
