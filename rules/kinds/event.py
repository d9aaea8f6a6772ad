"""Kind `event`: something that happened once; each time is an alarm that waits for its acknowledgement."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from monitor.fields import Texts
from monitor.model import Event as EventEntry
from monitor.settings.model import OneOrMore, RuleModel, check_events
from monitor.site import Rule, Source
from rules.kind import InUnitOfPoints
from rules.surroundings import Surroundings

__all__ = ["EVENT", "Event", "EventJudge", "EventRule"]


class EventRule(RuleModel):
    """Settings of a rule of kind `event`: kinds of events, and what their attributes must be."""

    kind: Literal["event"]
    event: Annotated[Texts, Field(min_length=1)]
    where: dict[str, OneOrMore] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        check_events(self.event)
        if self.latched or self.on_delay or self.off_delay:
            raise ValueError("an event has no `latched:`, `on_delay:` or `off_delay:`: it is over at once")
        return self


class EventJudge:
    """Compares the attributes; one that is absent matches nothing."""

    def __init__(self, params: EventRule) -> None:
        self.severities: tuple[str, ...] = (params.severity,)
        self.kinds = params.event
        self._where = tuple(params.where.items())

    def matches(self, event: EventEntry) -> bool:
        """Whether every attribute asked for has one of its values."""
        return all(event.attributes.get(name) in values for name, values in self._where)


class Event(InUnitOfPoints):
    """The kind `event`."""

    kind = "event"
    model = EventRule
    hears = "events"

    def point_patterns(self, params: EventRule) -> None:
        """One alarm for each event of a device."""
        del params

    def build(self, rule: Rule, source: Source, around: Surroundings) -> EventJudge:
        """Make the judge of one device."""
        del source, around
        return EventJudge(rule.params)


EVENT = Event()
