"""What a rule kind offers to the engine, and what the engine tells it.

A kind builds one judge per source. There are four shapes of judges, by what they hear: the values of one
point, all readings of one device, events, or entries of any devices. The engine keeps order, staleness, quality
and delays; a judge only says what the entry means. Times inside judges are engine milliseconds.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from pydantic import model_validator

from monitor.derivedpoints import derived_points
from monitor.fields import Duration, Texts
from monitor.model import Derived, Event, Origin, Quality, Reading, Transition, Value
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = [
    "NEVER_QUIET",
    "Choosy",
    "EntryJudge",
    "EventJudge",
    "InUnitOfPoints",
    "Interest",
    "Judge",
    "Kind",
    "PointJudge",
    "PointRule",
    "ReadingJudge",
    "ValueRule",
    "Verdict",
    "as_said",
    "grace",
    "interval",
    "is_sure",
    "patience",
]

_MIN_PATIENCE = 120.0
_MISSED = 3
_MAX_GRACE = 120.0
_SURE = frozenset({Quality.GOOD, Quality.MANUAL})


class PointRule(RuleModel):
    """What rules about points have in common: the names of the points, one alarm for each point."""

    point: Texts | None = None
    points: Texts | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.point is None) == (self.points is None):
            raise ValueError("write either `point:` or `points:`")
        return self

    @property
    def patterns(self) -> tuple[str, ...]:
        """The names of the points, with `*`."""
        return self.point or self.points or ()


class ValueRule(PointRule):
    """What rules that judge the latest value of a point have in common: what it means that there is none.

    `missing`: nothing (`hold`), as bad as a wrong one (`raise`) or as good as a right one (`clear`). `gap`: if a
    delay goes on after a time without values (`hold`) or begins anew (`restart`). `stale_after`: seconds after
    which the last value says nothing any more.
    """

    missing: Literal["hold", "raise", "clear"] = "hold"
    gap: Literal["hold", "restart"] = "hold"
    stale_after: Duration | None = None


NEVER_QUIET = (math.inf, -math.inf)
"""The band of a judge that has to see every value."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge makes of what it knows: TRUE at a level (1 is the lowest), FALSE or UNKNOWN.

    `since`: from when on that is so (engine ms), where it is not the time of the entry. `late`: it became so from
    what arrived late, as only kinds with windows may say. `facts`: what a message may tell besides, JSON-ready.
    """

    truth: Truth
    level: int = 1
    value: float | None = None
    limit: float | None = None
    since: int | None = None
    late: bool = False
    facts: Mapping[str, str | float] = field(default_factory=dict)


class PointJudge(Protocol):
    """Judges the values of one point, without memory."""

    severities: tuple[str, ...]
    """The severity of each level, lowest first."""
    quiet: tuple[float, float]
    """Numbers from the first to the second reach no level, as long as none is engaged; `NEVER_QUIET`: none do."""

    def level(self, value: Value, engaged: int) -> int:
        """Answer the level that a value reaches, 0 for none; `engaged` is the level it is in, for deadbands.

        May raise TypeError or ValueError for a value that cannot be judged: the engine makes it UNKNOWN.
        """

    def limit(self, value: Value, level: int) -> float | None:
        """Answer the limit that a value at `level` has passed, in the point's unit."""


class ReadingJudge(Protocol):
    """Judges all readings of one device and the passing of time; remembers what it needs."""

    severities: tuple[str, ...]
    event_kinds: tuple[str, ...]
    """Kinds of events of the device that it wants to hear of as well."""

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take a reading of time `at`, judged at `now`; None when there is nothing to say."""

    def event(self, event: Event, now: int) -> Verdict | None:
        """Take an event of one of the kinds, judged at `now`; None when there is nothing to say."""

    def due(self) -> int | None:
        """Say when time alone will change the verdict."""

    def tick(self, now: int) -> Verdict | None:
        """Answer what time alone has made of it."""

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between: the monitor did not run, and nothing is held against the device."""

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""


