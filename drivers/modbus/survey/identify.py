"""Finds out of which model the device behind a unit id is, with few requests, and only by reading.

It asks first for what tells most models apart. Where a model seems to fit, the device is read as that model wants
to be, and asked nothing that the model must not be asked. It ends when the answer is sure, or nothing is left.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from drivers.modbus.sunspec import BASES, COMMON, Ask, Chain, Model, walk
from drivers.modbus.survey.candidates import Candidate
from drivers.modbus.survey.judging import Verdict, weigh
from drivers.modbus.survey.plausibility import COUNTED, NOMINAL, shown
from drivers.modbus.survey.reasons import Reason
from drivers.modbus.survey.seen import Request, Said, Seen
from drivers.modbus.survey.verdict import Identified, conclude
from monitor.errors import DeviceError, DeviceRefused, DeviceUnreachable
from monitor.ports import RegisterBus

__all__ = ["MOST_REQUESTS", "Inquiry", "Progress", "identify"]

MOST_REQUESTS: Final = 60
"""Requests that one unit is asked at most."""

_MOST_SILENT: Final = 8
"""Requests without an answer after which nobody is there; three times as many end it for one that has answered."""
_MOST_OF_ONE: Final = 10
"""Requests that reading one model takes at most."""
_LEADS: Final = 2.0
"""Where the values of a model are read before others are tried."""
_HINTS: Final = 0.5
"""Where they are read when nothing else is left."""
_NEAR: Final = 4.0
_MOST_LEADERS: Final = 6
_BUSY: Final = (5, 6)
_GATEWAY: Final = (10, 11)
_NO_SUCH: Final = (2, 3)
_MOST_PIECES: Final = 4
_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is: `asking` is what is asked next."""

    unit: int
    requests: int
    most: int
    asking: Request
    leading: str = ""


