"""Which requests read a set of values at the least cost. Pure: no I/O, no clock."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drivers.modbus.layout import BIT_TABLES, Span
from drivers.modbus.settings import ProfileModel, Table
from monitor.errors import SettingsError

__all__ = ["Block", "Cost", "Limits", "plan", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What reading costs, in milliseconds: each request by itself, and each register that it carries.

    A bit costs a sixteenth of a register.
    """

    request: float
    register: float

    def each(self, table: Table) -> float:
        """What one register (or bit) of a table costs."""
        return self.register / 16 if table in BIT_TABLES else self.register

    def of(self, blocks: Iterable["Block"]) -> float:
        """What reading blocks costs."""
        return sum(self.request + self.each(block.table) * block.count for block in blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a device takes.

    `forbidden`: (table, first, last) that no request may touch, both ends included. `cuts`: (table, address)
    before which a request has to end, because the device refused one that went across.
    """

    max_registers: int = 125
    max_bits: int = 2000
    gap: int | None = None
    forbidden: tuple[tuple[Table, int, int], ...] = ()
    cuts: frozenset[tuple[Table, int]] = frozenset()

    @classmethod
    def of(
        cls,
        profile: ProfileModel | None,
        *,
        refused: Iterable[Span] = (),
        cuts: Iterable[tuple[Table, int]] = (),
    ) -> "Limits":
        """Take a profile's limits, and what the device itself was found to refuse."""
        holes = tuple((span.table, span.first, span.end - 1) for span in refused)
        if profile is None:
            return cls(forbidden=holes, cuts=frozenset(cuts))
        told = [(table, *ends) for table, ranges in profile.forbidden.items() for ends in ranges]
        return cls(
            max_registers=profile.max_registers,
            max_bits=profile.max_bits,
            gap=profile.gap,
            forbidden=(*told, *holes),
            cuts=frozenset(cuts),
        )

    def most(self, table: Table) -> int:
        """Answer how many registers or bits of a table one request may carry."""
        return self.max_bits if table in BIT_TABLES else self.max_registers

    def forbids(self, table: Table, first: int, end: int) -> bool:
        """Whether a request from `first` up to but without `end` would touch a forbidden range."""
        return any(at == table and first <= high and low < end for at, low, high in self.forbidden)


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the spans that it is made for, by address."""

    table: Table
    first: int
    count: int
    spans: tuple[Span, ...]

    @classmethod
    def around(cls, spans: Sequence[Span]) -> "Block":
        """Make the smallest request that reads spans of one table, given by address."""
        first = spans[0].first
        return cls(spans[0].table, first, max(span.end for span in spans) - first, tuple(spans))


def plan(spans: Iterable[Span], limits: Limits, cost: Cost) -> tuple[Block, ...]:
    """Join spans into the cheapest blocks that keep the limits; each span is in exactly one block, whole.

    Raises SettingsError for a span that no request may read.
    """
    ordered = sorted(set(spans))
    for span in ordered:
        if span.size > limits.most(span.table):
            raise SettingsError(
                f"{span.table} {span.first} takes {span.size} registers, "
                f"more than the {limits.most(span.table)} of one request"
            )
        if limits.forbids(span.table, span.first, span.end):
            raise SettingsError(f"{span.table} {span.first} lies in a range that the profile forbids")
    tables = dict.fromkeys(span.table for span in ordered)
    return tuple(
        block
        for table in tables
        for block in _cheapest([span for span in ordered if span.table == table], limits, cost)
    )


def _cheapest(spans: Sequence[Span], limits: Limits, cost: Cost) -> list[Block]:
    """Cut sorted spans of one table where the sum of the costs is least: each span is looked at a few times.

    A span inside another one costs nothing beside it. Of the others the cheapest way to read the first n is that
    of the first `begin`, and one block behind them; the beginnings that are still possible and not beaten by a
    later one wait in a queue, the cheapest first (a sliding minimum).
    """
    outer, inner = _apart(spans)
    most, each = limits.most(spans[0].table), cost.each(spans[0].table)
    cheapest = [0.0]  # for the first n spans
    begins: list[int] = []  # where the last block of the first n begins
    waiting: deque[tuple[float, int]] = deque()
    for n, span in enumerate(outer):
        if n and not _joinable(outer[n - 1], span, limits):
            waiting.clear()
        new = cheapest[n] - each * span.first
        while waiting and waiting[-1][0] > new:
            waiting.pop()
        waiting.append((new, n))
        while span.end - outer[waiting[0][1]].first > most:
            waiting.popleft()
        before, begin = waiting[0]
        cheapest.append(before + cost.request + each * span.end)
        begins.append(begin)
    blocks: list[Block] = []
    n = len(outer)
    while n:
        begin = begins[n - 1]
        blocks.append(_with(outer[begin:n], inner))
        n = begin
    return blocks[::-1]


def _apart(spans: Sequence[Span]) -> tuple[list[Span], dict[Span, list[Span]]]:
    """Tell the spans that lie in no other one, by address and end, from those that lie in one of these."""
    outer: list[Span] = []
    inner: dict[Span, list[Span]] = {}
    for span in sorted(spans, key=lambda span: (span.first, -span.size)):
        if outer and span.end <= outer[-1].end:
            inner.setdefault(outer[-1], []).append(span)
        else:
            outer.append(span)
    return outer, inner


def _joinable(here: Span, after: Span, limits: Limits) -> bool:
    """Whether one request may read a span and the one that follows it."""
    if limits.gap is not None and after.first - here.end > limits.gap:
        return False
    if (after.table, after.first) in limits.cuts:
        return False
    return after.first <= here.end or not limits.forbids(here.table, here.end, after.first)


def split(block: Block) -> tuple[Block, Block]:
    """Cut a block that was refused, and has more than one span, at its widest gap, else in the middle.

    Spans inside another one stay with it; they are asked apart when nothing else is left to cut.
    """
    outer, inner = _apart(block.spans)
    if len(outer) == 1:
        return Block.around(outer), Block.around(sorted(inner[outer[0]]))
    middle = len(outer) / 2
    cut = max(
        range(1, len(outer)),
        key=lambda at: (max(outer[at].first - outer[at - 1].end, 0), -abs(at - middle)),
    )
    return _with(outer[:cut], inner), _with(outer[cut:], inner)


def _with(outer: Sequence[Span], inner: Mapping[Span, Sequence[Span]]) -> Block:
    """Make the block of spans and of those that lie in them."""
    return Block.around(sorted([*outer, *(span for holder in outer for span in inner.get(holder, ()))]))
