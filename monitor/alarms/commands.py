"""What a person may ask of an alarm: checked before the command enters the journal, in words for that person.

The engine checks again when the command's turn comes: somebody else may have been quicker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from monitor.alarms.store import AlarmView, list_alarms, show
from monitor.documents.finding import nearest
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.model import SEVERITY_RANK, Command
from monitor.site import Rule, Site
from monitor.wording import Sentence, either
from rules.index import alarm_key
from rules.suppression import LONGEST_REVIEW, in_words, longest_shelf

__all__ = [
    "ACKNOWLEDGE",
    "OUT_OF_SERVICE",
    "RETURN",
    "SHELVE",
    "UNSHELVE",
    "Target",
    "acknowledge",
    "check",
    "command",
    "out_of_service",
    "return_to_service",
    "said",
    "shelve",
    "target_of",
    "unshelve",
]

ACKNOWLEDGE: Final = "acknowledge"
SHELVE: Final = "shelve"
UNSHELVE: Final = "unshelve"
OUT_OF_SERVICE: Final = "out_of_service"
RETURN: Final = "return_to_service"
_LONGEST: Final = 500
_SEVERITIES: Final = {
    "critical": Sentence("critical"),
    "high": Sentence("high"),
    "medium": Sentence("medium"),
    "low": Sentence("low"),
}
_UNITS: Final = {
    "day": Sentence("day"),
    "days": Sentence("days"),
    "h": Sentence("h"),
    "min": Sentence("min"),
    "s": Sentence("s"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An alarm through all its occurrences: a rule at a source; `now`: how it stands, if any list shows it."""

    rule: Rule
    source_key: str
    now: AlarmView | None

    @property
    def key(self) -> str:
        """How commands call it: rule/device[/point]."""
        return alarm_key(self.rule.id, self.source_key)

    @property
    def severity(self) -> str:
        """Its severity; of one that is not raised the highest that it may have."""
        if self.now is not None and (self.now.active or self.now.response != "none"):
            return self.now.severity
        levels: list[str] = [level.severity for level in getattr(self.rule.params, "levels", None) or ()]
        return max(levels or [str(self.rule.params.severity)], key=lambda severity: SEVERITY_RANK[severity])

    def is_in(self, suppression: str) -> bool:
        """Whether it is shelved, suppressed or out of service now; an event says how it was when it happened."""
        return self.now is not None and not self.now.momentary and suppression in self.now.suppression


async def target_of(state: State, site: Site, name: str) -> Target:
    """The alarm that an occurrence or RULE/SOURCE calls; RequestRefused says why there is none."""
    if "/" not in name:
        seen = await show(state, name)
        if seen is None:
            raise RequestRefused(
                Sentence("there is no alarm {name}; write its occurrence or RULE/SOURCE", name=name)
            )
        name = alarm_key(seen.rule, seen.source_key)
    ident, _, source_key = name.partition("/")
    rule = site.rules.get(ident)
    if rule is None:
        raise RequestRefused(either(Sentence("there is no rule {name}", name=ident), nearest(ident, site.rules)))
    sources = [source.key for source in rule.sources]
    if source_key not in sources:
        raise RequestRefused(
            either(
                Sentence("the rule {rule} watches no {source}", rule=ident, source=source_key),
                nearest(source_key, sources),
            )
        )
    known = [each for each in await list_alarms(state) if each.rule == ident and each.source_key == source_key]
    # Of a rule about events, what was done to all of them has a row of its own beside those that wait.
    known.sort(key=lambda each: each.momentary)
    return Target(rule=rule, source_key=source_key, now=known[0] if known else None)


# Acknowledging ----------------------------------------------------------------------------------------


async def check(state: State, occurrence: str) -> AlarmView:
    """Answer the alarm if it can be acknowledged now; RequestRefused says why it cannot."""
    alarm = await show(state, occurrence)
    if alarm is None:
        raise RequestRefused(Sentence("there is no alarm {alarm}", alarm=occurrence))
    if alarm.response == "unacked" or alarm.normal:
        return alarm
    if alarm.response == "acked":
        who = alarm.acknowledged_by
        told = (
            Sentence("the alarm {alarm} is acknowledged already by {who}", alarm=occurrence, who=who)
            if who
            else Sentence("the alarm {alarm} is acknowledged already", alarm=occurrence)
        )
        if alarm.latched:
            told = Sentence("{told}; it can be reset when its condition is over", told=told)
        raise RequestRefused(told)
    raise RequestRefused(Sentence("the alarm {alarm} is over and waits for nobody", alarm=occurrence))


