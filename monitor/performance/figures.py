"""Performance figures of a period (ISA-18.2, EEMUA 191), and whether people got more messages than they can heed.

Limits are habits of process plants, where an operator sits at a desk; a caretaker has other work. What counts
here most is how many messages a person gets, and at night. Averages hide floods (EEMUA 191 looks at the worst ten
minutes of each day, too), so the distribution is told and not the mean alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from monitor.performance.rates import Chatter, Flood, banded, bins, chattering, floods
from monitor.performance.record import Episode, Record, Sent
from monitor.performance.response import Times, causes_of, times_of, whole
from monitor.periods import DAY, local_day, pieces
from monitor.site import AlarmLimits

__all__ = [
    "AIMS",
    "NIGHT",
    "OneDay",
    "Performance",
    "Person",
    "Standing",
    "Top",
    "performance_of",
]

NIGHT: Final = (22, 6)
"""Local hours between which a message wakes somebody."""
AIMS: Final[Mapping[str, float]] = {"low": 80.0, "medium": 15.0, "high": 5.0}
"""Percent of all alarms that should have a severity (EEMUA 191); critical is counted with high."""
_FLEETING: Final = 10_000
_TOP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OneDay:
    """A local day: alarms raised, the most in ten minutes, how many had been active for more than 24 h."""

    day: date
    raised: int
    most: int
    standing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """A source among those that raised most; `share` in percent of all alarms."""

    rule: str
    source_key: str
    alarms: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An alarm that was active for more than 24 h; `stood` in ms, up to the end of what is known."""

    rule: str
    source_key: str
    severity: str
    raised: int
    stood: int
    goes_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Messages to a person: all, the most on a day and in a night, and how often that was above the limits."""

    person: str
    messages: int
    per_day: float
    most_a_day: int
    at_night: int
    most_a_night: int
    days_above: int
    nights_above: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The figures of [start, end). Shares are in percent, None where nothing was raised; times in ms.

    `grade`: acceptable, many or too_many alarms a day on average. `bands`: how many spans of ten minutes had how
    many alarms. `above_one`: share of them with more than one. `peak`: the most; `daily_peak`: the most of each
    day, averaged. `in_flood`: share of the time. `fleeting`: active for less than 10 s, and nobody responded.
    `response`: how long people took with all of them, `responses` by class, rule and device; `causes`: what they
    came of, as far as people have said; `again`: the same had been raised within the seven days before.
    """

    start: int
    end: int
    limits: AlarmLimits
    raised: int
    per_day: float
    grade: str
    days_above: int
    bands: Mapping[str, int]
    above_one: float
    peak: int
    daily_peak: float
    floods: Sequence[Flood]
    in_flood: float
    flood_alarms: int
    chattering: Sequence[Chatter]
    fleeting: int
    fleeting_share: float | None
    standing: Sequence[Standing]
    top: Sequence[Top]
    top_share: float | None
    severities: Mapping[str, int]
    split: Mapping[str, float]
    people: Sequence[Person]
    response: Times
    responses: Sequence[Times]
    causes: Mapping[str, int]
    again: int
    days: Sequence[OneDay]


def performance_of(
    record: Record,
    span: tuple[int, int],
    zone: ZoneInfo,
    limits: AlarmLimits | None = None,
    classes: Mapping[str, str] | None = None,
) -> Performance:
    """The figures of [start, end), UTC ms, of which the end is not in the future; `classes`: device -> class."""
    start, end = span
    limits = limits or AlarmLimits()
    mine = [one for one in record.episodes if start <= one.raised < end]
    long = max(1, end - start)
    counted = bins((one.raised for one in mine), start, end)
    days = _days(record.episodes, counted, span, zone)
    flooded = _clipped(floods([one.raised for one in record.episodes], end), start)
    fleeting = sum(_is_fleeting(one) for one in mine)
    top = _top(mine)
    severities = Counter(one.severity for one in mine)
    per_day = len(mine) * DAY / max(DAY, long)
    return Performance(
        start=start,
        end=end,
        limits=limits,
        raised=len(mine),
        per_day=per_day,
        grade=_grade(per_day, limits),
        days_above=sum(one.raised > limits.acceptable for one in days),
        bands=banded(counted.values()),
        above_one=_share(sum(each > 1 for each in counted.values()), len(counted)) or 0.0,
        peak=max(counted.values(), default=0),
        daily_peak=sum(one.most for one in days) / max(1, len(days)),
        floods=flooded,
        in_flood=100 * sum((end if one.end is None else one.end) - one.start for one in flooded) / long,
        flood_alarms=sum(one.alarms for one in flooded),
        chattering=chattering(mine),
        fleeting=fleeting,
        fleeting_share=_share(fleeting, len(mine)),
        standing=_standing(record.episodes, span),
        top=top,
        top_share=_share(sum(one.alarms for one in top), len(mine)),
        severities={name: severities[name] for name in ("critical", "high", "medium", "low")},
        split=_split(severities),
        people=_people([one for one in record.messages if start <= one.time < end], span, zone, limits),
        response=whole(mine),
        responses=times_of(mine, classes or {}),
        causes=causes_of(mine),
        again=sum(one.again for one in mine),
        days=days,
    )


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _grade(per_day: float, limits: AlarmLimits) -> str:
    if per_day <= limits.acceptable:
        return "acceptable"
    return "many" if per_day < limits.too_many else "too_many"