class EventJudge(Protocol):
    """Judges single events: each that matches is an alarm of its own."""

    kinds: tuple[str, ...]
    severities: tuple[str, ...]

    def matches(self, event: Event) -> int:
        """The level of an event of one of the kinds (1 is the lowest); 0 when it is not meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a judge of entries wants to hear of, beside the time.

    `readings`: ids of devices. `derived`: (device, measurement). `events`: (device, kind). `alarms`: ids of rules,
    whose alarms' steps it hears.
    """

    readings: tuple[str, ...] = ()
    derived: tuple[tuple[str, str], ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    alarms: tuple[str, ...] = ()


class EntryJudge:
    """Judges entries of any devices and the passing of time: for windows, and for more than one source.

    A kind derives its own and overrides what it needs. Late entries come too, with the time when they were true;
    a judge that has no window leaves them out. What raises makes the source UNKNOWN, and the rule is reported.
    """

    severities: tuple[str, ...] = ("medium",)
    interest: Interest = Interest()
    changed: bool = True
    """Whether the entry heard last has left anything new to remember; who hears much and keeps little says so."""
    learning: bool = False
    """Whether it has to learn what is usual: so it is while its verdicts have the fact `status: learning`."""
    wall: Callable[[int], int] = staticmethod(int)
    """Answers the UTC ms of an engine time; the engine gives it, because setting the clock moves one of them."""

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take a reading of time `at`, judged at `now`; None when there is nothing to say."""

    def derived(self, derived: Derived, at: int, now: int) -> Verdict | None:
        """Take what another part of the monitor made of earlier entries."""

    def event(self, event: Event, at: int, now: int) -> Verdict | None:
        """Take an event."""

    def alarm(self, step: Transition, now: int) -> Verdict | None:
        """Take a step of an alarm of another rule, the moment it is made."""

    def standing(self, rule: str, sources: Iterable[str], now: int) -> None:
        """Take the source keys of all alarms of another rule that are active when the engine has loaded."""

    def due(self) -> int | None:
        """Say when time alone will change the verdict, or what has to be remembered."""

    def tick(self, now: int) -> Verdict | None:
        """Answer what time alone has made of it."""

    def resume(self, stopped: int, started: int) -> None:
        """Leave out the time between: the monitor did not run, and nothing is held against anybody."""

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready and bounded."""
        return {}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""


Judge = PointJudge | ReadingJudge | EventJudge | EntryJudge


class InUnitOfPoints:
    """A part of kinds all of whose quantities are in the unit of the points, with an alarm for each source."""

    def quantity_units(self, params: Any, unit: str | None) -> Mapping[str, str | None]:
        """No field is in another."""
        del params, unit
        return {}

    def is_joint(self, params: Any) -> bool:
        """Each source has an alarm of its own."""
        del params
        return False

    def refusal(self, params: Any, device: Device, point: str | None) -> str:
        """Every source can be judged."""
        del params, device, point
        return ""


class Choosy(InUnitOfPoints):
    """A part of kinds that can judge some devices only, whatever their points are called."""

    wants: str
    """What a device has to be, for people: `a meter that counts m3`."""

    def suits(self, params: Any, device: Device) -> bool:
        """Whether a device is that."""
        raise NotImplementedError

    def refusal(self, params: Any, device: Device, point: str | None) -> str:
        """Why a device cannot be judged; said when none of them can."""
        del point
        return "" if self.suits(params, device) else f"none of these devices is {self.wants}"


class Kind(Protocol):
    """A `monitor.ruletypes.RuleType` that can also build its judges."""

    kind: str
    model: type[Any]
    hears: str
    """`point`, `readings`, `events` or `entries`: the shape of its judges."""

    def point_patterns(self, params: Any) -> Sequence[str] | None:
        """Names of points (with `*`), one alarm each; None: one alarm per device."""

    def quantity_units(self, params: Any, unit: str | None) -> Mapping[str, str | None]:
        """Units of the fields whose quantities are not in the `unit` of the points."""

    def is_joint(self, params: Any) -> bool:
        """Whether all devices have one alarm together, of the monitor itself."""

    def refusal(self, params: Any, device: Device, point: str | None) -> str:
        """Why a source could never be judged; empty when it can. `build` answers None for such a one."""

    def build(self, rule: Rule, source: Source, around: Surroundings) -> Any:
        """Make the judge of one source, of the shape that `hears` says; None where it can never be true."""


def as_said(derived: Derived) -> Reading:
    """What the monitor derives of a device, as if the device had said it."""
    return Reading(
        device=derived.device,
        time=derived.time,
        arrived=derived.time,
        values=derived.values,
        quality=derived.quality,
    )


def is_sure(reading: Reading) -> bool:
    """Whether a reading may raise and clear alarms: of quality good or manual, and of a known age."""
    aged = reading.origin is Origin.RETAINED and reading.time >= reading.arrived
    return reading.quality in _SURE and not aged


def interval(device: Device, point: str | None) -> float | None:
    """Seconds between readings that are expected of a point (or of the device): None when none are."""
    if point is not None and point not in device.points:
        made = derived_points(device).get(point)
        if made is not None:
            return made.every
    if device.expected_every is not None:
        return device.expected_every
    if point is not None and point in device.points:
        return device.scan.get(device.points[point].scan)
    return min((seconds for seconds in device.scan.values() if seconds is not None), default=None)


def patience(device: Device, point: str | None) -> float | None:
    """Seconds after which a value counts as stale: three intervals, at least two minutes; None: never."""
    seconds = interval(device, point)
    return None if seconds is None else max(_MISSED * seconds, _MIN_PATIENCE)


def grace(device: Device) -> int:
    """Milliseconds after a start that a device is given to speak: two cycles, two minutes at most."""
    seconds = interval(device, None)
    return round(min(_MAX_GRACE, 2 * seconds if seconds is not None else _MAX_GRACE) * 1000)
