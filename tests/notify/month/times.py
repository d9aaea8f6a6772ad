"""When the messages of the month came, and until when: held against the oracle and the truth."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.notify.month.oracle import Slot, local
from tests.notify.month.story import HOUR, MINUTE, NOBODY, RANKS, Trouble
from tests.notify.month.told import ALARMING, Told
from tests.notify.month.world import Delivery

if TYPE_CHECKING:
    from datetime import date

__all__ = ["check_times"]

DIGESTS = frozenset({"quiet", "budget"})
FIRST_REMINDER = {"critical": 5 * MINUTE, "high": 30 * MINUTE, "medium": 8 * HOUR}
LAST_REMINDER = {"critical": 15 * MINUTE, "high": HOUR}
PROMPT = 8 * MINUTE
"""What is high is told within its group's interval, the wait and the pace, when its channel works."""
IN_A_FLOOD = 14 * MINUTE


def check_times(told: Told) -> None:
    check_nights(told)
    check_budgets(told)
    check_pace(told)
    check_interval(told)
    check_promptness(told)
    check_ends(told)
    check_reminders(told)
    check_nobody_answered(told)


# When ----------------------------------------------------------------------------------------------------


def check_nights(told: Told) -> None:
    for one, row, is_own in told.items:
        if is_own:
            is_held = told.oracle.is_held_by_night(one.lane[0], row["severity"], one.at)
            assert not is_held, told.story_of(row["occurrence"])


def check_budgets(told: Told) -> None:
    """What can wait goes out only as long as the day's and the night's count of messages is below the budget.

    What somebody was told over another channel counts once.
    """
    had: dict[str, list[tuple[date, date | None, str]]] = defaultdict(list)
    """What each person was told: the day, the night that it was in, the message."""
    heard: dict[str, set[str]] = defaultdict(set)
    for one in told.world.deliveries:
        person = one.lane[0]
        budget, day, night = told.oracle.budget(person), local(one.at).date(), told.oracle.night_of(person, one.at)
        waits = max(RANKS[row["severity"]] for row in one.rows) < RANKS["high"]
        names = {row["notification_id"] for row in one.rows}
        is_new = all(row["held"] not in DIGESTS and row["attempts"] == 1 for row in one.rows)
        is_new = is_new and not names & heard[person]
        if waits and is_new:
            today = {name for on, _, name in had[person] if on == day}
            tonight = {name for _, during, name in had[person] if during == night}
            about = (one.lane, local(one.at), names)
            assert "day" not in budget or len(today) < budget["day"], about
            assert "night" not in budget or night is None or len(tonight) < budget["night"], about
        if one.how == "sent":
            primary = told.primary_of(one)
            name = next(row["notification_id"] for row in one.rows if row["id"] == primary)
            had[person].append((day, night, name))
            heard[person] |= names


def check_pace(told: Told) -> None:
    for messages in by_lane(told).values():
        ordinary = [one for one in messages if one.how == "sent" and _rank(one) < RANKS["critical"]]
        for before, after in pairwise(ordinary):
            assert after.at - before.at >= MINUTE, (before, after)


def check_interval(told: Told) -> None:
    """What begins follows one of its group that was as severe by five minutes, if it waited for no digest."""
    for messages in by_lane(told).values():
        seen: list[tuple[int, str, int]] = []
        for one in messages:
            news = [row for row in one.rows if row["kind"] == "raise" and row["step"] == 0]
            for row in news:
                group, rank = row["body"]["group"], RANKS[row["severity"]]
                together = [RANKS[each["severity"]] for each in news if each["body"]["group"] == group]
                near = [was for at, name, was in seen if name == group and one.at - at < 5 * MINUTE]
                free = (
                    rank == RANKS["critical"]
                    or row["held"] in {*DIGESTS, "flood"}
                    or row["attempts"] > 1
                    or row["body"].get("gather")
                    or "fallback_of" in row["body"]["why"]
                )
                assert free or not near or max(together) > max(near), told.story_of(row["occurrence"])
            if one.how == "sent":
                seen += [(one.at, row["body"]["group"], RANKS[row["severity"]]) for row in news]