async def identify(  # noqa: PLR0913 - whom, by what, and how
    bus: RegisterBus,
    unit: int,
    candidates: Sequence[Candidate],
    *,
    nominal: Sequence[float] = NOMINAL,
    most: int = MOST_REQUESTS,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Identified:
    """Ask one unit, and answer what it is. Raises RequestRefused when the bus cannot be had."""
    inquiry = Inquiry(candidates, nominal=nominal)
    while (request := inquiry.next()) is not None:
        if inquiry.seen.requests >= most:
            return inquiry.answer(unit, complete=False)
        tell(
            Progress(unit=unit, requests=inquiry.seen.requests, most=most, asking=request, leading=inquiry.leading)
        )
        said = await _ask(bus, unit, request, inquiry.seen)
        if said.code in _BUSY:
            await asyncio.sleep(_PAUSE_S)
            said = await _ask(bus, unit, request, inquiry.seen)
        inquiry.take(request, said)
    if (request := inquiry.counters()) is not None and inquiry.seen.requests < most:
        inquiry.compare(request, await _ask(bus, unit, request, inquiry.seen))
    return inquiry.answer(unit)


async def _ask(bus: RegisterBus, unit: int, request: Request, seen: Seen) -> Said:
    seen.requests += 1
    try:
        return Said(tuple(await bus.read(unit, request.table, request.first, request.count)))
    except DeviceUnreachable:
        return Said(text="no answer")
    except DeviceRefused as error:
        code = int(getattr(error, "code", 0) or 0)
        return Said(text="no answer, says the gateway") if code in _GATEWAY else Said(code=code)
    except DeviceError:
        return Said(text="an answer that is none")


class Inquiry:
    """What is asked next, by what was said so far. Pure: it is given the answers."""

    def __init__(self, candidates: Iterable[Candidate], *, nominal: Sequence[float] = NOMINAL) -> None:
        self.seen = Seen()
        self._nominal = nominal
        self._fixed = [each for each in candidates if not each.models]
        self._mapped = [each for each in candidates if each.models]
        self._placed: list[Candidate] = []
        self._walk: Generator[Ask, Sequence[int] | None, Chain] = walk(BASES, self._is_enough)
        self._ask: Ask | None = next(self._walk) if self._mapped else None
        self._follows = False
        self._weighed: dict[str, Verdict] = {}
        self._again()

    @property
    def leading(self) -> str:
        """The model that fits best so far."""
        return next((verdict.candidate.title for verdict in self._leaders()), "")

    def answer(self, unit: int, *, complete: bool = True) -> Identified:
        """Conclude from what was said."""
        return conclude(unit, self._weighed.values(), self.seen, complete=complete)

    def take(self, request: Request, said: Said) -> None:
        """Learn what was said to a request."""
        self.seen.take(request, said)
        if self._ask is not None and request == _request(self._ask):
            self._step(said.words)
        self._again(request)

    def next(self) -> Request | None:
        """What to ask now; None when nothing more is to be learnt."""
        if self._is_silent():
            return None
        if self._follows and self._ask is not None:
            return _request(self._ask)
        leaders = self._leaders()
        if (request := self._first(leaders, leaders)) is not None:
            return request
        if self.answer(0).is_settled:
            return None
        return self._probe(leaders) or self._first(self._leaders(_HINTS), leaders)

    def _first(self, wanted: Sequence[Verdict], leaders: Sequence[Verdict]) -> Request | None:
        """The first request by which models are told and read that was not sent yet."""
        marks = [request for each in wanted for _, request in each.candidate.marks]
        reads = [
            request
            for each in wanted
            for planned in each.candidate.requests[:_MOST_OF_ONE]
            for request in (planned, *self._instead(each.candidate, planned))
        ]
        return next((request for request in (*marks, *reads) if self._may(request, leaders)), None)

    def _instead(self, candidate: Candidate, request: Request) -> Sequence[Request]:
        """What to ask where a device refuses to be read across registers that it has not."""
        said = self.seen.said(request)
        refused = said is not None and said.code in _NO_SUCH
        return candidate.pieces(request)[:_MOST_PIECES] if refused else ()

    def counters(self) -> Request | None:
        """What to ask a second time in the end: where the most likely model counts energy or volume."""
        best = self.answer(0).best
        if best is None:
            return None
        for request in best.candidate.requests:
            said = self.seen.answers.get(request)
            if said is not None and said.words is not None and _counters_in(best, request, self.seen):
                return request
        return None

    def compare(self, request: Request, said: Said) -> None:
        """Learn what that was the second time: a counter does not fall."""
        best = self.answer(0).best
        if best is None or said.words is None:
            return
        before = _counters_in(best, request, self.seen)
        self.seen.take(request, said)
        after = _counters_in(best, request, self.seen)
        fallen = [name for name in before if after.get(name, before[name]) < before[name]]
        self._again(request)
        if fallen:
            where = best.candidate.where(fallen[0], best.order)
            text = f"{shown(fallen[0], after[fallen[0]])} was more a moment before, {where}: no counter"
            verdict = self._weighed[best.candidate.id]
            self._weighed[best.candidate.id] = replace(verdict, reasons=(*verdict.reasons, Reason(-5.0, text)))

    # Choosing ----------------------------------------------------------------------------------------

    def _probe(self, leaders: Sequence[Verdict]) -> Request | None:
        """The request that is about the most models; marks before values."""
        marks: dict[Request, int] = {}
        anchors: Counter[Request] = Counter()
        probed: dict[Request, int] = {}
        for verdict in self._weighed.values():
            if verdict.is_out:
                continue
            for _, request in verdict.candidate.marks:
                marks[request] = marks.get(request, 0) + 1
            anchor = verdict.candidate.anchor
            if anchor is not None:
                anchors[anchor] += 1
                if verdict.candidate not in self._placed:
                    probed[anchor] = 0
        for anchor in probed:
            probed[anchor] = sum(many for other, many in anchors.items() if _covers(anchor, other))
        if self._ask is not None:
            marks[_request(self._ask)] = len(self._mapped)
        probes = [(-count, 0, request) for request, count in marks.items()]
        probes += [(-count, 1, request) for request, count in probed.items()]
        return next((request for _, _, request in sorted(probes) if self._may(request, leaders)), None)

    def _may(self, request: Request, leaders: Sequence[Verdict]) -> bool:
        """Whether a request is new, and none that a leading model must not be asked."""
        return self.seen.said(request) is None and not any(each.candidate.forbids(request) for each in leaders)

    def _leaders(self, least: float = _LEADS) -> list[Verdict]:
        """The models that seem to fit, the best first."""
        ranked = sorted(
            (each for each in self._weighed.values() if each.score >= least),
            key=lambda each: (-each.score, each.candidate.id),
        )
        return [each for each in ranked if each.score >= ranked[0].score - _NEAR][:_MOST_LEADERS]

    def _is_silent(self) -> bool:
        silent = sum(said.words is None and said.code is None for said in self.seen.answers.values())
        return silent >= _MOST_SILENT * (3 if self.seen.answered else 1)

    def _again(self, request: Request | None = None) -> None:
        """Weigh those anew to whom the answer to a request says something (None: all)."""
        for candidate in (*self._fixed, *self._placed):
            known = self._weighed.get(candidate.id)
            if (
                request is None
                or known is None
                or known.candidate is not candidate
                or request.table in self.seen.dead
                or candidate.concerns(request)
            ):
                self._weighed[candidate.id] = weigh(candidate, self.seen, self._nominal)

    # SunSpec -----------------------------------------------------------------------------------------

    def _is_enough(self, models: Sequence[Model]) -> bool:
        self._follows = True
        wanted = {one for each in self._mapped for one in each.models}
        return any(one.fits(model.ident) for one in wanted for model in models if one != COMMON)

    def _step(self, words: Sequence[int] | None) -> None:
        """Go on with the walk, past what was said already."""
        try:
            self._ask = self._walk.send(words)
            while (said := self.seen.said(_request(self._ask))) is not None:
                self._ask = self._walk.send(said.words)
        except StopIteration as found:
            self._ask = None
            chain: Chain = found.value
            placed = [each.on(chain) for each in self._mapped]
            self._placed = [each for each in placed if any(each.places.find(one) for one in each.models)]


def _request(ask: Ask) -> Request:
    return Request("holding", ask.first, ask.size)


def _counters_in(verdict: Verdict, request: Request, seen: Seen) -> dict[str, float]:
    """The counters of a model that a request reads, and what they hold."""
    values, _ = verdict.candidate.values(seen, verdict.order)
    return {
        name: float(value)
        for name, value in values.items()
        if not isinstance(value, str | bool)
        and name.rpartition("_")[2] in COUNTED
        and "net" not in name
        and _covers(request, Request.of(verdict.candidate.fields[name].span))
    }


def _covers(one: Request, other: Request) -> bool:
    return one.table == other.table and one.first <= other.first and other.end <= one.end
