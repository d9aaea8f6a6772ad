"""From an alarm along the routes to people: team, step, who is on call, and which of their channels. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from monitor.duty import Override, on_call
from monitor.settings.patterns import fits
from monitor.site import Rule, Site, Source
from monitor.staff import Person, Route, Step, Team

__all__ = ["Asked", "Chosen", "Reason", "along_routes", "channels_for", "matches", "reaching", "said_of"]

_TELLING: Final = frozenset({"matched", "was_told", "assigned"})


class Reason(StrEnum):
    """Why a team or a person is told, or is not."""

    MATCHED = "matched"
    NO_ROUTE = "no_route"
    NO_CHANNEL = "no_channel"
    NOBODY_ON_CALL = "nobody_on_call"
    ALREADY_TOLD_EARLIER = "already_told_earlier"
    DID_IT_THEMSELVES = "did_it_themselves"
    WAS_TOLD = "was_told"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One decision: this person over this channel, `after` ms, or (without a channel) why nobody is told.

    `route` and `written`: the numbers, from 1, of the route and of the team's step as the site file has them;
    `step` counts from 0 those that reach somebody. `roster`: the one that says who is on call; `why`: in words.
    `again`: the how manieth repeat of the last step it is; `last`: nothing comes after it.
    """

    reason: Reason
    team: str = ""
    person: str = ""
    channel: str = ""
    step: int = 0
    after: int = 0
    route: int = 0
    written: int = 0
    roster: str = ""
    why: str = ""
    only: tuple[str, ...] = ()
    until_clear: bool = False
    again: int = 0
    last: bool = False

    @property
    def tells(self) -> bool:
        """Whether a message comes of it."""
        return self.reason in _TELLING

    def because(self) -> dict[str, Any]:
        """Why, JSON-ready, as the body of a row says it."""
        if not self.route:
            return {"reason": self.why or str(self.reason)}
        said: dict[str, Any] = {"route": self.route, "team": self.team, "step": self.written}
        if self.roster:
            said["roster"] = self.roster
        if self.only:
            said["channels"] = list(self.only)
        return said | {"reason": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An alarm as routes see it.

    `begun`: UTC ms from which its steps count; None: whoever could ever be on call counts as being so.
    `stand_ins`: what people said of rosters. `everywhere`: over all channels of everybody, whatever the severity.
    """

    site: Site
    rule: Rule
    source: Source
    severity: str
    begun: int | None
    stand_ins: Sequence[Override] = ()
    everywhere: bool = False


def along_routes(asked: Asked) -> Iterator[Chosen]:
    """Decide who is told, in the order in which it is due; each once at the earliest, and at each repeat."""
    routes = list(_matching(asked))
    if not routes:
        yield Chosen(reason=Reason.NO_ROUTE)
    told: set[tuple[str, str, int]] = set()
    found = [
        one for number, route in routes for one in _of_team(asked, number, asked.site.notify.teams[route.team])
    ]
    for one in sorted(found, key=lambda one: one.after):
        address = (one.person, one.channel, one.again)
        again = one.tells and address in told
        if one.tells:
            told.add(address)
        yield replace(one, reason=Reason.ALREADY_TOLD_EARLIER) if again else one


def channels_for(
    person: Person, severity: str, only: Sequence[str] = (), *, everywhere: bool = False
) -> tuple[str, ...]:
    """The channels over which somebody is told first: of those of the step, the ones for the severity."""
    allowed = tuple(name for name in person.channels if everywhere or not only or name in only)
    first = () if everywhere else tuple(name for name in person.over.get(severity, ()) if name in allowed)
    return first or allowed


def reaching(site: Site, stand_ins: Iterable[Override]) -> Sequence[Override]:
    """Of what people said of rosters, that of people who can be reached: some left the site file since."""
    people = site.notify.people
    return [one for one in stand_ins if one.person in people and people[one.person].channels]


def said_of(asked: Asked) -> Mapping[str, str]:
    """What the matchers of routes are held against."""
    source, rule = asked.source, asked.rule
    known = asked.site.devices.get(source.device)
    return {
        "building": source.building or (known.building if known else ""),
        "zone": source.zone or (known.zone if known else ""),
        "class": known.device_class if known else "",
        "device": source.device,
        "rule": rule.id,
        "kind": rule.kind,
        "severity": asked.severity,
    }


def matches(route: Route, said: Mapping[str, str]) -> str:
    """The first matcher of a route that an alarm does not match; nothing when all do."""
    return next((key for key, patterns in route.match.items() if not fits(said[key], patterns)), "")


def _matching(asked: Asked) -> Iterator[tuple[int, Route]]:
    said = said_of(asked)
    for number, route in enumerate(asked.site.notify.routes, 1):
        if not matches(route, said):
            yield number, route
            if not route.go_on:
                return


def _of_team(asked: Asked, route: int, team: Team) -> Iterator[Chosen]:
    """The steps of a team, and the repeats of the last; a step that reaches nobody gives its place to the next."""
    about = Chosen(reason=Reason.MATCHED, team=team.id, route=route)
    steps = sorted(team.escalation or (Step(after=0.0, notify=team.members),), key=lambda step: step.after)
    rounds: list[list[Chosen]] = []
    place: int | None = None
    for written, step in enumerate(steps, 1):
        after = round(step.after * 1000) if place is None else place
        about = replace(about, written=written, step=_reached(rounds), after=after)
        rounds.append(list(_of_step(asked, about, step)))
        place = None if any(one.tells for one in rounds[-1]) else after
    again = replace(steps[-1], until_clear=False)
    for number in range(1, team.repeat + 1):
        later = about.after + number * round(team.repeat_every * 1000)
        one = replace(about, step=_reached(rounds), after=later, again=number)
        rounds.append(list(_of_step(asked, one, again)))
    last = _reached(rounds) - 1
    for found in rounds:
        yield from (replace(one, last=team.repeat > 0 and one.tells and one.step == last) for one in found)


def _reached(rounds: Sequence[Sequence[Chosen]]) -> int:
    """How many of the steps and repeats so far reach somebody."""
    return sum(any(one.tells for one in found) for found in rounds)


def _of_step(asked: Asked, about: Chosen, step: Step) -> Iterator[Chosen]:
    about = replace(about, only=step.channels, until_clear=step.until_clear)
    for name in step.notify:
        for person, why in _people(asked, name, about.after):
            roster = name if name in asked.site.notify.rosters else ""
            again = f"; told again ({about.again})" if about.again else ""
            one = replace(about, roster=roster, why=f"{why}{again}")
            if person is None:
                yield replace(one, reason=Reason.NOBODY_ON_CALL)
            else:
                yield from _channels(asked, replace(one, person=person))


def _people(asked: Asked, name: str, after: int) -> Iterable[tuple[str | None, str]]:
    """Whom a name of a step means at its time, each with why."""
    roster = asked.site.notify.rosters.get(name)
    if roster is None:
        return [(name, f"{name} is named in the step")]
    if asked.begun is None:
        return [(person, f"{person} may be on call") for person in roster.people]
    stand_ins = reaching(asked.site, asked.stand_ins)
    return [on_call(roster, asked.begun + after, asked.site.timezone, stand_ins)]


def _channels(asked: Asked, about: Chosen) -> Iterator[Chosen]:
    person = asked.site.notify.people[about.person]
    channels = channels_for(person, asked.severity, about.only, everywhere=asked.everywhere)
    for channel in channels:
        yield replace(about, channel=channel)
    if not channels:
        yield replace(about, reason=Reason.NO_CHANNEL)
