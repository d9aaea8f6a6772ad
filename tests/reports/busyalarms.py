"""A month in a house with too many alarms: a voltage that hovers, a storm, what nobody repairs."""

import random
from dataclasses import dataclass
from typing import Any

from monitor.performance.record import Episode, Record, Sent
from monitor.periods import DAY
from tests.reports.books import moment

__all__ = ["Records", "busy_alarms"]

_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000


@dataclass(frozen=True)
class Records:
    """The `AlarmRecords` of what is given."""

    past: Record

    async def record(self, start: int, end: int) -> Record:
        episodes = [
            one
            for one in self.past.episodes
            if one.raised < end and (one.raised >= start or one.cleared is None or one.cleared > start)
        ]
        return Record(episodes, [one for one in self.past.messages if start <= one.time < end])


def busy_alarms() -> Records:
    """October 2026."""
    chance = random.Random(11)
    begin = moment("2026-10-01T00:00")
    episodes: list[Episode] = []

    def raised(at: float, lasts: float | None, rule: str, source: str, severity: str, **more: Any) -> None:
        at = round(at)
        cleared = None if lasts is None else at + round(lasts)
        name = f"{rule}-{len(episodes)}"
        episodes.append(
            Episode(
                occurrence=name,
                rule=rule,
                source_key=source,
                severity=severity,
                raised=at,
                cleared=cleared,
                **more,
            )
        )

    for day in range(31):
        for _ in range(chance.randrange(3, 14)):
            at = begin + day * DAY + chance.randrange(DAY)
            raised(at, chance.expovariate(1 / (4 * _MINUTE)), "undervoltage", "front-in/voltage_l1_v", "medium")
        if chance.random() < 0.5:
            raised(begin + day * DAY + chance.randrange(DAY), 20 * _MINUTE, "door-held", "garage-in", "low")
    storm = moment("2026-10-13T09:00")
    for number in range(46):
        raised(storm + number * 7 * _SECOND, 12 * _MINUTE, "offline", f"meter-{number % 23:02}", "high")
    for burst in (moment("2026-10-19T02:10"), moment("2026-10-20T03:40")):
        for number in range(5):
            raised(burst + number * 15 * _SECOND, 6 * _SECOND, "pump-pressure", "pump-1/pressure_bar", "medium")
    raised(moment("2026-09-22T08:00"), None, "battery-low", "smoke-2/battery_pct", "low")
    raised(moment("2026-10-24T08:00"), 3 * DAY, "leak", "smoke-1/alarm", "critical", acknowledged=begin + 24 * DAY)
    for number in range(10):
        at = begin + (2 * number + 1) * DAY
        seen, cause = round(at + (number + 1) * 3 * _MINUTE), "replaced" if number < 3 else "false_alarm"
        raised(
            at, (number + 1) * _HOUR, "door-forced", "cellar", "low", acknowledged=seen, cause=cause, again=True
        )
    raised(begin + 3 * DAY, _HOUR, "door-forced", "cellar", "low")
    messages = [
        Sent(person, one.raised + 2 * _SECOND, "raise", one.rule, one.source_key)
        for one in episodes
        if one.severity != "low" and one.raised >= begin
        for person in (("ana", "ben") if one.severity in {"high", "critical"} else ("ana",))
    ]
    return Records(
        Record(sorted(episodes, key=lambda one: one.raised), sorted(messages, key=lambda one: one.time))
    )
