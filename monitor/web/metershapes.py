"""The shapes of the answers about meters; described for people in docs/api.md."""

from typing import Self

from pydantic import BaseModel, Field

from monitor.figures import Break, Consumption, DayCoverage, Register
from monitor.schema import rate_unit
from monitor.web.shapes import PERIOD, Body, Time

__all__ = [
    "BreakOut",
    "CommandOut",
    "CorrectIn",
    "CorrectedOut",
    "CounterOut",
    "CoverageOut",
    "EnterIn",
    "EnterListIn",
    "EnteredOut",
    "MeterDetailOut",
    "MeterOut",
    "RecomputeIn",
    "RecomputedOut",
    "ReplaceIn",
    "ReplacedOut",
    "UsageOut",
]

_Reason = Field("", max_length=500)
_Point = Field("", max_length=100)


class BreakOut(BaseModel):
    """Where a counter did not simply count on, as `monitor.figures.Break`."""

    point: str
    cause: str
    start: int
    end: int
    start_register: float | None
    end_register: float | None
    amount: float
    lost: bool
    by: str
    reason: str
    command: str

    @classmethod
    def of(cls, point: str, one: Break) -> Self:
        """Make it from a break of a counter."""
        return cls(
            point=point,
            cause=one.cause,
            start=one.start,
            end=one.end,
            start_register=one.start_register,
            end_register=one.end_register,
            amount=one.amount,
            lost=one.lost,
            by=one.by,
            reason=one.reason,
            command=one.command,
        )


class CoverageOut(BaseModel):
    """How many samples of a local day were due, came, came late, and were lost by cause."""

    day: str
    expected: int
    received: int
    late: int
    lost: dict[str, int]

    @classmethod
    def of(cls, day: DayCoverage) -> Self:
        """Make it from the coverage of a day."""
        return cls(
            day=day.day.isoformat(),
            expected=day.expected,
            received=day.received,
            late=day.late,
            lost={cause: count for cause, count in day.lost.items() if count},
        )


class UsageOut(BaseModel):
    """What one counter counted in one period, as `monitor.figures.Consumption`."""

    device: str
    point: str
    unit: str
    start: int
    end: int
    amount: float | None
    estimated: float
    known: float
    complete: bool
    start_register: float | None
    end_register: float | None
    demand_max: float | None
    demand_at: int | None
    base: float | None
    rate_unit: str
    energy_kwh: float | None
    breaks: list[BreakOut]

    @classmethod
    def of(cls, one: Consumption) -> Self:
        """Make it from what a counter counted."""
        return cls(
            device=one.device,
            point=one.point,
            unit=one.unit,
            start=one.start,
            end=one.end,
            amount=one.amount,
            estimated=one.estimated,
            known=one.known,
            complete=one.is_complete,
            start_register=one.start_register,
            end_register=one.end_register,
            demand_max=one.demand_max,
            demand_at=one.demand_at,
            base=one.base,
            rate_unit=rate_unit(one.unit)[0],
            energy_kwh=one.energy,
            breaks=[BreakOut.of(one.point, each) for each in one.breaks],
        )


class CounterOut(BaseModel):
    """How a counter stands, as `monitor.figures.Register`; `first`: since when it is metered."""

    point: str
    unit: str
    billed: bool
    register_: float | None = Field(serialization_alias="register")
    time: int | None
    serial: str
    first: int | None
    rate: float | None
    demand: float | None
    predicted: float | None
    rate_unit: str
    pending: list[float]
    doubt: str

    @classmethod
    def of(cls, one: Register) -> Self:
        """Make it from a counter as it stands."""
        return cls(
            point=one.point,
            unit=one.unit,
            billed=one.is_billed,
            register_=one.register,
            time=one.time,
            serial=one.serial,
            first=one.first,
            rate=one.rate,
            demand=one.demand,
            predicted=one.predicted,
            rate_unit=rate_unit(one.unit)[0],
            pending=list(one.pending),
            doubt=one.doubt,
        )


class _Meter(BaseModel):
    device: str
    name: str
    device_class: str = Field(serialization_alias="class")
    role: str
    building: str
    zone: str
    tenant: str
    kind: str
    ratio: float


class MeterOut(_Meter):
    """A meter with the counter that it is billed by; `kind` is wired, by_hand or virtual."""

    counter: CounterOut | None
    today: UsageOut | None
    coverage: CoverageOut | None


class MeterDetailOut(_Meter):
    """A meter with all its counters, their breaks of the last 30 days, and the coverage of the last 7."""

    counters: list[CounterOut]
    breaks: list[BreakOut]
    coverage: list[CoverageOut]


class ReplaceIn(Body):
    """What the old meter showed last, and the new one first; without `at`: since the monitor saw it, else now."""

    final: float
    start: float
    at: Time | None = None
    serial: str = Field("", max_length=100)
    point: str = _Point
    reason: str = _Reason


class CorrectIn(Body):
    """What was really used in a span of whole quarters of an hour."""

    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    amount: float
    point: str = _Point
    reason: str = _Reason


class EnterIn(Body):
    """What a meter that nobody can wire showed; without `at`: now."""

    register_: float = Field(alias="register")
    at: Time | None = None
    point: str = _Point
    reason: str = _Reason


class EnterListIn(Body):
    """The same of many meters, as the text of a CSV file."""

    csv: str = Field(max_length=60_000)


class CommandOut(BaseModel):
    """A command that is kept; it is judged when its turn comes."""

    command: str
    device: str
    point: str
    unit: str
    by: str


class ReplacedOut(CommandOut):
    """A replacement, with the numbers as they were taken."""

    at: int
    final: float
    start: float
    serial: str


class CorrectedOut(CommandOut):
    """A correction; `was` is what was booked before."""

    start: int = Field(serialization_alias="from")
    end: int = Field(serialization_alias="to")
    amount: float
    was: float


class EnteredOut(CommandOut):
    """A register that was entered."""

    at: int
    register_: float = Field(serialization_alias="register")


class RecomputeIn(Body):
    """Which period to work out anew, and of which meters (none: all)."""

    period: str = Field(max_length=50, json_schema_extra=PERIOD)
    devices: list[str] = Field([], max_length=10_000)


class RecomputedOut(BaseModel):
    """How far it is: days of meters that were looked at, of how many, and how many of them are told again."""

    done: int
    total: int
    changed: int
