"""What the encoder hands to the writer: lines of line protocol and the entries they came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.model import Position

__all__ = ["Encoded", "Line", "Lines", "Stamp", "Wanted"]

Line = tuple[bytes, Position]


@dataclass(slots=True)
class Lines:
    """Lines for one bucket; `positions[i]` is the entry that line `i` came from."""

    texts: list[bytes] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)

    def add(self, position: Position, line: bytes) -> None:
        """Put one line behind the others."""
        self.texts.append(line)
        self.positions.append(position)

    def pairs(self) -> list[Line]:
        """Each line with its entry."""
        return list(zip(self.texts, self.positions, strict=True))

    @classmethod
    def of(cls, pairs: Sequence[Line]) -> "Lines":
        """Those lines."""
        return cls([text for text, _ in pairs], [position for _, position in pairs])


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch in line protocol: what everybody may see, and who went through which door."""

    main: Lines
    access: Lines


class Wanted(NamedTuple):
    """An event or transition that needs a millisecond of its own in its series (measurement and tags).

    For a transition, `occurrence` is set; `begins` and `ends` say whether it opens or closes the episode.
    """

    position: Position
    recorded: int
    series: bytes
    time: int
    occurrence: str = ""
    begins: bool = False
    ends: bool = False


class Stamp(NamedTuple):
    """The millisecond an event or transition is written at, and what is known of its occurrence.

    `start`: when the occurrence began (0: unknown). `end`: when it ended, as of this transition (0: not yet).
    `rewrite`: series and time of the line at its start, set on the transition that ends it.
    """

    time: int
    start: int = 0
    end: int = 0
    rewrite: tuple[bytes, int] | None = None
