"""Kind `counter_fault`: a counter that ran backwards, began anew or counted what is impossible.

Metering is the only judge of counters; this kind raises an event alarm for what it tells, by what happened.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor.fields import several
from monitor.meters import billed_counter, counters_of
from monitor.model import SEVERITY_RANK, Event
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.kind import InUnitOfPoints
from rules.surroundings import Surroundings

__all__ = ["COUNTER_FAULT", "CounterFault", "CounterFaultJudge", "CounterFaultRule", "fault_of"]

Fault = Literal["backwards", "glitch", "impossible", "reset", "replaced", "rollover"]
_Severity = Literal["", "low", "medium", "high", "critical"]
_USUAL: Final[tuple[Fault, ...]] = ("backwards", "impossible", "reset", "replaced")
_KINDS: Final = ("counter_glitch", "counter_reset", "counter_rollover", "meter_replaced")
_A_LITTLE: Final = 0.9
"""A register that fell to more than this share of itself ran backwards; one that fell further was disturbed."""


def _with_severities(value: object) -> Any:
    return value if isinstance(value, Mapping) else dict.fromkeys(several(value), "")


def _usual() -> dict[Fault, _Severity]:
    return dict.fromkeys(_USUAL, "")


class CounterFaultRule(RuleModel):
    """Settings of a rule of kind `counter_fault`: which faults, how severe each is, and of which counters.

    A meter that begins anew does so with all its counters: by default the one that it is billed by tells for all.
    """

    kind: Literal["counter_fault"]
    faults: Annotated[
        dict[Fault, _Severity],
        BeforeValidator(_with_severities),
        Field(min_length=1),
    ] = Field(default_factory=_usual)
    counters: Literal["billed", "all"] = "billed"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.latched or self.on_delay or self.off_delay:
            raise ValueError("an event has no `latched:`, `on_delay:` or `off_delay:`: it is over at once")
        return self


class CounterFaultJudge:
    """Looks at what metering has told of the counters of one meter."""

    kinds: tuple[str, ...] = _KINDS

    def __init__(self, params: CounterFaultRule, device: Device) -> None:
        self._billed = billed_counter(device) if params.counters == "billed" else None
        told = {fault: severity or params.severity for fault, severity in params.faults.items()}
        self.severities: tuple[str, ...] = tuple(sorted(set(told.values()), key=SEVERITY_RANK.__getitem__))
        self._levels = {fault: self.severities.index(severity) + 1 for fault, severity in told.items()}

    def matches(self, event: Event) -> int:
        """The level of what happened; 0 when it is none of the faults."""
        if self._billed is not None and event.attributes.get("point", self._billed) != self._billed:
            return 0
        return self._levels.get(fault_of(event), 0)


def fault_of(event: Event) -> Fault:
    """What an event of a counter comes to.

    A glitch is values that did not fit while it counted on; that a person said wrongly what happened is one too.
    """
    before, after = event.attributes.get("from_register"), event.attributes.get("to_register")
    if event.kind == "counter_rollover":
        return "rollover"
    if event.kind == "meter_replaced":
        return "replaced"
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return "glitch"
    if after > before:
        return "impossible"
    if event.kind == "counter_reset":
        # What began anew at zero has counted all that it shows since.
        return "reset" if event.attributes.get("amount") == after else "backwards"
    return "backwards" if after > _A_LITTLE * before else "glitch"


class CounterFault(InUnitOfPoints):
    """The kind `counter_fault`."""

    kind = "counter_fault"
    model = CounterFaultRule
    hears = "events"

    def point_patterns(self, params: CounterFaultRule) -> None:
        """One alarm for each fault of a meter."""
        del params

    def refusal(self, params: CounterFaultRule, device: Device, point: str | None) -> str:
        """Only what counts can count wrongly."""
        del params, point
        return "" if counters_of(device) else "none of these devices has a counter that is metered"

    def build(self, rule: Rule, source: Source, around: Surroundings) -> CounterFaultJudge | None:
        """Make the judge of one meter; None of a device that counts nothing."""
        device = around.devices[source.device]
        return CounterFaultJudge(rule.params, device) if counters_of(device) else None


COUNTER_FAULT = CounterFault()