def check_promptness(told: Told) -> None:
    """What is high or critical is told to everybody who is to hear of it, step by step, within its time."""
    looked_at = 0
    for occurrence, trouble in told.troubles.items():
        for begun, severity in trouble.tellings():
            if RANKS[severity] < RANKS["high"]:
                continue
            for slot in told.oracle.slots(trouble, severity):
                looked_at += _check_slot(told, occurrence, slot, severity, begun)
    assert looked_at > 100


def _check_slot(told: Told, occurrence: str, slot: Slot, severity: str, begun: int) -> int:
    trouble, due = told.troubles[occurrence], begun + slot.after
    gathered = any(
        isinstance(row["body"], Mapping) and row["body"].get("gather")  # text: a row that another one carried
        for one, row in told.of(occurrence)
        if one.at >= begun
    )
    until = due + (2000 if severity == "critical" else IN_A_FLOOD if gathered else PROMPT)
    person = told.oracle.who(slot.name, due)
    over = trouble.is_over(until) or trouble.is_shelved(until) or trouble.is_acknowledged(until)
    newer = any(begun < at <= until for at, _ in trouble.tellings())
    moved = told.oracle.who(slot.name, until) != person
    if over or newer or moved or told.oracle.is_held_by_night(person, severity, due):
        return 0
    lanes = [(person, channel) for channel in told.oracle.channels(person, severity, slot.channels)]
    if any(told.is_bad(lane, begun, until) for lane in lanes):
        return 0
    for lane in lanes:
        heard = [
            one
            for one, row in told.of(occurrence, lane)
            if row["kind"] in ALARMING and one.arrived and begun <= one.at <= until
        ]
        assert heard, (slot, lane, told.story_of(occurrence))
    return len(lanes)


# Until when ----------------------------------------------------------------------------------------------


def check_ends(told: Told) -> None:
    """Whoever was told of a beginning hears of the end, once, unless their channel does not take it."""
    for occurrence, trouble in told.troubles.items():
        lanes = {one.lane for one, row in told.of(occurrence) if row["kind"] in ALARMING and one.arrived}
        for lane in lanes:
            ends = [one for one, row in told.of(occurrence, lane) if row["kind"] == "clear" and one.how == "sent"]
            tried = [
                row["state"]
                for row in told.rows_of[occurrence]
                if (row["person"], row["channel"], row["kind"]) == (*lane, "clear")
            ]
            if trouble.momentary:
                assert not ends, told.story_of(occurrence)
            else:
                assert len(ends) == 1 or (not ends and tried[0] in {"dead", "unknown"}), told.story_of(occurrence)


def check_reminders(told: Told) -> None:
    """Reminders come in their time, and stop with an acknowledgement, an end or a shelf."""
    for occurrence, trouble in told.troubles.items():  # "told again" is also what a later step, or a repeat, tells
        for lane in {one.lane for one, row in told.of(occurrence)}:
            heard = [
                (one, row)
                for one, row in told.of(occurrence, lane)
                if row["kind"] in {*ALARMING, "remind"} and one.how not in {"failed", "refused"}
            ]
            for (before, _), (one, row) in pairwise(heard):
                if row["kind"] != "remind":
                    continue
                assert not trouble.is_acknowledged(one.at), told.story_of(occurrence)
                assert not trouble.is_over(one.at), told.story_of(occurrence)
                assert not trouble.is_shelved(one.at), told.story_of(occurrence)
                again = row["attempts"] > 1 or before.how != "sent"
                is_due = one.at - before.at >= FIRST_REMINDER[row["severity"]] - 1
                assert again or is_due, told.story_of(occurrence)
            for number, (one, row) in enumerate(heard):
                _check_reminded(told, occurrence, one, row, heard[number + 1 :])


