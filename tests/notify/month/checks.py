"""What is checked of each message of the month, and of each alarm, against the oracle and the truth."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from monitor.notify.explaining import explain
from tests.notify.month.oracle import Slot, local
from tests.notify.month.story import HOUR, MINUTE, NOBODY, RANKS, Trouble
from tests.notify.month.told import ALARMING, Told
from tests.notify.month.world import Delivery

__all__ = ["check_all"]

DIGESTS = frozenset({"quiet", "budget"})
FIRST_REMINDER = {"critical": 5 * MINUTE, "high": 30 * MINUTE, "medium": 8 * HOUR}
LAST_REMINDER = {"critical": 15 * MINUTE, "high": HOUR}
PROMPT = 8 * MINUTE
"""What is high is told within its group's interval, the wait and the pace, when its channel works."""
IN_A_FLOOD = 14 * MINUTE


def check_all(told: Told) -> None:
    check_persons(told)
    check_explained(told)
    check_afterwards(told)
    check_nights(told)
    check_budgets(told)
    check_pace(told)
    check_interval(told)
    check_promptness(told)
    check_ends(told)
    check_reminders(told)
    check_nobody_answered(told)
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
        begun, severity = telling(trouble, one.at)
        assert row["severity"] == severity or _is_again(told, one, row), told.story_of(row["occurrence"])
        fits = [slot for slot in told.oracle.slots(trouble, severity) if _fits(told, slot, one, row, begun)]
        assert fits or _is_again(told, one, row), (begun, told.story_of(row["occurrence"]))
        if row["step"] and not _is_again(told, one, row):
            assert not trouble.is_acknowledged(one.at), told.story_of(row["occurrence"])
            assert not trouble.is_over(one.at), told.story_of(row["occurrence"])
        if trouble.is_over(one.at) and one.how == "sent":
            ends = [each for each in told.carried.get(one_primary(told, one), ()) if each["kind"] == "clear"]
            ended = any(each["occurrence"] == row["occurrence"] for each in ends)
            assert ended or _is_again(told, one, row), told.story_of(row["occurrence"])


def telling(trouble: Trouble, at: int) -> tuple[int, str]:
    return [each for each in trouble.tellings() if each[0] <= at][-1]


def one_primary(told: Told, one: Delivery) -> int:
    """The row that carries the others of its message."""
    ids = {row["id"] for row in one.rows}
    found = [row["id"] for row in told.rows if row["id"] in ids and row["carried_by"] not in ids]
    return int(found[0])


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
    if channel not in told.oracle.channels(person, row["severity"], slot.channels) and not _fell_back(
        told, one, row
    ):
        return False
    return begun + slot.after <= one.at or _was_hastened(told, one, row, begun)


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
        about = told.story_of(row["occurrence"])
        assert told.may_know(row["occurrence"], one.lane, one.at) or _fell_back(told, one, row), about
        if row["kind"] == "clear":
            assert trouble.is_over(one.at), about
        elif row["kind"] == "acknowledged":
            assert trouble.acknowledged is not None, about
            assert trouble.acknowledged[0] <= one.at, about
            assert trouble.acknowledged[1] != one.lane[0], about
        elif row["kind"] == "shelf_expiring":
            assert trouble.is_shelved(one.at), about
        else:
            assert row["kind"] == "remind", about


# When ----------------------------------------------------------------------------------------------------


def check_nights(told: Told) -> None:
    for one, row, is_own in told.items:
        if is_own:
            about = told.story_of(row["occurrence"])
            assert not told.oracle.is_held_by_night(one.lane[0], row["severity"], one.at), about


def check_budgets(told: Told) -> None:
    """What can wait goes out only as long as the day's and the night's count of messages is below the budget."""
    had: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in told.world.deliveries:
        person = one.lane[0]
        budget = told.oracle.budget(person)
        waits = max(RANKS[row["severity"]] for row in one.rows) < RANKS["high"]
        is_new = all(row["held"] not in DIGESTS and row["attempts"] == 1 for row in one.rows)
        if waits and is_new:
            night = told.oracle.night_of(person, one.at)
            today = {name for at, name in had[person] if local(at).date() == local(one.at).date()}
            tonight = {name for at, name in had[person] if told.oracle.night_of(person, at) == night}
            about = (one.lane, local(one.at), [row["notification_id"] for row in one.rows])
            assert "day" not in budget or len(today) < budget["day"], about
            assert "night" not in budget or night is None or len(tonight) < budget["night"], about
        if one.how == "sent":
            primary = one_primary(told, one)
            name = next(row["notification_id"] for row in one.rows if row["id"] == primary)
            had[person].append((one.at, name))


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
    gathered = any(row["body"].get("gather") for one, row, _ in _own(told, occurrence) if one.at >= begun)
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


def _own(told: Told, occurrence: str) -> Iterator[tuple[Delivery, Mapping[str, Any], bool]]:
    for one, row in told.of(occurrence):
        if isinstance(row["body"], Mapping):
            yield one, row, True


# Until when ----------------------------------------------------------------------------------------------


def check_ends(told: Told) -> None:
    """Whoever was told of a beginning hears of the end, once, unless their channel does not take it."""
    for occurrence, trouble in told.troubles.items():
        lanes = {one.lane for one, row in told.of(occurrence) if row["kind"] in ALARMING and one.arrived}
        for lane in lanes:
            ends = [one for one, row in told.of(occurrence, lane) if row["kind"] == "clear" and one.how == "sent"]
            tried = [
                row["state"]
                for row in told.rows
                if (row["occurrence"], row["person"], row["channel"], row["kind"]) == (occurrence, *lane, "clear")
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
                about = told.story_of(occurrence)
                assert not trouble.is_acknowledged(one.at), about
                assert not trouble.is_over(one.at), about
                assert not trouble.is_shelved(one.at), about
                again = row["attempts"] > 1 or before.how != "sent"
                assert again or one.at - before.at >= FIRST_REMINDER[row["severity"]] - 1, about
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
    if not (over or held or newer or bad):
        assert any(each.at <= until for each, _ in later), told.story_of(occurrence)


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


# Everything ----------------------------------------------------------------------------------------------


def check_rows(told: Told) -> None:
    """Each alarm of medium and more has reached somebody, or each of its rows says why not; nothing is left."""
    unheard = 0
    for occurrence, trouble in told.troubles.items():
        rows = [row for row in told.rows if row["occurrence"] == occurrence]
        assert rows, (occurrence, trouble)
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


def by_lane(told: Told) -> Mapping[tuple[str, str], Sequence[Delivery]]:
    found = defaultdict(list)
    for one in told.world.deliveries:
        found[one.lane].append(one)
    return found


def _rank(one: Delivery) -> int:
    return max(RANKS[row["severity"]] for row in one.rows)
