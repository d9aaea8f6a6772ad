"""Who is told of alarms: people, teams and routes, and how much of it each of them wants to hear, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from monitor.calendars import Hours, Schedule
from monitor.duty import Roster, Span

__all__ = [
    "NIGHT",
    "REMINDERS",
    "Budget",
    "Grouping",
    "Links",
    "Notify",
    "Person",
    "Quiet",
    "Rate",
    "Route",
    "SelfTest",
    "Step",
    "Team",
]


NIGHT: Final = Schedule(hours=(Hours(spans=((22 * 60, 31 * 60),)),))
"""The night of who has no quiet hours: from ten in the evening to seven in the morning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which somebody is told only of what is at least `below`; the rest comes at their end."""

    hours: Schedule
    below: str = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many messages somebody wants in a local day, and in a night, before what is below `high` is put off."""

    day: int | None = None
    night: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is notified; `channels` maps a channel's name to its address (a secret: never printed).

    `over`: severity -> the channels that are used first; the others, in their order, are tried when these refuse
    for good. A severity that is not named uses all channels at once.
    """

    id: str
    name: str
    language: str
    channels: Mapping[str, str] = field(repr=False)
    over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quiet: Quiet | None = None
    budget: Budget = Budget()
    away: tuple[Span, ...] = ()
    """When they are not there: a roster then takes the next in turn."""

    @property
    def night(self) -> Schedule:
        """When they sleep."""
        return NIGHT if self.quiet is None else self.quiet.hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an escalation: who is told `after` seconds without an acknowledgement.

    `notify`: ids of people, or of rosters. `channels`: only these of each person's. `until_clear`: told also when
    somebody has acknowledged, as long as the alarm lasts.
    """

    after: float
    notify: tuple[str, ...]
    channels: tuple[str, ...] = ()
    until_clear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """People who answer together. Without steps of its own everybody is told at once.

    `repeat`: how many times the last step is told again, every `repeat_every` seconds; then it is said that nobody
    answered.
    """

    id: str
    members: tuple[str, ...]
    escalation: tuple[Step, ...]
    repeat: int = 0
    repeat_every: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alarms go to which team: all matchers must match; each lists patterns with `*`."""

    team: str
    match: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    go_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """What is told in one message: alarms of the same building, class and gateway that come within `wait` seconds.

    More of the same group come after `interval` seconds; `pace`: seconds between two messages to somebody over one
    channel. Nothing of it holds back what is critical.
    """

    wait: float = 30.0
    interval: float = 300.0
    pace: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast messages go to a service: so many at once, then one each `every` seconds."""

    burst: int = 30
    every: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Each channel that carried nothing for a day is tried with a message, at a minute of the local day."""

    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Messages carry a link that acknowledges: `base` is how people reach what listens at `host` and `port`.

    `lives`: seconds for which a link can be used.
    """

    base: str
    host: str
    port: int
    lives: float = 86400.0


REMINDERS: Final[Mapping[str, tuple[float, ...]]] = {
    "critical": (300.0, 600.0, 900.0),
    "high": (1800.0, 3600.0),
    "medium": (28800.0,),
}
"""Severity -> seconds between reminders, the last of them again and again; source: the design's alarms page §3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """People, rosters, teams and routes; the first matching route wins unless it says `continue`."""

    people: Mapping[str, Person] = field(default_factory=dict)
    rosters: Mapping[str, Roster] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    grouping: Grouping = Grouping()
    reminders: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    self_test: SelfTest | None = None
    rate: Rate = Rate()
    links: Links | None = None

    def people_of(self, name: str) -> tuple[str, ...]:
        """Everybody whom a person's or a roster's id can mean."""
        roster = self.rosters.get(name)
        return (name,) if roster is None else roster.people
