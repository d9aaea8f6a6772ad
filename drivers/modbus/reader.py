"""One Modbus device: what to ask it for, and what its answers and refusals mean."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from drivers.modbus.cards import Cards
from drivers.modbus.decode import BlockDecoder, Decoded, finish
from drivers.modbus.layout import Field, Span
from drivers.modbus.links import one_by_one
from drivers.modbus.plan import Block, Cost, Limits, plan, split
from drivers.modbus.settings import ProfileModel, Table
from drivers.modbus.shared import EVENTS_ARE, shared_by, spans_of
from drivers.modbus.sunspec import Places
from drivers.modbus.traffic import Seen
from drivers.modbus.wire import BUSY, ExceptionAnswer, Garbled, Link, Request
from monitor.errors import DeviceError, DeviceUnreachable, SettingsError
from monitor.model import Missing
from monitor.ports import Answer
from monitor.site import Device

__all__ = ["DeviceReader", "Spread", "reason_of"]

Spread = Callable[[Link, Sequence[Any], Callable[[Link, Any], Awaitable[None]]], Awaitable[None]]
"""Does a job for each of the blocks: over the connection at hand, and over others where that is allowed."""

_SPLITTABLE = frozenset({2, 3})
"""Exception codes for a request that reaches where the device has nothing: illegal address, illegal value."""

_MOST_SPLITS = 32
"""Further requests that one read may spend on looking for holes."""

_HOLES_LAST = 3600.0
"""Seconds after which registers that were refused are tried again: the device may have been starting."""


@dataclass(slots=True)
class _Work:
    """A block with what reads it."""

    request: Request
    decoder: BlockDecoder


@dataclass(slots=True)
class _Scan:
    """The blocks of one scan class, in the order of asking, and the points that were found to be refused."""

    fields: tuple[Field, ...]
    hidden: frozenset[Span]
    work: list[_Work] = field(default_factory=list)
    lost: tuple[BlockDecoder, ...] = ()


@dataclass(slots=True)
class _Round:
    """One read under way."""

    decoded: Decoded = field(default_factory=Decoded)
    answered: bool = False
    gave_something: bool = False
    silent: int = 0
    late: list[Block] = field(default_factory=list)
    error: str = ""
    splits: int = 0
    read: list[Block] = field(default_factory=list)
    refused: list[Span] = field(default_factory=list)
    cuts: list[tuple[Table, int]] = field(default_factory=list)


class DeviceReader:
    """Asks one unit for its points, block by block; what one block does to itself stays with that block.

    `seen` counts what passes; `places`: where its SunSpec models are (None: where they usually are); `cards`: what
    makes its events. Raises SettingsError at construction for points that no request may read.
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
        seen: Seen | None = None,
        places: Places | None = None,
        cards: Cards | None = None,
    ) -> None:
        self.seen = Seen() if seen is None else seen
        self.unit: int = device.address.unit
        self._device = device
        self._cost = cost
        self._spread = spread
        self._profile: ProfileModel | None = device.protocol
        self._tries = tries
        self._now = now
        self._monotonic = monotonic
        self._cards = cards
        self._refused: set[Span] = set()
        self._holes: set[Span] = set()
        self._cuts: set[tuple[Table, int]] = set()
        self._told: set[object] = set()
        self._learnt_at = 0.0
        try:
            shared = shared_by(device, cost, places)
        except SettingsError as error:
            raise SettingsError(f"device {device.id}: {error}") from None
        self._scans: Mapping[str, _Scan] = {
            scan: _Scan(of.fields, of.hidden, [self._work(decoder) for decoder in of.decoders])
            for scan, of in shared.scans.items()
        }
        cheapest = shared.cheapest
        self._probe_with = None if cheapest is None else self._work(cheapest)

    async def read(self, link: Link, scan: str) -> Answer:
        """Ask for every block of a scan class; before it, acknowledge what is kept of the last one."""
        if self._cards is None or scan != EVENTS_ARE:
            return self._answer(await self._read(link, scan))
        await self._cards.acknowledge(link)
        this = await self._read(link, scan)
        answer = self._answer(this)
        events, kept = await self._cards.told(this.decoded.hidden, answer.arrived)
        return replace(answer, events=events, kept=kept, again=self._cards.has_more)

    async def _read(self, link: Link, scan: str) -> _Round:
        if self._learnt_at and self._monotonic() - self._learnt_at > _HOLES_LAST:
            self._forget()
        at = self._scans.get(scan)
        if at is None or not at.work:
            return await self._probe(link, at)
        this = _Round()

        async def ask(link: Link, work: _Work) -> None:
            # a dead device costs one time-out; one that has answered may be silent to a single block
            if this.silent > this.answered:
                work.decoder.fail(Missing.TIMEOUT, this.decoded)
            else:
                await self._ask(link, work, at, this)

        await self._ask(link, at.work[0], at, this)
        if others := at.work[1:]:
            await (self._spread if this.answered else one_by_one)(link, others, ask)
        if this.late:  # asked last from now on, so that it never hides the others
            late = [work for work in at.work if any(_within(block, work.request.block) for block in this.late)]
            at.work = [work for work in at.work if work not in late] + late
        for decoder in at.lost:
            decoder.fail(Missing.REFUSED, this.decoded)
        if this.gave_something and (this.refused or this.cuts):
            self._learn(this)
        return this

    async def probe(self, link: Link) -> Answer:
        """Ask once for the least there is, to learn whether the device answers."""
        return self._answer(await self._probe(link))

    async def _probe(self, link: Link, at: _Scan | None = None) -> _Round:
        this = _Round()
        if self._probe_with is not None:
            work = self._probe_with
            try:
                work.decoder.decode(await link.ask(work.request, tries=1), this.decoded)
                this.answered = True
            except DeviceError as error:
                self._failed(work, error, this)
        for decoder in at.lost if at is not None else ():
            decoder.fail(Missing.REFUSED, this.decoded)
        return this

    def _answer(self, this: _Round) -> Answer:
        finish(this.decoded)
        return Answer(
            values=this.decoded.values,
            missing=this.decoded.missing,
            arrived=self._now(),
            answered=this.answered,
            error=this.error,
        )

    # Asking ------------------------------------------------------------------------------------------

    async def _ask(self, link: Link, work: _Work, at: _Scan, this: _Round) -> bool:
        """Read a block, splitting it while it is refused; answer whether all of it was read."""
        try:
            work.decoder.decode(await link.ask(work.request, tries=self._tries), this.decoded)
        except ExceptionAnswer as error:
            if error.code not in _SPLITTABLE:
                self._failed(work, error, this)
                return False
            return await self._refused_block(link, work, at, this, error)
        except DeviceError as error:
            self._failed(work, error, this)
            return False
        this.answered = this.gave_something = True
        this.read.append(work.request.block)
        return True

    async def _refused_block(
        self, link: Link, work: _Work, at: _Scan, this: _Round, error: ExceptionAnswer
    ) -> bool:
        block = work.request.block
        if len(block.spans) == 1:
            self._failed(work, error, this)
            this.refused.append(block.spans[0])
            return False
        if this.splits >= _MOST_SPLITS:
            self._failed(work, error, this)
            return False
        this.splits += 2
        left, right = (self._work(BlockDecoder(half, at.fields, at.hidden)) for half in split(block))
        done = [await self._ask(link, left, at, this), await self._ask(link, right, at, this)]
        if all(done):  # each half is fine and both together are not
            this.cuts.append((block.table, right.request.block.first))
        return all(done)

    def _failed(self, work: _Work, error: DeviceError, this: _Round) -> None:
        this.error = this.error or str(error)
        if isinstance(error, DeviceUnreachable):
            this.silent += 1
            this.late.append(work.request.block)
        else:
            this.answered = True
        work.decoder.fail(reason_of(error), this.decoded)

    # Planning ----------------------------------------------------------------------------------------

    def _plan(self) -> None:
        limits = Limits.of(self._profile, refused=self._holes, cuts=self._cuts)
        for at in self._scans.values():
            spans = spans_of(at.fields, limits) | at.hidden
            good = {
                span for span in spans - self._refused if not any(_touches(span, hole) for hole in self._holes)
            }
            at.work = [
                self._work(BlockDecoder(block, at.fields, at.hidden)) for block in plan(good, limits, self._cost)
            ]
            at.lost = tuple(BlockDecoder(Block.around([span]), at.fields) for span in sorted(spans - good))

    def _work(self, decoder: BlockDecoder) -> _Work:
        return _Work(Request(self.unit, decoder.block, decoder.size, self.seen), decoder)

    def _learn(self, this: _Round) -> None:
        """Remember what was refused by a device that answers otherwise, and tell it once.

        All is tried again an hour after the first of it: one that refuses now and then would else never be.
        """
        self._refused.update(this.refused)
        self._holes.update(hole for span in this.refused for hole in _unread(span, this.read))
        self._cuts.update(this.cuts)
        self._learnt_at = self._learnt_at or self._monotonic()
        news = [thing for thing in (*this.refused, *this.cuts) if thing not in self._told]
        self._told.update(news)
        if news:
            structlog.get_logger().warning(
                "registers_refused",
                device=self._device.id,
                refused=[f"{span.table} {span.first} to {span.end - 1}" for span in this.refused],
                not_read_across=[f"{table} {address}" for table, address in this.cuts],
                hint="check the addresses against the device's manual; the other points are read",
            )
        self._plan()

    def _forget(self) -> None:
        self._refused.clear()
        self._holes.clear()
        self._cuts.clear()
        self._learnt_at = 0.0
        self._plan()


def reason_of(error: DeviceError) -> Missing:
    """Answer why a point is missing whose request failed in that way."""
    if isinstance(error, DeviceUnreachable):
        return Missing.TIMEOUT
    if isinstance(error, Garbled):
        return Missing.UNDECODABLE
    return Missing.BUSY if isinstance(error, ExceptionAnswer) and error.code in BUSY else Missing.REFUSED


def _touches(one: Span, other: Span) -> bool:
    return one.table == other.table and one.first < other.end and other.first < one.end


def _within(one: Block, other: Block) -> bool:
    return one.table == other.table and other.first <= one.first < other.first + other.count


def _unread(span: Span, read: Iterable[Block]) -> list[Span]:
    """The parts of a span that was refused in which the hole can be: none of them was read by itself."""
    parts = [span]
    for block in read:
        if block.table != span.table:
            continue
        end = block.first + block.count
        parts = [
            Span(span.table, first, last - first)
            for part in parts
            for first, last in ((part.first, min(part.end, block.first)), (max(part.first, end), part.end))
            if first < last
        ]
    return parts
