"""What a unit is, how sure that is, and what it cannot be told from. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from drivers.modbus.layout import Span
from drivers.modbus.survey.candidates import Candidate
from drivers.modbus.survey.judging import Verdict
from drivers.modbus.survey.reasons import Reason
from drivers.modbus.survey.seen import Request, Seen, place

__all__ = ["Certainty", "Identified", "Rival", "conclude"]

_MARKED: Final = 6.0
_SURE: Final = 8.0
_SURE_RELATED: Final = 2.0
_LIKELY: Final = 6.0
_POSSIBLE: Final = 4.5
_EVIDENT: Final = 4.0
"""What is wanted beside sizes, which many numbers have."""
_CONTRADICTED: Final = -1.0
_MARGIN: Final = 3.0
"""How much less likely a model has to be so that it is none of those that cannot be told apart."""
_MOST_RIVALS: Final = 6


class Certainty(StrEnum):
    """How sure an answer is."""

    SURE = "sure"
    LIKELY = "likely"
    POSSIBLE = "possible"
    NONE = "none"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A model that cannot be told from the first one by what was read. `why` says what both have in common."""

    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What one unit is. `best` is None where no profile fits; `seen` has all that it said."""

    unit: int
    certainty: Certainty
    best: Verdict | None
    rivals: tuple[Rival, ...]
    seen: Seen
    complete: bool = True
    """Whether nothing was left out because of the number of requests."""

    @property
    def is_settled(self) -> bool:
        """Whether the map of the best model is sure, though not that it is no other with such a map."""
        return self.best is not None and _level(self.best, doubts=False) is Certainty.SURE

    @property
    def words(self) -> Sequence[tuple[Request, tuple[int, ...]]]:
        """What it holds that is not zero, by address."""
        return self.seen.shown()


def conclude(unit: int, verdicts: Iterable[Verdict], seen: Seen, *, complete: bool = True) -> Identified:
    """Decide by what is known so far."""
    ranked = _ranked(
        [verdict for verdict in verdicts if not verdict.is_out and _level(verdict) is not Certainty.NONE], seen
    )
    if not ranked:
        certainty = Certainty.NONE if seen.answered else Certainty.SILENT
        return Identified(unit=unit, certainty=certainty, best=None, rivals=(), seen=seen, complete=complete)
    best = ranked[0]
    near = [each for each in ranked[1:] if each.score > best.score - _MARGIN]
    certainty = _level(best)
    if certainty is Certainty.SURE and not all(_leaves_sure(best, each) for each in near):
        certainty = Certainty.LIKELY
    rivals = tuple(Rival(verdict=each, why=_common(best, each, seen)) for each in near[:_MOST_RIVALS])
    return Identified(unit=unit, certainty=certainty, best=best, rivals=rivals, seen=seen, complete=complete)


def _leaves_sure(best: Verdict, other: Verdict) -> bool:
    """Whether another model that fits as well makes the answer no less sure: it has the same points, or doubts."""
    one, two = best.candidate, other.candidate
    if one.points == two.points:
        return True
    return one.profile == two.profile and bool(two.experimental) and not one.experimental


def _ranked(verdicts: Sequence[Verdict], seen: Seen) -> list[Verdict]:
    """The verdicts by score, after models with nearly the same registers are told apart by what only some have."""
    most = max((verdict.score for verdict in verdicts), default=0.0)
    near = [verdict for verdict in verdicts if verdict.score > most - 2 * _MARGIN]
    held = {id(verdict): _held(verdict.candidate, seen) for verdict in near}
    filled = {span for of in held.values() for span, is_filled in of.items() if is_filled}
    found = []
    for verdict in verdicts:
        reasons = list(verdict.reasons)
        if id(verdict) in held:
            mine = held[id(verdict)]
            more = [_beyond(mine, of) for key, of in held.items() if key != id(verdict)]
            if empty := next((own for own in more if own and not any(mine[span] for span in own)), None):
                text = f"nothing in {place(empty[0].table, empty[0].first)}, which only some such models have"
                reasons.append(Reason(-min(1.5, 0.5 * len(empty)), text))
            foreign = _beyond(dict.fromkeys(sorted(filled), True), mine)
            if foreign:
                text = f"{place(foreign[0].table, foreign[0].first)} holds something, and is none of its registers"
                reasons.append(Reason(-min(2.5, 0.75 * len(foreign)), text))
        found.append(replace(verdict, reasons=tuple(reasons)))
    found.sort(key=lambda each: (-each.score, bool(each.candidate.experimental), each.candidate.id))
    return sorted(found, key=lambda each: _order(each, found))


def _order(verdict: Verdict, found: Sequence[Verdict]) -> float:
    """By score; a variant with doubts stands behind the same profile without."""
    if not verdict.candidate.experimental:
        return -verdict.score
    plain = [
        each.score
        for each in found
        if each.candidate.profile == verdict.candidate.profile
        and not each.candidate.experimental
        and not each.is_out
        and each.score > verdict.score - 2 * _MARGIN
    ]
    return -min([verdict.score, *(score - 0.01 for score in plain)])


def _held(candidate: Candidate, seen: Seen) -> dict[Span, bool]:
    """Where the points of a candidate are, as far as that was read, and whether there is something."""
    return {of.span: any(words) for of in candidate.fields.values() if (words := seen.get(of.span)) is not None}


def _beyond(mine: Mapping[Span, bool], other: Mapping[Span, bool]) -> list[Span]:
    """The spans of one that touch none of another's."""
    taken = {(span.table, at) for span in other for at in range(span.first, span.end)}
    return [span for span in mine if not any((span.table, at) in taken for at in range(span.first, span.end))]


