"""Stories of chance in virtual time: whatever happens, nobody hears of an end without its beginning, and so on."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor.model import SEVERITY_RANK
from monitor.notify.holding import DIGESTS
from monitor.staff import REMINDERS, Grouping
from tests.notify.virtual import ANA, BEN, HOUR, LANES, MINUTE, NIGHT, ZONE, Told, Virtual, budgeted, house, quiet

PEOPLE = (budgeted(quiet(ANA), day=6, night=1), BEN)
GROUPING = Grouping()
BAD = ("failed", "dead", "kill", "lost", "kept")

alarms = st.integers(0, 7)
happenings = st.one_of(
    st.tuples(st.just("rises"), st.integers(0, 5), st.sampled_from(["low", "medium", "high", "critical"])),
    st.tuples(st.just("event"), st.integers(0, 5), st.sampled_from(["low", "high"])),
    st.tuples(st.just("clears"), alarms),
    st.tuples(st.just("is_acknowledged"), alarms),
    st.tuples(st.just("is_shelved"), alarms),
    st.tuples(st.just("comes_off_its_shelf"), alarms),
    st.tuples(st.just("gets_worse"), alarms),
    st.tuples(st.just("clock_is_set"), st.sampled_from([-HOUR, HOUR, -3 * HOUR, 5 * HOUR])),
)
stories = st.lists(
    st.tuples(happenings, st.sampled_from([0, 1000, 20_000, MINUTE, 10 * MINUTE, HOUR, 5 * HOUR])), max_size=25
)
answers = st.lists(st.sampled_from(["sent", *BAD]), max_size=12)


def play(story: Sequence[tuple[tuple[Any, ...], int]], answered: Sequence[str], *, reminders: bool) -> Virtual:
    site = house(*PEOPLE, escalation=[(0, ["ana", "ben"])], reminders=REMINDERS if reminders else {})
    it = Virtual(site)
    left = iter(answered)
    it.answer = lambda _attempt: next(left, "sent")
    for (what, *about), then in story:
        if what == "rises":
            it.rises(f"d{about[0]}", about[1])
        elif what == "event":
            it.rises(f"d{about[0]}", about[1], kind="event")
        elif what == "clock_is_set":
            it.clock_is_set(about[0])
        elif f"o{about[0]}" in it.alarms:
            getattr(it, what)(f"o{about[0]}")
        it.passes(then)
        check_rows(it)
    it.answer = lambda _attempt: "sent"
    it.passes(80 * HOUR)
    return it


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories, answered=answers, reminders=st.booleans())
@example(story=[(("rises", 0, "low"), 5 * HOUR), (("clears", 0), 10 * HOUR)], answered=[], reminders=True)
def test_whatever_happens(
    story: Sequence[tuple[tuple[Any, ...], int]], answered: Sequence[str], *, reminders: bool
) -> None:
    it = play(story, answered, reminders=reminders)

    for lane in LANES:
        told = [one for one in it.told if one.attempt.lane == lane]
        check_beginnings_and_ends(it, lane, told)
        check_pace(it, told)
        check_interval(it, told)
    check_night(it)
    check_budget(it)
    check_duplicates(it)
    check_rows(it)


def check_rows(it: Virtual) -> None:
    """Every row is at its end, or waits with a reason: for its time, for another try, or for what `held` says."""
    for row in it.rows():
        if row["state"] == "queued":
            assert row["held"] or row["next_at"] == row["not_before"], dict(row)
            assert row["next_at"] > it.now, dict(row)
        elif row["state"] == "failed":
            assert row["next_at"] > it.now, dict(row)
        else:
            assert row["state"] in {"sent", "unknown", "dead", "superseded"}
            assert row["last_error"] or row["state"] == "sent"


def check_beginnings_and_ends(it: Virtual, lane: tuple[str, str], told: Sequence[Told]) -> None:
    may_know: set[str] = {
        row["occurrence"]
        for row in it.rows(person=lane[0], channel=lane[1])
        if row["maybe_delivered"] and row["kind"] in {"raise", "severity"}
    }
    begun: set[str] = set()
    ended: set[str] = set()
    for one in told:
        begun |= {name for what, name in one.said if what == "begin"}
        for what, name in one.said:
            if what in {"end", "acknowledged", "remind"}:
                assert name in begun | may_know, (what, name, it.messages(lane[0]))
            if what == "end":
                ended.add(name)
    refused = {
        row["occurrence"] for row in it.rows(person=lane[0], kind="clear") if row["state"] in {"dead", "unknown"}
    }
    for name in begun - refused:
        alarm = it.alarms[name]
        assert not alarm.cleared or alarm.kind == "event" or name in ended, (name, it.messages(lane[0]))


def check_night(it: Virtual) -> None:
    for one in it.told:
        if one.attempt.lane[0] == "ana" and NIGHT.is_on(one.wall, ZONE):
            assert all(SEVERITY_RANK[row.severity] >= SEVERITY_RANK["high"] for row in rows_of(one)), it.messages()


def rows_of(one: Told) -> Sequence[Any]:
    return (one.attempt, *one.attempt.gathered)


def check_pace(it: Virtual, told: Sequence[Told]) -> None:
    ordinary = [one for one in told if one.attempt.severity != "critical" and one.certain]
    for before, after in pairwise(ordinary):
        if not any(before.steady <= at <= after.steady for at in it.stepped):
            assert after.steady - before.steady >= 1000 * GROUPING.pace, it.messages()


def check_interval(it: Virtual, told: Sequence[Told]) -> None:
    """A raise that waited for no digest follows one of its group that was as severe by the interval at least."""
    seen: list[tuple[int, str, int]] = []
    for one in told:
        news = [
            (row, row.body["group"], SEVERITY_RANK[row.severity])
            for row in rows_of(one)
            if row.kind == "raise" and row.step == 0
        ]
        for row, group, rank in news:
            if row.severity == "critical" or row.held in DIGESTS or row.number > 1:
                continue
            near = [
                was
                for at, name, was in seen
                if name == group
                and one.steady - at < 1000 * GROUPING.interval
                and not any(at <= step <= one.steady for step in it.stepped)
            ]
            together = [other for each, name, other in news if name == group and each is not row]
            assert not near or max([rank, *together]) > max(near), it.messages()
        if one.certain:
            seen += [(one.steady, group, rank) for _, group, rank in news]


def check_budget(it: Virtual) -> None:
    """What is below high and waited for no digest went out while there was some budget left in that night."""
    if it.stepped:
        return
    had: list[int] = []
    for one in it.told:
        if one.attempt.lane[0] != "ana":
            continue
        first = one.attempt
        night = [at for at in had if one.wall - at < 9 * HOUR and NIGHT.is_on(at, ZONE)]
        if NIGHT.is_on(one.wall, ZONE) and SEVERITY_RANK[first.severity] < SEVERITY_RANK["high"]:
            assert not night, it.messages()
        today = [at for at in had if _day(at) == _day(one.wall)]
        if (
            SEVERITY_RANK[first.severity] < SEVERITY_RANK["high"]
            and first.held not in DIGESTS
            and first.number == 1
        ):
            assert len(today) < 6, it.messages()
        if one.certain:
            had.append(one.wall)


def _day(at: int) -> object:
    from monitor.periods import local_day

    return local_day(at, ZONE)


def check_duplicates(it: Virtual) -> None:
    """A row arrives once, and once more only after an outcome of which nobody knew."""
    ends: dict[int, list[str]] = {}
    for _, row, answer in it.tries:
        ends.setdefault(row, []).append(answer)
    for row, seen in ends.items():
        unknown = sum(answer in {"kill", "lost", "kept"} for answer in seen)
        assert sum(answer in {"sent", "kept"} for answer in seen) <= 1 + unknown, (row, seen)
        assert seen.count("sent") <= 1, (row, seen)
        assert "dead" not in seen[:-1], (row, seen)
