"""Who would be told of an alarm, when, over what and why, and why not by other routes. Pure: nothing is sent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from monitor.documents.finding import nearest
from monitor.duty import Override, on_call
from monitor.errors import RequestRefused
from monitor.model import SEVERITY_RANK, Severity
from monitor.notify.along import Asked, Chosen, Reason, along_routes, matches, reaching, said_of
from monitor.notify.quiet import held_until
from monitor.site import Rule, Site, Source
from monitor.staff import Person, Route
from monitor.wording import Sentence, either

__all__ = [
    "Effects",
    "Explained",
    "Message",
    "RouteSaid",
    "alarms_of",
    "effects_of",
    "explain",
    "explain_alike",
    "severities_of",
]

Effects = Callable[[Person, str, int], tuple[int, Sequence[str]]]
"""Of a person, a severity and when a message is due (UTC ms): when it would go, and what holds or changes it."""

_NOBODY: Final[Mapping[Reason, str]] = {
    Reason.NO_CHANNEL: "has no channel that the step may use",
    Reason.ALREADY_TOLD_EARLIER: "is told earlier already",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: `due` by its step, `sent` as far as can be known before (both UTC ms).

    `route` and `step` are counted from 1; `after_s`: seconds from the raise to `due`; `again`: the how many-th
    repeat (0: the first time); `roster`: by which it is this person (empty: named in the step); `effects`: what
    quiet hours, grouping and budgets would do, in words.
    """

    due: int
    sent: int
    after_s: float
    route: int
    team: str
    step: int
    again: int
    person: str
    channel: str
    roster: str
    why: str
    until_clear: bool
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSaid:
    """What becomes of a route (counted from 1), and why in words."""

    route: int
    team: str
    is_taken: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All that would come of one alarm."""

    messages: tuple[Message, ...]
    not_told: tuple[str, ...]
    routes: tuple[RouteSaid, ...]
    if_nobody_answers: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def severities_of(rule: Rule) -> Sequence[str]:
    """What an alarm of a rule can be, the most severe first."""
    levels: Sequence[Any] = getattr(rule.params, "levels", None) or ()
    found = {str(level.severity) for level in levels} or {str(getattr(rule.params, "severity", ""))} - {""}
    return sorted(found or {str(each) for each in Severity}, key=lambda each: -SEVERITY_RANK[each])


def explain(  # noqa: PLR0913 - an alarm, when it is raised, and what is known besides
    site: Site,
    rule: Rule,
    source: Source,
    *,
    severity: str,
    at: int,
    stand_ins: Sequence[Override] = (),
    effects: Effects | None = None,
) -> Explained:
    """Explain the alarm of a rule about a source that is raised at a time (UTC ms)."""
    asked = Asked(site=site, rule=rule, source=source, severity=severity, begun=at, stand_ins=stand_ins)
    chosen = list(along_routes(asked))
    would = effects or effects_of(site)
    messages = [_by_then(asked, _message(site, one, severity, at, would)) for one in chosen if one.tells]
    return Explained(
        messages=tuple(sorted(messages, key=lambda one: (one.sent, one.due))),
        not_told=tuple(dict.fromkeys(_not_told(one) for one in chosen if not one.tells)),
        routes=tuple(_routes(asked)),
        if_nobody_answers=tuple(_ending(site, chosen, severity)),
        notes=tuple(_notes(rule, chosen, severity)),
    )


def alarms_of(site: Site, alarm: str) -> tuple[Rule, Sequence[Source]]:
    """The rule and its sources that are meant by RULE, RULE/DEVICE or RULE/SOURCE. Raises RequestRefused."""
    ident, _, key = alarm.partition("/")
    rule = site.rules.get(ident)
    if rule is None:
        told = Sentence("there is no rule {name}", name=ident[:60])
        raise RequestRefused(either(told, nearest(ident, site.rules)))
    sources = [source for source in rule.sources if not key or key in {source.key, source.device}]
    if not sources:
        near = nearest(key, [source.key for source in rule.sources])
        told = Sentence("the rule {rule} watches no {source}", rule=ident, source=key[:60])
        raise RequestRefused(either(told, near))
    return rule, sources


def explain_alike(  # noqa: PLR0913 - as of one alarm
    site: Site,
    rule: Rule,
    sources: Sequence[Source],
    *,
    severity: str,
    at: int,
    stand_ins: Sequence[Override] = (),
) -> Sequence[tuple[Explained, Sequence[str]]]:
    """Explain the alarms of a rule about some sources: those that are told alike together, with their keys."""
    found: dict[str, tuple[Explained, list[str]]] = {}
    for source in sources:
        one = explain(site, rule, source, severity=severity, at=at, stand_ins=stand_ins)
        found.setdefault(repr(one), (one, []))[1].append(source.key)
    return list(found.values())


def effects_of(site: Site) -> Effects:
    """What quiet hours, grouping and budgets would do, as far as the site file says it."""

    def effects(person: Person, severity: str, due: int) -> tuple[int, Sequence[str]]:
        said = []
        sent = due
        held = held_until(person, severity, due, site.timezone)
        if held is not None:
            sent, reason = held
            said.append(f"waits: {reason}")
        grouping = site.notify.grouping
        if severity != Severity.CRITICAL and grouping.wait:
            said.append(f"may wait {grouping.wait:g} s for others of its kind")
        budget = person.budget
        if SEVERITY_RANK[severity] < SEVERITY_RANK["high"]:
            limits = (("day", budget.day), ("night", budget.night))
            said += [f"put off when {most} were sent that {when}" for when, most in limits if most is not None]
        return sent, said

    return effects


def _message(site: Site, one: Chosen, severity: str, at: int, effects: Effects) -> Message:
    person = site.notify.people[one.person]
    due = at + one.after
    sent, said = effects(person, severity, due)
    allowed = [name for name in person.channels if not one.only or name in one.only]
    first = person.over.get(severity, ())
    others = [name for name in allowed if name not in first] if one.channel in first else []
    fallback = [f"when it refuses for good: {', '.join(others)}"] if others else []
    return Message(
        due=due,
        sent=sent,
        after_s=one.after / 1000,
        route=one.route,
        team=one.team,
        step=one.written,
        again=one.again,
        person=one.person,
        channel=one.channel,
        roster=one.roster,
        why=one.why,
        until_clear=one.until_clear,
        effects=(*said, *fallback),
    )


def _by_then(asked: Asked, message: Message) -> Message:
    """Say so when somebody else is on call by the time at which a message that waits goes out."""
    roster = asked.site.notify.rosters.get(message.roster)
    if roster is None or message.sent <= message.due:
        return message
    stand_ins = reaching(asked.site, asked.stand_ins)
    person, why = on_call(roster, message.sent, asked.site.timezone, stand_ins)
    if person in {None, message.person}:
        return message
    return replace(message, effects=(*message.effects, f"goes to {person}, who is on call by then: {why}"))


def _not_told(one: Chosen) -> str:
    if one.reason is Reason.NO_ROUTE:
        return "no route matches this alarm"
    again = f", again {one.again}" if one.again else ""
    where = f"route {one.route}, team {one.team}, step {one.written}{again}"
    if one.reason is Reason.NOBODY_ON_CALL:
        return f"{where}: {one.why}"
    over = f" over {one.channel}" if one.channel else ""
    return f"{where}: {one.person} {_NOBODY[one.reason]}{over} ({one.why})"


def _routes(asked: Asked) -> Iterator[RouteSaid]:
    said = said_of(asked)
    ended = 0
    for number, route in enumerate(asked.site.notify.routes, 1):
        missed = matches(route, said)
        is_taken = not ended and not missed
        if ended:
            why = f"is not read: route {ended} has ended it" + (
                f"; {_missed(route, said, missed)}" if missed else ""
            )
        elif missed:
            why = _missed(route, said, missed)
        else:
            matched = "; ".join(f"{key} is {said[key]}" for key in route.match)
            why = f"matches: {matched}" if matched else "matches everything"
        yield RouteSaid(route=number, team=route.team, is_taken=is_taken, why=why)
        if is_taken and not route.go_on:
            ended = number


def _missed(route: Route, said: Mapping[str, str], key: str) -> str:
    wanted = " or ".join(route.match[key])
    return f"does not match: {key} is {said[key] or 'not known'}, not {wanted}"


def _ending(site: Site, chosen: Sequence[Chosen], severity: str) -> Iterator[str]:
    """What happens when nobody acknowledges."""
    told = [one for one in chosen if one.tells]
    if not told:
        yield "nobody is told: the log says `alarm_reaches_nobody`"
        return
    if len({(one.team, one.written) for one in told}) > 1:
        yield (
            "a later step is told when nobody has acknowledged by then, "
            "and at once when nobody of the one before can be reached"
        )
    for team in dict.fromkeys(one.team for one in told):
        known = site.notify.teams[team]
        if known.repeat:
            every = f"{known.repeat_every / 60:g} min"
            again = f"once, after {every}" if known.repeat == 1 else f"{known.repeat} times, every {every}"
            yield f"the last step of {team} is told again {again}; then it is said that nobody answered"
    if reminders := site.notify.reminders.get(severity):
        *first, last = (f"{each / 60:g} min" for each in reminders)
        when = f"after {', '.join((*first, f'then every {last}'))}" if first else f"every {last}"
        instead = "; after a hand-over, whoever is on call by then" if any(one.roster for one in told) else ""
        yield f"who was told is reminded {when}{instead}"


def _notes(rule: Rule, chosen: Sequence[Chosen], severity: str) -> Iterator[str]:
    if getattr(rule.params, "shadow", False):
        yield f"the rule {rule.id} is in shadow: as it stands nobody is told at all"
    if severity not in severities_of(rule):
        yield f"alarms of the rule {rule.id} are {' or '.join(severities_of(rule))}, never {severity}"
    if any(one.until_clear and one.tells for one in chosen):
        yield "steps until clear are told also when somebody has acknowledged"