def _level(verdict: Verdict, *, doubts: bool = True) -> Certainty:
    """How sure a model is by itself; without `doubts`, whatever is doubtful in its profile."""
    by_values = verdict.score - verdict.marked
    if (verdict.marked >= _MARKED and by_values >= _CONTRADICTED) or (
        by_values >= _SURE and verdict.related >= _SURE_RELATED
    ):
        level = Certainty.SURE
    elif by_values >= _LIKELY and verdict.evident >= _EVIDENT:
        level = Certainty.LIKELY
    elif verdict.score >= _POSSIBLE and verdict.evident >= _EVIDENT / 2:
        level = Certainty.POSSIBLE
    else:
        return Certainty.NONE
    if verdict.order is not None:
        return Certainty.POSSIBLE
    if level is Certainty.SURE and (verdict.open_marks or (doubts and verdict.candidate.experimental)):
        return Certainty.LIKELY
    return level


def _common(best: Verdict, other: Verdict, seen: Seen) -> str:
    """Why two models cannot be told apart."""
    mine, its = _map(best.candidate, seen), _map(other.candidate, seen)
    if best.candidate.profile == other.candidate.profile:
        return "another variant of the same model; " + _difference(best.candidate, other.candidate)
    if mine and mine == its:
        return "the same registers as far as they were read"
    if its and its < mine:
        return f"{len(its)} of the same registers, and none beside that were read"
    if mine and mine < its:
        return f"the same registers, and {len(its - mine)} more that say nothing now"
    if mine & its:
        return f"{len(mine & its)} registers in common, and what differs says too little now"
    return "other registers, which fit as well"


def _difference(one: Candidate, other: Candidate) -> str:
    names = [name for name in {**one.points, **other.points} if one.points.get(name) != other.points.get(name)]
    if not names:
        return "no point of theirs differs"
    return f"{len(names)} points differ, such as `{names[0]}`"


def _map(candidate: Candidate, seen: Seen) -> frozenset[tuple[object, ...]]:
    """The registers of a candidate that were read, and how it reads them."""
    return frozenset(
        (of.span, of.source.type, of.order, of.point.factor, of.point.divisor)
        for of in candidate.fields.values()
        if seen.get(of.span) is not None
    )
