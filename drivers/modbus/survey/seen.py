"""What one unit has said so far: the words of its registers, and what it refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.modbus.layout import Span
from drivers.modbus.settings import Table

__all__ = ["Request", "Said", "Seen", "place"]

_ILLEGAL_FUNCTION = 1
_HEX_FROM = 256


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """Neighbouring registers (or bits) of one table, asked for at once. `alone`: its answer says nothing else."""

    table: Table
    first: int
    count: int
    alone: bool = False

    @classmethod
    def of(cls, span: Span, *, alone: bool = False) -> "Request":
        """Ask for a span."""
        return cls(span.table, span.first, span.size, alone)

    @property
    def end(self) -> int:
        """The address behind the last one."""
        return self.first + self.count

    def __str__(self) -> str:
        last = "" if self.count == 1 else f" to {self.end - 1}"
        return f"{place(self.table, self.first)}{last}"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: the words, or the code of a refusal, or (neither) silence or noise."""

    words: tuple[int, ...] | None = None
    code: int | None = None
    text: str = ""


@dataclass(slots=True)
class Seen:
    """All answers of one unit. Words that were read alone stand for themselves: they may lie over others."""

    answers: dict[Request, Said] = field(default_factory=dict)
    words: dict[tuple[Table, int], int] = field(default_factory=dict)
    dead: set[Table] = field(default_factory=set)
    """Tables that the unit does not have at all."""
    requests: int = 0

    def take(self, request: Request, said: Said) -> None:
        """Keep an answer."""
        self.answers[request] = said
        if said.code == _ILLEGAL_FUNCTION:
            self.dead.add(request.table)
        if said.words is not None and not request.alone:
            self.words.update({(request.table, request.first + at): word for at, word in enumerate(said.words)})

    @property
    def answered(self) -> bool:
        """Whether the unit said anything, a refusal included."""
        return any(said.words is not None or said.code is not None for said in self.answers.values())

    def get(self, span: Span) -> tuple[int, ...] | None:
        """The words of a span, where all of them are known."""
        table, words = span.table, self.words
        if (table, span.first) not in words:  # as of most
            return None
        try:
            return tuple([words[table, at] for at in range(span.first, span.end)])
        except KeyError:
            return None

    def said(self, request: Request) -> Said | None:
        """What is known of a request: its own answer, or words that came with others."""
        if request.table in self.dead:
            return Said(code=_ILLEGAL_FUNCTION)
        if request in self.answers:
            return self.answers[request]
        if request.alone:
            return None
        words = self.get(Span(request.table, request.first, request.count))
        return None if words is None else Said(words)

    def shown(self) -> Sequence[tuple[Request, tuple[int, ...]]]:
        """The answers that hold something, by address."""
        found = [(request, said.words) for request, said in self.answers.items() if said.words and any(said.words)]
        return sorted(found)


def place(table: str, address: int) -> str:
    """A register as people write it, with the hexadecimal address that many manuals have."""
    return f"{table} {address}" if address < _HEX_FROM else f"{table} {address} (0x{address:04X})"