def _split(severities: Mapping[str, int]) -> dict[str, float]:
    whole = sum(severities.values())
    if not whole:
        return {}
    grouped = {
        "low": severities.get("low", 0),
        "medium": severities.get("medium", 0),
        "high": severities.get("high", 0) + severities.get("critical", 0),
    }
    return {name: 100 * count / whole for name, count in grouped.items()}


def _is_fleeting(one: Episode) -> bool:
    if one.momentary or one.cleared is None or one.cleared - one.raised >= _FLEETING:
        return False
    return one.acknowledged is None or one.acknowledged > one.cleared


def _clipped(found: Iterable[Flood], start: int) -> list[Flood]:
    return [
        Flood(max(one.start, start), one.end, one.alarms) for one in found if one.end is None or one.end > start
    ]


def _top(mine: Sequence[Episode]) -> list[Top]:
    counted = Counter((one.rule, one.source_key) for one in mine)
    ranked = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return [
        Top(rule=rule, source_key=source, alarms=count, share=100 * count / len(mine))
        for (rule, source), count in ranked[:_TOP]
    ]


def _standing(episodes: Iterable[Episode], span: tuple[int, int]) -> list[Standing]:
    start, end = span
    found = [
        Standing(
            rule=one.rule,
            source_key=one.source_key,
            severity=one.severity,
            raised=one.raised,
            stood=one.stood(end),
            goes_on=one.cleared is None or one.cleared >= end,
        )
        for one in episodes
        if one.stood(end) > DAY and (one.cleared is None or one.cleared > start)
    ]
    return sorted(found, key=lambda one: (-one.stood, one.rule, one.source_key))


def _days(
    episodes: Sequence[Episode], counted: Mapping[int, int], span: tuple[int, int], zone: ZoneInfo
) -> list[OneDay]:
    found = []
    long = [one for one in episodes if one.stood(span[1]) > DAY]
    raised = Counter(local_day(one.raised, zone) for one in episodes if span[0] <= one.raised < span[1])
    most: dict[date, int] = {}
    for begin, count in counted.items():
        day = local_day(begin, zone)
        most[day] = max(most.get(day, 0), count)
    for begin, until in pieces(*span, "day", zone):
        day = local_day(begin, zone)
        standing = sum(one.stood(until) > DAY and (one.cleared is None or one.cleared > begin) for one in long)
        found.append(OneDay(day=day, raised=raised[day], most=most.get(day, 0), standing=standing))
    return found


def _people(messages: Sequence[Sent], span: tuple[int, int], zone: ZoneInfo, limits: AlarmLimits) -> list[Person]:
    by_person = defaultdict[str, list[Sent]](list)
    for one in messages:
        by_person[one.person].append(one)
    long = max(DAY, span[1] - span[0]) / DAY
    found = []
    for person, mine in by_person.items():
        days = Counter(local_day(one.time, zone) for one in mine)
        nights = Counter(night for one in mine if (night := _night(one.time, zone)) is not None)
        found.append(
            Person(
                person=person,
                messages=len(mine),
                per_day=len(mine) / long,
                most_a_day=max(days.values(), default=0),
                at_night=nights.total(),
                most_a_night=max(nights.values(), default=0),
                days_above=sum(each > limits.messages for each in days.values()),
                nights_above=sum(each > limits.night_messages for each in nights.values()),
            )
        )
    return sorted(found, key=lambda one: (-one.messages, one.person))


def _night(time: int, zone: ZoneInfo) -> date | None:
    """The day on whose evening the night of a moment began; None: it is not night."""
    local = datetime.fromtimestamp(time / 1000, UTC).astimezone(zone)
    if local.hour >= NIGHT[0]:
        return local.date()
    return local.date() - timedelta(days=1) if local.hour < NIGHT[1] else None
