"""The table of what can go wrong in a simulated site."""

from collections.abc import Mapping
from typing import Final

from monitor.simulation.busfaults import (
    Away,
    Busy,
    Dead,
    Echo,
    ExceptionAnswer,
    Gateway,
    HalfOpen,
    Refused,
    Slow,
    wrong_answer,
)
from monitor.simulation.fault import FaultModel
from monitor.simulation.meterfaults import Dip, Glitch, Rollover, Swap
from monitor.simulation.speechfaults import Backlog, Duplicate, LastWill, Malformed, Silent, WrongClock
from monitor.simulation.unit import Wrong

__all__ = ["FAULTS"]

FAULTS: Final[Mapping[str, type[FaultModel]]] = {
    "dead": Dead,
    "slow": Slow,
    "busy": Busy,
    "exception": ExceptionAnswer,
    "gateway": Gateway,
    "refused": Refused,
    "wrong-unit": wrong_answer(Wrong.FOREIGN_UNIT),
    "wrong-transaction": wrong_answer(Wrong.FOREIGN_TRANSACTION),
    "wrong-function": wrong_answer(Wrong.FOREIGN_FUNCTION),
    "unnumbered": wrong_answer(Wrong.UNNUMBERED),
    "truncated": wrong_answer(Wrong.TRUNCATED),
    "short": wrong_answer(Wrong.SHORT),
    "oversize": wrong_answer(Wrong.OVERSIZE),
    "corrupt": wrong_answer(Wrong.CORRUPT),
    "noise": wrong_answer(Wrong.NOISE),
    "cut-off": wrong_answer(Wrong.CUT_OFF),
    "half-open": HalfOpen,
    "away": Away,
    "echo": Echo,
    "glitch": Glitch,
    "dip": Dip,
    "rollover": Rollover,
    "swap": Swap,
    "silent": Silent,
    "last-will": LastWill,
    "backlog": Backlog,
    "duplicate": Duplicate,
    "malformed": Malformed,
    "wrong-clock": WrongClock,
}
"""Every fault by the name that a file of faults gives it."""
