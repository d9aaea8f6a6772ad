"""How well what a unit said fits to one model: marks, answers, refusals and values, each with its reason. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

from drivers.modbus.decode import judge
from drivers.modbus.layout import ORDERS, Field, Span
from drivers.modbus.settings import Mark, Order
from drivers.modbus.survey.candidates import Candidate, number_of, source_of
from drivers.modbus.survey.plausibility import NOMINAL, judged, shown
from drivers.modbus.survey.reasons import Reason, total
from drivers.modbus.survey.seen import Request, Said, Seen, place
from monitor.model import Missing
from monitor.site import Point

__all__ = ["Verdict", "weigh"]

_OUT: Final = -100.0
_STRONG: Final = 10.0
_FAIR: Final = 7.0
_WEAK: Final = 3.0
_VAGUE: Final = 0.5
_SMALL: Final = 255
"""Numbers up to here are in many registers of many devices."""
_LEAST_TEXT: Final = 3
_FEW: Final = 15
"""Numbers up to here stand for states in many registers."""
_RARE: Final = 4.0
"""What a number weighs that stands for one of few states: by chance it is there once in 10,000 times."""
_HOPEFUL: Final = 3.0
_OTHER_ORDER: Final = 1.0
"""What it costs a model when its values are only likely in another order than its profile says."""


@dataclass(frozen=True)
class Verdict:
    """How well a unit fits to a candidate. `order`: in which its values are likely, where that is another one."""

    candidate: Candidate
    reasons: tuple[Reason, ...]
    order: Order | None = None
    open_marks: int = 0
    values: int = 0
    """How many of its values are there and not zero."""

    @cached_property
    def score(self) -> float:
        """The sum of what speaks for it and against it."""
        return total(self.reasons) - (_OTHER_ORDER if self.order else 0)

    @cached_property
    def marked(self) -> float:
        """What its marks say."""
        return total(self.reasons, "mark")

    @cached_property
    def related(self) -> float:
        """What the relations between its values say."""
        return total(self.reasons, "relation")

    @cached_property
    def evident(self) -> float:
        """What speaks for it beside numbers that are neither too large nor too small."""
        return sum(reason.weight for reason in self.reasons if reason.weight > 0 and reason.kind != "size")

    @property
    def is_out(self) -> bool:
        """Whether it cannot be this one."""
        return self.score <= _OUT / 2


def weigh(candidate: Candidate, seen: Seen, nominal: Sequence[float] = NOMINAL) -> Verdict:
    """Judge a candidate by all that is known."""
    beside = [*_marks(candidate, seen), *_refusals(candidate, seen)]
    unread = sum(seen.said(request) is None for _, request in candidate.marks)
    best = _valued(candidate, seen, nominal, beside, None, unread)
    if best.is_out or total(best.reasons) - best.marked >= _HOPEFUL or not best.values:
        return best
    for order in ORDERS:
        other = _valued(candidate, seen, nominal, beside, order, unread)
        if other.score >= max(_HOPEFUL, best.score + _HOPEFUL):
            best = other
    return best


def _valued(  # noqa: PLR0913, PLR0917 - what is known beside the values
    candidate: Candidate,
    seen: Seen,
    nominal: Sequence[float],
    beside: Sequence[Reason],
    order: Order | None,
    unread: int,
) -> Verdict:
    values, odd = candidate.values(seen, order)
    reasons = list(beside)
    if values:
        reasons += judged(values, lambda name: candidate.where(name, order), nominal, floats=candidate.floats)
        reasons += _outside(candidate, values, order, reasons)
        reasons += _idle(values)
        reasons += _mapped(candidate, seen, values)
    reasons += [Reason(-2.0, f"what is {candidate.where(name, order)} cannot be `{name}`") for name in odd[:2]]
    return Verdict(
        candidate,
        tuple(reasons),
        order=order,
        open_marks=unread,
        values=sum(bool(value) for value in values.values()) + len(odd),
    )


def _outside(
    candidate: Candidate, values: "dict[str, float | int | bool | str]", order: Order | None, known: list[Reason]
) -> list[Reason]:
    """Values that the profile itself rules out, and nobody else has."""
    told = []
    for name, value in values.items():
        valid = candidate.points[name].valid
        if valid is None or isinstance(value, bool | str) or valid[0] <= value <= valid[1]:
            continue
        where = candidate.where(name, order)
        if not any(where in reason.text for reason in known if reason.weight < 0):
            told.append(Reason(-3.0, f"{shown(name, value)} is out of the range of `{name}`, {where}"))
    return told[:2]


def _idle(values: "dict[str, float | int | bool | str]") -> list[Reason]:
    """Phases of which nothing is there, while another one has its voltage."""
    phases = [f"voltage_{phase}_v" for phase in ("l1", "l2", "l3")]
    if not all(name in values for name in phases) or not any(values[name] for name in phases):
        return []
    empty = [name for name in phases if not values[name]]
    if not empty:
        return []
    return [Reason(-2.0, f"nothing on {len(empty)} of three phases: perhaps it has one only")]


def _mapped(candidate: Candidate, seen: Seen, values: "dict[str, float | int | bool | str]") -> list[Reason]:
    """Numbers that stand for states: of all that a register can hold, only those of the map."""
    told = []
    for name in values:
        of = candidate.fields[name]
        words = seen.get(of.span)
        if of.table is None or of.source.is_text or words is None or words[-1] <= _FEW:
            continue
        weight = min(math.log10((1 << 16) / len(of.table)), _RARE)
        told.append(Reason(weight, f"{words[-1]} {candidate.where(name)} is one of {len(of.table)} states"))
    return told[:1]


# Refusals ------------------------------------------------------------------------------------------------


def _refusals(candidate: Candidate, seen: Seen) -> list[Reason]:
    """What its own requests, which a device of that model answers, came to."""
    found = []
    anchor = candidate.anchor
    for request in dict.fromkeys((*([anchor] if anchor else ()), *candidate.requests)):
        said = seen.said(request)
        if said is None or said.words is not None:
            continue
        pieces = [seen.said(piece) for piece in candidate.pieces(request)]
        if request != anchor and pieces and all(each is None or each.words is not None for each in pieces):
            continue
        weight = _OUT if request == anchor else -2.5
        if said.code is None:
            found.append(Reason(weight if request == anchor else -1.5, f"{request}: {said.text}", "refusal"))
        elif said.code in (1, 2, 3, 4):
            found.append(Reason(weight, f"{request} {'are' if request.count > 1 else 'is'} refused", "refusal"))
    return found


# Marks ---------------------------------------------------------------------------------------------------


def _marks(candidate: Candidate, seen: Seen) -> list[Reason]:
    if candidate.models:
        found = [models for models in candidate.models if candidate.places.find(models) is not None]
        names = ", ".join(str(models) for models in found)
        reasons = [Reason(_STRONG, f"it has the SunSpec model {names}", "mark")] if found else []
    else:
        reasons = []
    for mark, request in candidate.marks:
        said = seen.said(request)
        if said is not None:
            reasons.append(_marked(candidate, mark, request, said))
    return reasons


def _marked(candidate: Candidate, mark: Mark, request: Request, said: Said) -> Reason:
    where = place(request.table, request.first)
    if said.words is None:
        if said.code in (1, 2, 3, 4):
            return Reason(_OUT, f"{where}, which tells the model, is refused", "mark")
        return Reason(-2.0, f"{where}, which tells the model: {said.text}", "mark")
    held = _held(candidate, mark, said.words)
    if _fits(mark, held):
        return Reason(_weight(mark, held), f"{where} holds {held}: {candidate.title}", "mark")
    shown_as = f"`{held}`" if isinstance(held, str) else held
    return Reason(_OUT, f"{where} holds {shown_as}, and not what a {candidate.title} has there", "mark")


def _held(candidate: Candidate, mark: Mark, words: Sequence[int]) -> float | str | None:
    """What a mark's registers hold, as its type says; None when that is nothing."""
    source = source_of(mark)
    order: Order = mark.order or candidate.protocol.order
    if source.is_text:
        order = "BADC" if order in ("BADC", "DCBA") else "ABCD"
    of = Field(Point(name="mark", source=source), source, order, None, Span("holding", 0, source.size), None)
    held = judge(of, number_of(of, words))
    return None if isinstance(held, Missing) else held


def _fits(mark: Mark, held: float | str | None) -> bool:
    if held is None:
        return False
    if mark.between is not None:
        return not isinstance(held, str) and mark.between[0] <= held <= mark.between[1]
    if isinstance(held, str):
        return any(fnmatchcase(held, str(one)) for one in mark.wanted)
    return held in mark.wanted


def _weight(mark: Mark, held: float | str | None) -> float:
    if isinstance(held, str):
        return _STRONG if len(held) >= _LEAST_TEXT else _WEAK
    if mark.between is not None and mark.between[1] - mark.between[0] > _SMALL:
        return _VAGUE
    if held is None or abs(held) <= _SMALL:
        return _WEAK
    return _STRONG if source_of(mark).size > 1 else _FAIR
