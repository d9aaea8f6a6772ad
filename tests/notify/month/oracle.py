"""Who is to be told, reckoned slowly and plainly from the written site file: shares no code with the program."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Any

from tests.notify.month.places import Month
from tests.notify.month.story import BERLIN, HOUR, MINUTE, RANKS, Story, Trouble

__all__ = ["Oracle", "Slot", "local"]

_UNITS = {"min": MINUTE, "h": HOUR}
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Slot:
    """Somebody (a person, or a roster) is to be told `after` ms by a route's team, at the how manieth repeat."""

    route: int
    team: str
    after: int
    name: str
    channels: tuple[str, ...]
    again: int


def local(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(BERLIN)


class Oracle:
    """Knows the month's written settings."""

    def __init__(self, month: Month, story: Story) -> None:
        self._month = month
        self.notify = month.written
        self._calls = self._walk(story)

    # Who is on call -----------------------------------------------------------------------------------

    def _walk(self, story: Story) -> Mapping[tuple[str, int], str]:
        """Who is on call in each hour since the hands were first over: everything here begins at a full hour."""
        month, found = self._month, {}
        hour = int(datetime.combine(month.rotates, time(8), BERLIN).timestamp())
        week, night = 0, -1
        while hour * 1000 < story.ends + 10 * 24 * HOUR:
            now = datetime.fromtimestamp(hour, UTC).astimezone(BERLIN)
            if now.weekday() == 0 and now.hour == 8 and now.date() != month.rotates:
                week += 1
            night += now.hour == 18
            found["duty", hour] = self._duty(now, week)
            found["pipes", hour] = ["cy", "dan"][night % 2]
            hour += 3600
        return found

    def _duty(self, now: datetime, week: int) -> str:
        month = self._month
        _, stands_in, begins, ends = month.said
        if _at(begins, 10) <= now < _at(ends, 10):
            return stands_in
        if _at(month.over[0], 12) <= now < _at(month.over[1], 9):
            return "eve"
        if now.date() in month.holidays:
            return "cy"
        person = ["ana", "ben", "dan"][week % 3]
        return "dan" if person == "ben" and month.away[0] <= now.date() <= month.away[1] else person

    def who(self, name: str, at: int) -> str:
        """The person whom a name of a step means at a moment (UTC ms)."""
        hour = at // HOUR * 3600
        return self._calls.get((name, hour), name)

    # Whom a route names -------------------------------------------------------------------------------

    def slots(self, trouble: Trouble, severity: str) -> Sequence[Slot]:
        """Everybody who is to be told of an alarm, in time, as the routes say from the top."""
        about = {
            "rule": trouble.rule,
            "class": trouble.device_class,
            "building": trouble.building,
            "severity": severity,
        }
        found: list[Slot] = []
        for number, route in enumerate(self.notify["routes"], 1):
            match = route.get("match", {})
            if all(any(fnmatchcase(about[key], one) for one in _listed(match[key])) for key in match):
                found += self._of_team(number, route["team"])
                if not route.get("continue"):
                    break
        return sorted(found, key=lambda slot: slot.after)

    def team(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = next(one for one in self.notify["teams"] if one["id"] == name)
        return found

    def repeat_every(self, name: str) -> int:
        return _ms(self.team(name).get("repeat_every", "15 min"))

    def _of_team(self, route: int, name: str) -> Iterator[Slot]:
        team = self.team(name)
        steps = team.get("escalation", [{"after": "0 min", "notify": team.get("members")}])
        for step in steps:
            for who in _listed(step["notify"]):
                yield Slot(route, name, _ms(step["after"]), who, tuple(_listed(step.get("channels", []))), 0)
        last = steps[-1]
        for again in range(1, team.get("repeat", 0) + 1):
            after = _ms(last["after"]) + again * self.repeat_every(name)
            for who in _listed(last["notify"]):
                yield Slot(route, name, after, who, tuple(_listed(last.get("channels", []))), again)

    # What a person wants ------------------------------------------------------------------------------

    def person(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = next(one for one in self.notify["people"] if one["id"] == name)
        return found

    def channels(self, name: str, severity: str, only: Sequence[str]) -> Sequence[str]:
        """The channels over which somebody is told first."""
        person = self.person(name)
        allowed = [one for one in person["channels"] if not only or one in only]
        first = [one for one in _listed(person.get("over", {}).get(severity, [])) if one in allowed]
        return first or allowed

    def is_held_by_night(self, name: str, severity: str, at: int) -> bool:
        """Whether somebody is not to hear of a severity at a moment."""
        quiet = self.person(name).get("quiet", self.notify["quiet"])
        return bool(quiet) and RANKS[severity] < RANKS[quiet["below"]] and _is_within(quiet["hours"], at)

    def night_of(self, name: str, at: int) -> date | None:
        """The day on which somebody's night began that lasts at a moment; None by day."""
        quiet = self.person(name).get("quiet", self.notify["quiet"])
        hours = quiet["hours"] if quiet else "22:00-07:00"
        if not _is_within(hours, at):
            return None
        now = local(at)
        return now.date() if now.hour >= 12 else now.date() - _ONE_DAY

    def budget(self, name: str) -> Mapping[str, int]:
        found: Mapping[str, int] = self.person(name).get("budget", {})
        return found


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), BERLIN)


def _is_within(hours: str, at: int) -> bool:
    first, last = (int(one[:2]) for one in hours.split("-"))
    return local(at).hour >= first or local(at).hour < last


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _ms(text: str) -> int:
    number, unit = text.split()
    return int(number) * _UNITS[unit]
