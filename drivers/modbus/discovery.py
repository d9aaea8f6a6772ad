"""One device whose points are in SunSpec models: finds them, reads them there, and notices when they move."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from drivers.modbus.layout import Span, is_placed
from drivers.modbus.links import one_by_one
from drivers.modbus.placing import guard, header, wanted_by
from drivers.modbus.plan import Block, Cost
from drivers.modbus.reader import DeviceReader, Spread, reason_of
from drivers.modbus.sunspec import BASES, MARK, Ask, Chain, Model, Places, place, walk
from drivers.modbus.traffic import Seen
from drivers.modbus.wire import BUSY, ExceptionAnswer, Link, Request
from monitor.errors import DeviceError, DeviceUnreachable, SettingsError
from monitor.model import Missing
from monitor.ports import Answer
from monitor.site import Device, Point

__all__ = ["SunSpecReader"]

_FIRST_PAUSE: Final = 10.0
_LONGEST_PAUSE: Final = 3600.0
"""Seconds until what was not found is looked for again: twice as long each time, for it may be starting."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why the models could not be looked for; `answered`: the device said something all the same."""

    reason: Missing
    error: str
    answered: bool


class SunSpecReader:
    """Asks one unit for its points, wherever its models are: a `DeviceReader` with places of its own.

    Looks for the models at the first read, after the device was away, when a model's id or length, which are read
    with its values, are others than they were, and when something is refused that was not. `seen` counts what
    passes. Raises SettingsError at construction for points that no request may read.
    """

    def __init__(  # noqa: PLR0913 - what it asks with, from the driver
        self,
        device: Device,
        *,
        cost: Cost,
        tries: int,
        now: Callable[[], int],
        monotonic: Callable[[], float],
        spread: Spread = one_by_one,
    ) -> None:
        self.seen = Seen()
        self.unit: int = device.address.unit
        self._device = device
        self._instance: int = device.address.instance
        self._wanted = wanted_by(device.points.values())
        self._tries = tries
        self._now = now
        self._monotonic = monotonic
        self._make = partial(
            DeviceReader,
            device,
            cost=cost,
            tries=tries,
            now=now,
            monotonic=monotonic,
            spread=spread,
            seen=self.seen,
        )
        self._make()
        self._bases = deque(BASES)
        self._places = Places()
        self._inner: DeviceReader | None = None
        self._lost: frozenset[str] = frozenset()
        self._refused: set[str] = set()
        self._why = self._told = ""
        self._look_at: float | None = 0.0
        self._has_map = False
        self._pause = _FIRST_PAUSE

    async def read(self, link: Link, scan: str) -> Answer:
        """Ask for every point of a scan class, after looking for the models where that is due."""
        looks = self._look_at is not None and self._monotonic() >= self._look_at
        trouble = await self._look(link) if looks else None
        if trouble is not None:
            return self._nothing(scan, trouble)
        answer, moved = await self._ask(link, scan)
        if not answer.answered:
            self._look_at = 0.0
            self.seen.sunspec = ""
        refused = {name for name, reason in answer.missing.items() if reason is Missing.REFUSED}
        new = refused - self._lost - self._refused
        if looks or not (moved or new):
            return self._restless(answer) if moved else answer
        before = self._places
        trouble = await self._look(link)
        if trouble is not None:
            return self._nothing(scan, trouble) if moved else answer
        if not moved and self._places == before:
            self._refused |= new
            return answer
        answer, moved = await self._ask(link, scan)
        return self._restless(answer) if moved else answer

    async def probe(self, link: Link) -> Answer:
        """Ask once for the beginning of the map, to learn whether the device answers."""
        trouble = None
        try:
            words = await self._words(link, Ask(self._bases[0], 2), tries=1)
            if words == MARK and not self._has_map:  # it was starting
                self._look_at = 0.0
        except DeviceError as error:
            trouble = self._troubled(error, heard=False)
            self._pass_over(self._bases[0], error)
        return Answer(
            values={},
            arrived=self._now(),
            answered=trouble is None or trouble.answered,
            error="" if trouble is None else trouble.error,
        )

    # Asking ------------------------------------------------------------------------------------------

    async def _ask(self, link: Link, scan: str) -> tuple[Answer, bool]:
        """Read what there is of a scan class; answer that, and whether a model is no longer where it was."""
        points = {name: point for name, point in self._device.points.items() if point.scan == scan}
        if self._inner is None or self._lost.issuperset(points):
            answer = await self.probe(link)
            reason = Missing.REFUSED if answer.answered else Missing.TIMEOUT
            return replace(answer, missing=dict.fromkeys(points, reason), error=answer.error or self._why), False
        answer = await self._inner.read(link, scan)
        values = {name: value for name, value in answer.values.items() if name in points}
        missing = {name: reason for name, reason in answer.missing.items() if name in points}
        moved = False
        for model, names in self._by_model(points).items():
            told = guard(model, scan).name
            if answer.values.get(told) == header(model):
                continue
            moved |= told in answer.values
            for name in names:  # what was read there may be something else
                values.pop(name, None)
                missing[name] = answer.missing.get(told, Missing.UNDECODABLE)
        missing |= dict.fromkeys(self._lost & points.keys(), Missing.REFUSED)
        return replace(answer, values=values, missing=missing), moved

    def _by_model(self, points: Mapping[str, Point]) -> Mapping[Model, list[str]]:
        found: dict[Model, list[str]] = {}
        for name, point in points.items():
            models = getattr(point.source.where, "models", None)
            model = None if models is None or name in self._lost else self._places.find(models)
            if model is not None:
                found.setdefault(model, []).append(name)
        return found

    def _restless(self, answer: Answer) -> Answer:
        self._look_at = 0.0
        error = f"the SunSpec models of unit {self.unit} move while they are read"
        return replace(answer, error=answer.error or error)

    def _nothing(self, scan: str, trouble: _Trouble) -> Answer:
        points = [point.name for point in self._device.points.values() if point.scan == scan]
        return Answer(
            values={},
            missing=dict.fromkeys(points, trouble.reason),
            arrived=self._now(),
            answered=trouble.answered,
            error=trouble.error,
        )

    # Looking -----------------------------------------------------------------------------------------

    async def _look(self, link: Link) -> _Trouble | None:
        """Look for the models; answer why that could not be done, if so: then it is tried at the next read."""
        self._look_at = 0.0
        walker = walk(tuple(self._bases), self._is_all)
        heard = False
        ask = next(walker)
        try:
            while True:
                words = await self._words(link, ask, tries=self._tries)
                heard = True
                ask = walker.send(words)
        except StopIteration as found:
            self._settle(found.value)
            return None
        except DeviceError as error:
            self._pass_over(ask.first, error)
            return self._troubled(error, heard=heard)

    async def _words(self, link: Link, ask: Ask, *, tries: int) -> tuple[int, ...] | None:
        """Read registers; None when the device refuses them."""
        block = Block.around([Span("holding", ask.first, ask.size)])
        try:
            content = await link.ask(Request(self.unit, block, 2 * ask.size, self.seen), tries=tries)
        except ExceptionAnswer as error:
            if error.code in BUSY:
                raise
            return None
        return tuple(int.from_bytes(content[at : at + 2], "big") for at in range(0, len(content), 2))

    def _is_all(self, models: Sequence[Model]) -> bool:
        return len(place(models, self._wanted, self._instance).models) == len(self._wanted)

    def _pass_over(self, base: int, error: DeviceError) -> None:
        """Begin elsewhere the next time: a device may be silent where it has nothing."""
        if base in self._bases and isinstance(error, DeviceUnreachable):
            while self._bases[-1] != base:
                self._bases.rotate(-1)

    def _troubled(self, error: DeviceError, *, heard: bool) -> _Trouble:
        answered = heard or not isinstance(error, DeviceUnreachable)
        if not answered:
            self.seen.sunspec = ""
        return _Trouble(reason_of(error), str(error), answered)

    def _settle(self, chain: Chain) -> None:
        """Keep what was found, and tell what was not."""
        places = place(chain.models, self._wanted, self._instance)
        points = self._device.points.items()
        lost = frozenset(name for name, point in points if not is_placed(point.source, places))
        why = self._why_not(chain, places)
        if places != self._places or self._inner is None:
            self._refused.clear()
            self._inner = None
            if len(lost) < len(points):
                try:
                    self._inner = self._make(places=places)
                except SettingsError as error:  # a range that the profile forbids is where the model is
                    why, lost = str(error), frozenset(self._device.points)
        self._has_map = chain.base is not None
        if chain.base is not None:
            while self._bases[0] != chain.base:
                self._bases.rotate(-1)
        self._tell(chain, places, why)
        self._places, self._lost, self._why = places, lost, why
        self.seen.sunspec = why
        self._look_at = self._monotonic() + self._pause if why else None
        self._pause = min(2 * self._pause, _LONGEST_PAUSE) if why else _FIRST_PAUSE

    def _tell(self, chain: Chain, places: Places, why: str) -> None:
        """Log once what is not there, and each time where the models are when they are elsewhere than before."""
        log = structlog.get_logger()
        if why and why != self._told:
            log.warning("sunspec_missing", device=self._device.id, error=why, hint="check the profile and `unit`")
        if places.models and places != self._places:
            found = [f"{model.ident} at holding {model.first}" for _, model in places.models]
            log.info("sunspec_found", device=self._device.id, base=chain.base, models=found)
        self._told = why

    def _why_not(self, chain: Chain, places: Places) -> str:
        unit = f"unit {self.unit}"
        if chain.base is None:
            first, *others, last = sorted(BASES)
            return (
                f"no SunSpec models in {unit}: none at holding {', '.join(map(str, [first, *others]))} or {last}"
            )
        has = ", ".join(str(model.ident) for model in chain.models) or "none"
        flaw = f" ({chain.flaw})" if chain.flaw else ""
        for models in sorted(self._wanted, reverse=True):  # without the others, no model 1 is the right one
            if places.find(models) is None:
                some = any(models.fits(model.ident) for model in chain.models)
                what = f"instance {self._instance} of SunSpec model" if some else "SunSpec model"
                return f"no {what} {models} in {unit}; it has {has}{flaw}"
        short = [name for name, point in self._device.points.items() if not is_placed(point.source, places)]
        if short:
            return f"the SunSpec models of {unit} are too short for {', '.join(f'`{name}`' for name in short[:5])}"
        return ""
