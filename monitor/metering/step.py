"""The words of the counter engine: what a counter was seen to do from one register to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.model import Value

__all__ = ["Cause", "Replacement", "Step", "Taken", "Told"]


class Cause(StrEnum):
    """How a step came about.

    counted: it counted on. rollover: it went past its modulus. reset: it began anew. replaced: another meter hangs
    there. jump: it rose or fell to where it cannot have counted. gap: it counted on, unseen for long. corrected: a
    person said what it was.
    """

    COUNTED = "counted"
    ROLLOVER = "rollover"
    RESET = "reset"
    REPLACED = "replaced"
    JUMP = "jump"
    GAP = "gap"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is booked between two registers: `amount`, in the unit of the point.

    It is never negative as the engine books it; that of a correction, or of a replacement that is told afterwards,
    is the difference to what was booked before, and may be.
    `start` and `end` are the times (UTC ms) of the samples; start < end. `lost`: the amount is a guess, because
    what happened in between cannot be known.
    """

    start: int
    end: int
    start_register: float | None
    end_register: float | None
    amount: float
    cause: Cause = Cause.COUNTED
    lost: bool = False
    by: str = ""
    reason: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of the counter: its kind (of `monitor.schema.EVENT_KINDS`), its time, and the evidence."""

    kind: str
    time: int
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of one register.

    `steps` are in the order of time, each begins where the one before ended. `is_late`: it belongs before what is
    booked already, and has changed nothing. `resolved`: UTC ms of the end of an earlier step that was booked as
    lost and has turned out to be none; it stays booked, and what these steps book is already less by its amount.
    """

    steps: tuple[Step, ...] = ()
    told: tuple[Told, ...] = ()
    is_late: bool = False
    resolved: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A person's word that another meter hangs there since `at` (UTC ms).

    `final` is what the old one showed last, `start` what the new one showed first.
    """

    at: int
    final: float
    start: float
    by: str = ""
    reason: str = ""
    command: str = ""
