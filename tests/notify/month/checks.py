"""What is checked of each message of the month, and of each alarm, against the oracle and the truth."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitor.notify.explaining import explain
from tests.notify.month.oracle import Slot
from tests.notify.month.story import HOUR, RANKS, Trouble
from tests.notify.month.times import DIGESTS, check_times
from tests.notify.month.told import ALARMING, Told
from tests.notify.month.world import Delivery

__all__ = ["check_all"]


def check_all(told: Told) -> None:
    check_persons(told)
    check_explained(told)
    check_afterwards(told)
    check_times(told)
    check_rows(told)
    check_texts(told)


# Who is told ---------------------------------------------------------------------------------------------


def check_persons(told: Told) -> None:
    """Whoever hears of a beginning is named by a route, is on call at that moment, and their step has come."""
    for one, row, _ in told.items:
        if row["kind"] not in ALARMING:
            continue
        trouble = told.troubles[row["occurrence"]]
        assert not trouble.is_shelved(one.at), told.story_of(row["occurrence"])
        begun, severity = trouble.telling_at(one.at)
        assert row["severity"] == severity or _is_again(told, one, row), told.story_of(row["occurrence"])
        fits = [slot for slot in told.oracle.slots(trouble, severity) if _fits(told, slot, one, row, begun)]
        assert fits or _is_again(told, one, row), (begun, told.story_of(row["occurrence"]))
        assert not _is_done_with(told, one, row, fits), told.story_of(row["occurrence"])
        if row["step"] and not _is_again(told, one, row):
            assert not trouble.is_acknowledged(one.at), told.story_of(row["occurrence"])
            assert not trouble.is_over(one.at), told.story_of(row["occurrence"])
        if trouble.is_over(one.at) and one.how == "sent":
            ends = [each for each in told.carried.get(told.primary_of(one), ()) if each["kind"] == "clear"]
            ended = any(each["occurrence"] == row["occurrence"] for each in ends)
            assert ended or _is_again(told, one, row), told.story_of(row["occurrence"])


def _is_done_with(told: Told, one: Delivery, row: Mapping[str, Any], fits: Sequence[Slot]) -> bool:
    """Whether somebody who came on call later is told of what is over, and of which others were told anew since.

    For whom it was put off has a line of it in their digest, with the severity of now.
    """
    trouble, made = told.troubles[row["occurrence"]], row["created"]
    if row["held"] not in DIGESTS or not trouble.is_over(one.at) or _is_again(told, one, row):
        return False
    newer = any(
        each.arrived and other["kind"] in ALARMING and other["created"] > made and each.at <= one.at
        for each, other in told.of(row["occurrence"])
    )
    begun, _ = trouble.telling_at(made)
    return newer and all(told.oracle.who(slot.name, begun + slot.after) != one.lane[0] for slot in fits)


def _is_again(told: Told, one: Delivery, row: Mapping[str, Any]) -> bool:
    """Whether it is a further try of what may have arrived: it stays with its person."""
    return any(
        each["id"] == row["id"]
        and before.at <= one.at
        and before is not one
        and before.how not in {"failed", "refused"}
        for before, each in told.of(row["occurrence"], one.lane)
    )


LIVES: Final = {"critical": 24 * HOUR, "high": 12 * HOUR, "medium": 6 * HOUR, "low": 2 * HOUR}
"""For how long a message is tried, as the page for technicians has it."""


def _fits(told: Told, slot: Slot, one: Delivery, row: Mapping[str, Any], begun: int) -> bool:
    person, channel = one.lane
    if told.oracle.who(slot.name, one.at) != person:
        return False
    ways = {
        name for each in _severities(told, one, row) for name in told.oracle.channels(person, each, slot.channels)
    }
    if channel not in ways and not _fell_back(told, one, row):
        return False
    return begun + slot.after <= one.at or _was_hastened(told, one, row, begun)


def _severities(told: Told, one: Delivery, row: Mapping[str, Any]) -> set[str]:
    """How severe the alarm was when a message was made: what was put off stays on the channel that it was for."""
    if row["held"] not in DIGESTS:
        return {row["severity"]}
    return {severity for at, severity in told.troubles[row["occurrence"]].tellings() if at <= one.at}


def _fell_back(told: Told, one: Delivery, row: Mapping[str, Any]) -> bool:
    """Whether another channel of the person has refused the same message for good, or not taken it in its time."""
    return any(
        before.at <= one.at
        and (before.how == "refused" or (before.how == "failed" and one.at - before.at >= LIVES[row["severity"]]))
        and each["notification_id"] == row["notification_id"]
        for before, each in told.of(row["occurrence"])
        if before.lane[0] == one.lane[0] and before.lane != one.lane
    )


def _was_hastened(told: Told, one: Delivery, row: Mapping[str, Any], begun: int) -> bool:
    """Whether nobody of the steps before could be reached."""
    before = [
        each
        for each, other in told.of(row["occurrence"])
        if other["kind"] in ALARMING and begun <= each.at <= one.at and other["step"] < row["step"]
    ]
    return bool(before) and all(each.how == "refused" for each in before)


def check_explained(told: Told) -> None:
    """`notify explain` names each message of a first step, its person and channel, and its route.

    It is asked for the time of the raise; where somebody else was on call when it was sent, for that time.
    """
    site, known = told.world.site, told.world.stand_ins()
    for one, row, is_own in told.items:
        if row["kind"] not in ALARMING or row["step"] or not is_own:
            continue
        trouble = told.troubles[row["occurrence"]]
        rule = site.rules[trouble.rule]
        source = next(each for each in rule.sources if each.device == trouble.device)
        begun = max(at for at, severity in trouble.tellings() if at <= one.at and severity == row["severity"])
        why = row["body"]["why"]
        explained = [
            message
            for at in (begun, one.at)
            for message in explain(site, rule, source, severity=row["severity"], at=at, stand_ins=known).messages
        ]
        told_so = [
            message
            for message in explained
            if (message.person, message.route, message.team) == (one.lane[0], why["route"], why["team"])
            and (message.channel == one.lane[1] or any(one.lane[1] in effect for effect in message.effects))
        ]
        assert told_so or _is_again(told, one, row), (why, told.story_of(row["occurrence"]))


def check_afterwards(told: Told) -> None:
    """Of what comes after a beginning, only those hear who may know of it, and only when it is so."""
    for one, row, _ in told.items:
        if row["kind"] in ALARMING:
            continue
        trouble = told.troubles[row["occurrence"]]
        may_know = told.may_know(row["occurrence"], one.lane, one.at)
        assert may_know or _fell_back(told, one, row), told.story_of(row["occurrence"])
        assert _is_so(told, one, row, trouble), told.story_of(row["occurrence"])


def _is_so(told: Told, one: Delivery, row: Mapping[str, Any], trouble: Trouble) -> bool:
    """Whether what a message says after a beginning is true, and for its person."""
    if row["kind"] == "clear":
        return trouble.is_over(one.at)
    if row["kind"] == "acknowledged":
        at, by = trouble.acknowledged or (one.at + 1, "")
        return at <= one.at and by != one.lane[0]
    if row["kind"] == "shelf_expiring":
        return trouble.is_shelved(one.at)
    return bool(row["kind"] == "remind") and _is_on_call(told, one, row)


def _is_on_call(told: Told, one: Delivery, row: Mapping[str, Any]) -> bool:
    """Whether a reminder is for its person by now; it stays with who was told when the other cannot be reached."""
    who = told.oracle.who(row["body"]["why"].get("roster", ""), one.at)
    refused = any(
        window.lane[0] == who and window.how == "refused" and window.begins <= one.at
        for window in told.story.windows
    )
    return who in {"", one.lane[0]} or refused or _is_again(told, one, row)


# Everything ----------------------------------------------------------------------------------------------


def check_rows(told: Told) -> None:
    """Each alarm of medium and more has reached somebody, or each of its rows says why not; nothing is left."""
    unheard = 0
    for occurrence, trouble in told.troubles.items():
        assert occurrence in told.rows_of, trouble
        rows = told.rows_of[occurrence]
        reached = any(one.arrived and row["kind"] in ALARMING for one, row in told.of(occurrence))
        assert reached or all(row["last_error"] for row in rows if row["kind"] in ALARMING), told.story_of(
            occurrence
        )
        if RANKS[trouble.severity_at(trouble.clears)] >= RANKS["high"]:
            unheard += not reached
    for row in told.rows:
        assert row["state"] in {"sent", "dead", "unknown", "superseded"}, dict(row)
        assert row["state"] == "sent" or row["last_error"], dict(row)
    assert unheard == 0 or told.story.windows


def check_texts(told: Told) -> None:
    """A message names the alarms that its rows are about, in the language of its reader."""
    for one in told.world.deliveries:
        said = f"{one.message.title}\n{one.message.text}".casefold()
        names = {row["body"]["device"]["name"].casefold() for row in one.rows}
        named = sum(name in said for name in names)
        assert named >= min(5, len(names)), (names, said)
        is_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in said)
        assert is_chinese == (told.oracle.person(one.lane[0])["language"] == "zh"), said
