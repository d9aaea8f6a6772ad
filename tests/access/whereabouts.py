"""The slow truth of zones: everything is reckoned anew from all that ever happened, minute by minute."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from monitor.model import LATE
from monitor.periods import DAY
from monitor.zones import AccessZone

__all__ = ["Reference", "Went"]

MINUTE = 60_000


@cache
def _moments(minute: int, timezone: ZoneInfo, begin: int) -> list[int]:
    """The first minute of each local day of twelve whose clock shows a time of the day, or is past it."""
    seen: set[object] = set()
    found = []
    for moment in range(begin - 2 * DAY, begin + 10 * DAY, MINUTE):
        shown = datetime.fromtimestamp(moment / 1000, timezone)
        if shown.hour * 60 + shown.minute >= minute and shown.date() not in seen:
            seen.add(shown.date())
            found.append(moment)
    return found


@dataclass(frozen=True)
class Went:
    """Somebody went through a door into or out of `zone`, at `time`; it was recorded at `now`."""

    now: int
    time: int
    zone: str
    way: str
    person: str
    card: str


@dataclass
class Reference:
    """`begin`: when counting began, a whole minute (UTC ms)."""

    zones: Mapping[str, AccessZone]
    timezone: ZoneInfo
    begin: int
    went: list[Went] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    crowded: set[str] = field(default_factory=set)
    until: int = 0

    def outer(self, zone: str) -> str:
        return self.zones[zone].within

    def chain(self, zone: str) -> list[str]:
        return [zone, *self.chain(self.outer(zone))] if zone else []

    def resets(self, zone: str, after: int, until: int) -> Iterator[int]:
        minute = self.zones[zone].reset
        if minute is not None:
            yield from (each for each in _moments(minute, self.timezone, self.begin) if after < each <= until)

    def settled(self, place: str, time: int, now: int) -> str:
        """Where who was in a place is now."""
        for _, zone in self.moments(max(time, self.begin), now):
            if zone in self.chain(place):
                place = self.outer(zone)
        return place

    def moments(self, after: int, until: int) -> list[tuple[int, str]]:
        """When which zone is reset; inner ones first."""
        found = [(moment, zone) for zone in self.zones for moment in self.resets(zone, after, until)]
        return sorted(found, key=lambda each: (each[0], -len(self.chain(each[1]))))

    def track(self, person: str) -> Went | None:
        """The last passage of somebody that is believed."""
        last: Went | None = None
        for each in self.went:
            is_old = last is not None and each.now - each.time > LATE and each.time < last.time
            if each.person == person and not is_old:
                last = each
        return last

    def place(self, went: Went) -> str:
        return went.zone if went.way == "in" else self.outer(went.zone)

    def where(self, person: str, now: int) -> str:
        last = self.track(person)
        return "" if last is None else self.settled(self.place(last), last.time, now)

    def count(self, zone: str, now: int) -> tuple[int, int]:
        people = {each.person for each in self.went if each.person}
        known = sum(zone in self.chain(self.where(person, now)) for person in people)
        return known + sum(zone in self.chain(ghost) for ghost in self.ghosts), known

    def pass_time(self, now: int) -> None:
        """Reset those without a name, one moment after the other, inner zones first."""
        for _, zone in self.moments(max(self.until, self.begin), now):
            self.ghosts = [self.outer(zone) if zone in self.chain(ghost) else ghost for ghost in self.ghosts]
            self.ghosts = [ghost for ghost in self.ghosts if ghost]
        self.until = now

    def take(self, went: Went) -> None:
        self.pass_time(went.now)
        if went.person:
            before, known = self.track(went.person), self.where(went.person, went.now)
            self.went.append(went)
            if self.track(went.person) is not went:
                return
            is_reset = before is not None and self.place(before) != known
            is_wrong = (went.zone in self.chain(known)) is (went.way == "in")
            if self.zones[went.zone].passback and is_wrong and not is_reset and went.time - self.begin >= DAY:
                self.told.append(("passback", f"passback-{went.card}"))
        else:
            self.ghost(went)
        for ident, zone in self.zones.items():
            count, _ = self.count(ident, went.now)
            if zone.most is not None and count > zone.most and ident not in self.crowded:
                self.crowded.add(ident)
                self.told.append(("crowded", f"crowded-{ident}-{went.card}"))
            elif zone.most is not None and count < max(zone.most, 1):
                self.crowded.discard(ident)

    def ghost(self, went: Went) -> None:
        ends = [self.outer(went.zone), went.zone]
        source, target = (
            self.settled(end, went.time, went.now) for end in (ends if went.way == "in" else ends[::-1])
        )
        if source == target:
            return
        of: Sequence[str] = [source] if went.way == "in" else [z for z in self.zones if source in self.chain(z)]
        left = next((zone for zone in of if zone in self.ghosts), None)
        if left is not None:
            self.ghosts.remove(left)
        if target:
            self.ghosts.append(target)
