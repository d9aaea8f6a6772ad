"""What happens in the month, by chance: alarms in clusters and alone, by day and by night, and what people do."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.notify.month.places import POINTS, Month, devices

__all__ = ["DAY", "HOUR", "MINUTE", "NOBODY", "RANKS", "Story", "Trouble", "Window", "write"]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN = ZoneInfo("Europe/Berlin")
RANKS = {"low": 1, "medium": 2, "high": 3, "critical": 4}
NOBODY = "monitor-nobody-answered"

_SEVERITIES = ("low", "medium", "high", "critical")
_USUAL = (30, 40, 22, 8)
_SHARE = {"low": 0.15, "medium": 0.4, "high": 0.75, "critical": 0.9}
"""How many are acknowledged."""


@dataclass
class Trouble:
    """The truth of one alarm: UTC ms of what happened; `acknowledged`: when, and by whom."""

    rule: str
    device: str
    device_class: str
    building: str
    rises: int
    severity: str
    clears: int
    worse: tuple[int, str] | None = None
    acknowledged: tuple[int, str] | None = None
    shelved: tuple[int, int] | None = None
    momentary: bool = False

    def severity_at(self, at: int) -> str:
        return self.worse[1] if self.worse is not None and self.worse[0] <= at else self.severity

    def is_shelved(self, at: int) -> bool:
        return self.shelved is not None and self.shelved[0] <= at < self.shelved[1]

    def is_acknowledged(self, at: int) -> bool:
        """Whether somebody has it in hand; what gets worse afterwards needs somebody again."""
        if self.acknowledged is None or self.acknowledged[0] > at:
            return False
        return self.worse is None or not self.acknowledged[0] <= self.worse[0] <= at

    def is_over(self, at: int) -> bool:
        return not self.momentary and self.clears <= at

    def tellings(self) -> list[tuple[int, str]]:
        """When people have to be told from the first step on, and how severe it is then."""
        found = [(self.rises, self.severity)]
        if self.worse is not None:
            found.append(self.worse)
        if (
            self.shelved is not None
            and self.shelved[1] < self.clears
            and not self.is_acknowledged(self.shelved[1])
        ):
            found.append((self.shelved[1], self.severity_at(self.shelved[1])))
        return sorted(found)

    def telling_at(self, at: int) -> tuple[int, str]:
        """The newest of them up to a moment."""
        return [each for each in self.tellings() if each[0] <= at][-1]


@dataclass(frozen=True)
class Window:
    """A span in which one channel of somebody does not do what it should.

    `how`: `refused` (for good), `failed` (tried again), `lost` and `kept` (no answer; it has not arrived, or has).
    """

    lane: tuple[str, str]
    begins: int
    ends: int
    how: str


@dataclass(frozen=True)
class Story:
    """The month: its first and last moment (UTC ms), alarms in the order of their rise, and bad channels."""

    begins: int
    ends: int
    troubles: Sequence[Trouble]
    windows: Sequence[Window] = field(default_factory=tuple)

    def answer(self, lane: tuple[str, str], at: int) -> str:
        """What a channel does with a message."""
        return next((one.how for one in self.windows if one.lane == lane and one.begins <= at < one.ends), "sent")


def moment(day: datetime) -> int:
    return round(day.timestamp() * 1000)


def write(month: Month, seed: int, count: int = 400) -> Story:
    """Make a month of so many alarms."""
    chance = random.Random(seed)
    begins = moment(datetime(month.first.year, month.first.month, 1, tzinfo=BERLIN))
    ends = moment(datetime(month.last.year, month.last.month, month.last.day, tzinfo=BERLIN) + timedelta(days=1))
    free = dict.fromkeys(devices(), begins)
    troubles: list[Trouble] = []
    for at, together in _clusters(chance, begins, ends - 2 * DAY, count):
        place = chance.choice("ab")
        near = [name for name in free if name.startswith(place)] if together > 1 else list(free)
        ready = [name for name in near if free[name] <= at]
        for name in chance.sample(ready, min(together, len(ready))):
            rises = at + (round(chance.expovariate(1 / 20_000)) if together > 1 else 0)
            trouble = _trouble(chance, name, rises)
            free[name] = trouble.clears + 2 * HOUR
            troubles.append(trouble)
    while len(troubles) < count:  # in a cluster not every device was free
        name = min(free, key=lambda one: free[one])
        trouble = _trouble(chance, name, free[name] + round(chance.uniform(0, 1) * HOUR))
        free[name] = trouble.clears + 2 * HOUR
        troubles.append(trouble)
    return Story(begins, ends, sorted(troubles, key=lambda one: one.rises), _windows(chance, begins, ends))


def _clusters(chance: random.Random, begins: int, ends: int, count: int) -> list[tuple[int, int]]:
    """When how many alarms come together; one of them is a flood."""
    found, left = [(begins + round(chance.uniform(0.3, 0.7) * (ends - begins)), 14)], count - 14
    while left > 0:
        together = min(left, chance.choice((1, 1, 1, 1, 2, 3, 5, 8)))
        found.append((chance.randrange(begins, ends), together))
        left -= together
    return sorted(found)


def _trouble(chance: random.Random, device: str, rises: int) -> Trouble:
    device_class, building = devices()[device]
    severity = chance.choices(_SEVERITIES, _USUAL)[0]
    lasts = round(chance.choice((3, 12, 45, 150, 600)) * MINUTE * chance.uniform(0.5, 1.5))
    made = Trouble(
        rule=POINTS[device_class][0],
        device=device,
        device_class=device_class,
        building=building,
        rises=rises,
        severity=severity,
        clears=rises + lasts,
    )
    what = chance.random()
    if what < 0.12 and severity != "critical":
        worse = chance.choice(_SEVERITIES[_SEVERITIES.index(severity) + 1 :])
        made.worse = (rises + round(lasts * chance.uniform(0.1, 0.9)), worse)
    elif what < 0.22:
        shelved = rises + round(lasts * chance.uniform(0.05, 0.5))
        span = round(chance.choice((10, 20, 40)) * MINUTE)
        made.shelved = (shelved, shelved + span)
    if chance.random() < _SHARE[made.severity_at(made.clears)]:
        after = round(chance.expovariate(1 / (12 * MINUTE))) + MINUTE
        if after < lasts:
            made.acknowledged = (rises + after, chance.choice(("ana", "ben", "cy", "dan", "eve")))
            made.clears = min(made.clears, rises + after + 235 * MINUTE)  # else it would be told again
            if made.worse is not None and made.worse[0] >= made.clears:
                made.worse = None
            if made.shelved is not None and made.shelved[0] >= made.clears:
                made.shelved = None
    return made


def _windows(chance: random.Random, begins: int, ends: int) -> list[Window]:
    """A channel that refuses for good for a day, and some that fail for some minutes or hours now and then."""
    lanes = [
        *(("ana", "phone"), ("ana", "mail"), ("ben", "phone"), ("ben", "mail"), ("cy", "phone")),
        *(("dan", "phone"), ("dan", "mail"), ("eve", "mail")),
    ]
    found = []
    for how, number, longest in (("refused", 2, 24), ("failed", 12, 3), ("lost", 12, 1), ("kept", 12, 1)):
        for _ in range(number):
            at = chance.randrange(begins, ends - 3 * DAY)
            lasts = longest * HOUR if how == "refused" else round(chance.uniform(0.1, 1) * longest * HOUR)
            found.append(Window(chance.choice(lanes), at, at + lasts, how))
    return found