async def acknowledge(state: State, occurrence: str, *, by: str, reason: str, now: int) -> Command:
    """Make the command that acknowledges an alarm, or resets a latched one whose condition is over.

    `now` is UTC ms. Raises RequestRefused.
    """
    reason = said(reason, must=False)
    await check(state, occurrence)
    return command(ACKNOWLEDGE, occurrence, by=by, reason=reason, now=now)


# Shelves ----------------------------------------------------------------------------------------------


def shelve(  # noqa: PLR0913 - until when, and who wants it why
    target: Target, *, until: int, once: bool, by: str, reason: str, now: int
) -> Command:
    """Make the command that shelves an alarm until then (UTC ms), or until it clears when that is `once`."""
    reason = said(reason, must=True)
    severity = target.severity
    longest = longest_shelf(target.rule.params, severity)
    if not longest:
        raise RequestRefused(
            Sentence(
                "the rule {rule} says that its alarms are never shelved (longest_shelf: 0 s)", rule=target.rule.id
            )
        )
    if until <= now:
        raise RequestRefused(Sentence("a shelf ends in the future"))
    if until - now > longest:
        raise RequestRefused(
            Sentence(
                "an alarm of severity {severity} of the rule {rule} may be shelved for {time} at most",
                severity=_SEVERITIES[severity],
                rule=target.rule.id,
                time=_lasting(longest),
            )
        )
    arguments = {"until": until, "oneshot": int(once)}
    return command(SHELVE, target.key, by=by, reason=reason, now=now, arguments=arguments)


def _lasting(span: int) -> Sentence:
    """Milliseconds in the words of `in_words`, to be translated."""
    count, unit = in_words(span).split(" ")
    return Sentence("{count} {unit}", count=count, unit=_UNITS[unit])


def unshelve(target: Target, *, by: str, reason: str, now: int) -> Command:
    """Make the command that ends a shelf."""
    reason = said(reason, must=False)
    if not target.is_in("shelved"):
        raise RequestRefused(Sentence("the alarm {alarm} is not shelved", alarm=target.key))
    return command(UNSHELVE, target.key, by=by, reason=reason, now=now)


# Out of service ---------------------------------------------------------------------------------------


def out_of_service(target: Target, *, review_at: int, by: str, reason: str, now: int) -> Command:
    """Make the command that takes an alarm out of service, to be looked at again at `review_at` (UTC ms)."""
    reason = said(reason, must=True)
    if review_at <= now:
        raise RequestRefused(Sentence("the day on which somebody looks at it again lies in the future"))
    if review_at - now > LONGEST_REVIEW:
        raise RequestRefused(Sentence("somebody looks at it again within a year"))
    return command(OUT_OF_SERVICE, target.key, by=by, reason=reason, now=now, arguments={"review_at": review_at})


def return_to_service(target: Target, *, by: str, reason: str, now: int) -> Command:
    """Make the command that brings an alarm back into service."""
    reason = said(reason, must=False)
    if not target.is_in("out_of_service"):
        raise RequestRefused(Sentence("the alarm {alarm} is not out of service", alarm=target.key))
    return command(RETURN, target.key, by=by, reason=reason, now=now)


# All of them ------------------------------------------------------------------------------------------


def said(reason: str, *, must: bool) -> str:
    """A reason as it is kept; RequestRefused when it is missing or too long."""
    reason = " ".join(reason.split())
    if must and not reason:
        raise RequestRefused(Sentence("say why: others have to know the reason"))
    if len(reason) > _LONGEST:
        raise RequestRefused(Sentence("a reason has at most {count} characters", count=_LONGEST))
    return reason


def command(  # noqa: PLR0913 - all that a command says
    kind: str, target: str, *, by: str, reason: str, now: int, arguments: Mapping[str, str | float] | None = None
) -> Command:
    """Make a command with an id of its own."""
    return Command(
        id=str(uuid4()), time=now, by=by, kind=kind, target=target, arguments=arguments or {}, reason=reason
    )
