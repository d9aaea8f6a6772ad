"""The models that rule kinds and selectors in the site file start from."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor.fields import Duration, Frozen, Id, Quantity, Texts, Value, several
from monitor.schema import EVENT_KINDS
from monitor.settings.calendarshape import ScheduleWritten

__all__ = ["Occasion", "OneOrMore", "RuleModel", "Selector", "check_events"]

OneOrMore = Annotated[tuple[Value, ...], BeforeValidator(several), Field(min_length=1)]
"""One value or a list of them, any of which is meant."""


def check_events(events: tuple[str, ...]) -> None:
    """Refuse kinds of events that there are not."""
    unknown = sorted(set(events) - EVENT_KINDS)
    if unknown:
        raise ValueError(f"no such event: {', '.join(unknown)}; there are {', '.join(sorted(EVENT_KINDS))}")


class Occasion(Frozen):
    """What a rule names beside its own points: an event, or a point that is so, of this or of other devices.

    `device`: ids of devices; without it those that share with the rule's device what `same` says: itself, its
    door, zone or building. A quantity is in the unit of its own point.
    """

    device: Annotated[Texts, Field(min_length=1)] | None = None
    same: Literal["device", "door", "zone", "building"] = "device"
    event: Annotated[Texts, Field(min_length=1)] | None = None
    where: dict[str, OneOrMore] = Field(default_factory=dict)
    point: str | None = None
    states: OneOrMore | None = Field(None, alias="is")
    above: Quantity | None = None
    below: Quantity | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        conditions = sum(each is not None for each in (self.states, self.above, self.below))
        if (self.event is None) == (self.point is None):
            raise ValueError("write either `event:` or `point:`")
        if self.event is not None:
            check_events(self.event)
            if conditions:
                raise ValueError("`is:`, `above:` and `below:` are for points: of an event write `where:`")
        elif conditions != 1:
            raise ValueError("of a point write one of `is:`, `above:` and `below:`")
        elif self.where:
            raise ValueError("`where:` is for events: of a point write `is:`, `above:` or `below:`")
        if self.device is not None and "same" in self.model_fields_set:
            raise ValueError("write either `device:` or `same:`")
        return self


class Selector(Frozen):
    """Which devices: every key given must match; a value is a text with `*`, or a list of them (any)."""

    id: Texts | None = None
    device_class: Texts | None = Field(None, alias="class")
    profile: Texts | None = None
    connection: Texts | None = None
    building: Texts | None = None
    zone: Texts | None = None
    role: Texts | None = None
    tenant: Texts | None = None


class RuleModel(Frozen):
    """What every rule kind has in common; each kind derives its own model with what it needs besides."""

    id: Id
    kind: str
    name: str = ""
    devices: Selector | None = None
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    on_delay: Duration = 0.0
    off_delay: Duration = 0.0
    schedule: ScheduleWritten | None = None
    latched: bool = False
    ack: Literal["required", "not_required"] = "required"
    re_alarm: Duration | None = None
    auto_ack_after: Duration | None = None
    longest_shelf: Duration | None = None
    unknown_reset: Duration = 600.0
    count_downtime: bool = False
    response: str = ""
    cause: str = ""
    consequence: str = ""
    owner: str = ""
    depends_on: Texts | None = None
    enabled: bool = True
    shadow: bool = False
    tests: tuple[dict[str, Any], ...] = ()
    """Cases that `rules test` plays; `monitor.trials.case.Case` says what they may hold."""

    @model_validator(mode="before")
    @classmethod
    def _shadows_wait_for_nobody(cls, said: Any) -> Any:
        """Nobody is told of an alarm in shadow, so nobody acknowledges or resets it."""
        if isinstance(said, Mapping) and said.get("shadow") is True:
            given = {key: value for key, value in said.items() if key not in {"latched", "ack"}}
            return {**given, "latched": False, "ack": "not_required"}
        return said
