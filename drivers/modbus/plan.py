"""Which requests read a set of values at the least cost. Pure: no I/O, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from drivers.modbus.layout import BIT_TABLES, Span
from drivers.modbus.settings import ProfileModel, Table
from monitor.errors import SettingsError

__all__ = ["TCP", "Block", "Cost", "Limits", "plan", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What reading costs, in milliseconds: each request by itself, and each register that it carries."""

    request: float
    register: float


TCP = Cost(request=5.0, register=0.1)
"""A round trip and the device's turn-around against two bytes: up to 50 unused registers are read through."""


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
    """Cut sorted spans of one table where the sum of the costs is least (dynamic programming over the cuts)."""
    table = spans[0].table
    unit = cost.register / 16 if table in BIT_TABLES else cost.register
    most = limits.most(table)
    joinable = [_joinable(here, after, limits) for here, after in pairwise(spans)]
    best: list[tuple[float, int]] = [(0.0, 0)]  # for the first n spans: the cost, and where the last block begins
    for n in range(1, len(spans) + 1):
        end = 0
        choice = (float("inf"), n - 1)
        for begin in range(n - 1, -1, -1):
            first = spans[begin].first
            end = max(end, spans[begin].end)
            if end - first > most or (begin + 1 < n and not joinable[begin]):
                break
            choice = min(choice, (best[begin][0] + cost.request + unit * (end - first), begin))
        best.append(choice)
    blocks: list[Block] = []
    n = len(spans)
    while n:
        begin = best[n][1]
        blocks.append(Block.around(spans[begin:n]))
        n = begin
    return blocks[::-1]


def _joinable(here: Span, after: Span, limits: Limits) -> bool:
    """Whether one request may read a span and the one that follows it."""
    if limits.gap is not None and after.first - here.end > limits.gap:
        return False
    if (after.table, after.first) in limits.cuts and after.first != here.first:
        return False
    return not limits.forbids(here.table, here.end, after.first)


def split(block: Block) -> tuple[Block, Block]:
    """Cut a block that was refused, and has more than one span, at its widest gap, else in the middle."""
    spans = block.spans
    middle = len(spans) / 2
    cut = max(
        range(1, len(spans)),
        key=lambda at: (max(spans[at].first - spans[at - 1].end, 0), -abs(at - middle)),
    )
    return Block.around(spans[:cut]), Block.around(spans[cut:])