def _check_reminded(
    told: Told, occurrence: str, one: Delivery, row: Mapping[str, Any], later: Sequence[tuple[Delivery, Any]]
) -> None:
    trouble, severity = told.troubles[occurrence], row["severity"]
    if RANKS[severity] < RANKS["high"] or row["kind"] == "remind":
        return
    was_reminded = any(
        each["kind"] == "remind" and before.at <= one.at for before, each in told.of(occurrence, one.lane)
    )
    until = one.at + (LAST_REMINDER if was_reminded else FIRST_REMINDER)[severity] + PROMPT
    over = trouble.is_over(until) or trouble.is_shelved(until) or trouble.is_acknowledged(until)
    held = told.oracle.is_held_by_night(one.lane[0], severity, until)
    newer = any(one.at < at <= until for at, _ in trouble.tellings())
    bad = told.is_bad(one.lane, one.at, until) or (trouble.shelved and trouble.shelved[0] <= until)
    if not (over or held or newer or bad or any(each.at <= until for each, _ in later)):
        assert _took_over(told, occurrence, one, row, until), told.story_of(occurrence)


def _took_over(told: Told, occurrence: str, one: Delivery, row: Mapping[str, Any], until: int) -> bool:
    """Whether somebody else is on call by then, and has heard of it instead, as far as they can be reached."""
    trouble, roster = told.troubles[occurrence], row["body"]["why"].get("roster", "")
    others = {told.oracle.who(roster, at) for at in (one.at, until)} - {one.lane[0], roster}
    begun, severity = trouble.telling_at(one.at)
    heard = {each.lane[0] for each, _ in told.of(occurrence) if each.arrived and begun <= each.at <= until}
    waits = any(told.oracle.is_held_by_night(who, severity, until) for who in others)
    bad = any(window.lane[0] in others and told.is_bad(window.lane, begun, until) for window in told.story.windows)
    return bool(others) and (waits or bad or bool(others & heard))


def check_nobody_answered(told: Told) -> None:
    """It is said where the last step was told and nobody had acknowledged, and nowhere else."""
    said = {occurrence: at for kind, occurrence, at in told.world.raised if kind == "nobody_answered"}
    assert len(said) == len(told.world.raised)
    sure = 0
    for occurrence, trouble in told.troubles.items():
        if trouble.rule == NOBODY:
            assert occurrence not in said
            continue
        spans = [_span(told, trouble, *each) for each in trouble.tellings() if RANKS[each[1]] >= RANKS["high"]]
        if occurrence in said:
            at = said[occurrence]
            assert any(earliest <= at <= ends for earliest, _, ends, _ in spans), (at, told.story_of(occurrence))
        surely = [each for each in spans if each[1] < each[2] and each[3]]
        assert occurrence in said or not surely, told.story_of(occurrence)
        sure += len(surely)
    assert sure > 3


def _span(told: Told, trouble: Trouble, begun: int, severity: str) -> tuple[int, int, int, bool]:
    """When it is said at the earliest and the latest, when there is an answer, whether nothing delays it."""
    slots = told.oracle.slots(trouble, severity)
    dues = [begun + slot.after + told.oracle.repeat_every(slot.team) for slot in slots]
    latest = max(dues) + 15 * MINUTE
    answers = [trouble.clears, *(each[0] for each in (trouble.acknowledged, trouble.shelved) if each)]
    first = begun if trouble.is_acknowledged(begun) else min(at for at in answers if at > begun)
    people = {told.oracle.who(slot.name, begun + slot.after) for slot in slots}
    held = any(told.oracle.is_held_by_night(person, severity, at) for person in people for at in (begun, latest))
    bad = any(one.lane[0] in people and told.is_bad(one.lane, begun, latest) for one in told.story.windows)
    newer = any(begun < at <= latest for at, _ in trouble.tellings())
    return min(dues), latest, first, not (held or bad or newer)


def by_lane(told: Told) -> Mapping[tuple[str, str], Sequence[Delivery]]:
    found = defaultdict(list)
    for one in told.world.deliveries:
        found[one.lane].append(one)
    return found


def _rank(one: Delivery) -> int:
    return max(RANKS[row["severity"]] for row in one.rows)
