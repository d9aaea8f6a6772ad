"""Kind `event_count`: so many events within a window: a card that is denied again and again, at many doors."""

from collections.abc import Iterator, Mapping
from hashlib import blake2s
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Duration, Texts
from monitor.model import Event
from monitor.settings.model import OneOrMore, RuleModel, check_events
from monitor.site import Rule, Source
from rules.kind import EntryJudge, Interest, InUnitOfPoints, Verdict
from rules.occasions import fits
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["EVENT_COUNT", "EventCount", "EventCountJudge", "EventCountRule"]

_MOST = 256
_DEVICE = "device"
_NAMED = 10
_MARK = 6
"""So many bytes tell a few hundred values apart, and lead back to none."""


class EventCountRule(RuleModel):
    """Settings of a rule of kind `event_count`; by default those of a card that is denied again and again."""

    kind: Literal["event_count"]
    event: Annotated[Texts, Field(min_length=1)]
    where: dict[str, OneOrMore] = Field(default_factory=dict)
    count: Annotated[int, Field(ge=1, le=_MOST)] = 5
    window: Annotated[Duration, Field(gt=0, le=7 * 86400)] = 60.0
    group_by: Texts = ()
    distinct: str = ""
    across: Literal["", "devices"] = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        check_events(self.event)
        if self.on_delay:
            raise ValueError("a count has no `on_delay:`: it is raised by the event that makes it full")
        if self.distinct == _DEVICE and not self.across:
            raise ValueError("`distinct: device` needs `across: devices`: without it each device counts by itself")
        return self


class EventCountJudge(EntryJudge):
    """Keeps the latest events: when each was and was heard, its group, what counts as different, and its device.

    Of attributes only a mark is kept, which tells whether two are the same and nothing else: they may be cards.

    The condition holds from the event that makes a group full until no event of it lies in the window any more.
    """

    def __init__(self, params: EventCountRule, devices: tuple[str, ...]) -> None:
        self.severities = (params.severity,)
        self.interest = Interest(events=tuple((device, kind) for device in devices for kind in params.event))
        self._where = params.where
        self._count = params.count
        self._window = round(params.window * 1000)
        self._group_by = params.group_by
        self._distinct = params.distinct
        self._kept: list[tuple[int, int, str, str, str]] = []
        self._full: dict[str, int] = {}
        """Groups that hold the condition -> until when."""

    def event(self, event: Event, at: int, now: int) -> Verdict | None:
        """Count an event; one out of a backlog counts with those around it."""
        if not fits(self._where, event):
            return None
        if self._distinct and _attribute(event, self._distinct) == "":
            return None
        group = _mark(*(_attribute(event, name) for name in self._group_by)) if self._group_by else ""
        seen = _mark(_attribute(event, self._distinct) if self._distinct else event.id)
        heard = now if event.late else at
        self._kept = [one for one in self._kept if one[1] > now - self._window][1 - _MOST :]
        self._kept.append((at, heard, group, seen, event.device))
        self._kept.sort()
        self._full = {name: until for name, until in self._full.items() if until > now} or self._full
        if group in self._full:
            self._full[group] = max(self._full[group], at + self._window)
            return None
        found = max(self._counts(group, at))
        if found < self._count:
            return None
        self._full[group] = max(one[0] for one in self._kept if one[2] == group) + self._window
        devices = sorted({one[4] for one in self._kept if one[2] == group and abs(one[0] - at) < self._window})
        facts: dict[str, str | float] = {"window_s": self._window / 1000, "devices": ", ".join(devices[:_NAMED])}
        return Verdict(Truth.TRUE, value=found, limit=self._count, since=at, late=event.late, facts=facts)

    def _counts(self, group: str, at: int) -> Iterator[int]:
        """How many there are in each window that ends with an event and holds the one of `at`."""
        mine = [(time, seen) for time, _, one, seen, _ in self._kept if one == group]
        for end in {time for time, _ in mine if at <= time < at + self._window}:
            yield len({seen for time, seen in mine if end - self._window < time <= end})

    def due(self) -> int | None:
        """When the last group has no event left in its window."""
        return max(self._full.values(), default=None)

    def tick(self, now: int) -> Verdict | None:
        """Say so."""
        due = self.due()
        if due is None or due > now:
            return None
        self._full.clear()
        return Verdict(Truth.FALSE, value=0.0, limit=self._count)

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {"kept": self._kept, "full": self._full}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._kept = [(at, heard, group, seen, device) for at, heard, group, seen, device in memory["kept"]]
        self._full = dict(memory["full"])


def _mark(*values: object) -> str:
    return blake2s("\n".join(map(str, values)).encode(), digest_size=_MARK).hexdigest()


def _attribute(event: Event, name: str) -> object:
    return event.device if name == _DEVICE else event.attributes.get(name, "")


class EventCount(InUnitOfPoints):
    """The kind `event_count`."""

    kind = "event_count"
    model = EventCountRule
    hears = "entries"

    def point_patterns(self, params: EventCountRule) -> None:
        """One alarm for each device."""
        del params

    def is_joint(self, params: EventCountRule) -> bool:
        """Whether all devices have one alarm together."""
        return bool(params.across)

    def build(self, rule: Rule, source: Source, around: Surroundings) -> EventCountJudge:
        """Make the judge of one device, or of all of them together."""
        del around
        return EventCountJudge(rule.params, rule.devices or (source.device,))


EVENT_COUNT = EventCount()
