"""Readings and recorded entries made in a third of the time: of what the journal reads back, most is that.

A frozen class sets each attribute by a call. Here an object of another class with the very same slots is filled,
and then says what it is; nobody sees it before.
"""

from collections.abc import Callable, Mapping
from typing import Final

from monitor.model import Entry, Missing, Origin, Position, Quality, Reading, Recorded, Value

__all__ = ["make_reading", "make_recorded"]

_Values = Mapping[str, Value]
_Missing = Mapping[str, Missing]


class _Reading:
    __slots__ = Reading.__slots__

    def __init__(  # noqa: PLR0913, PLR0917 - the order of a kept body
        self,
        device: str,
        time: int,
        arrived: int,
        values: _Values,
        origin: Origin,
        quality: Quality,
        late: bool,  # noqa: FBT001 - as above
        missing: _Missing,
    ) -> None:
        self.device = device
        self.time = time
        self.arrived = arrived
        self.values = values
        self.missing = missing
        self.quality = quality
        self.origin = origin
        self.late = late
        self.__class__ = Reading  # type: ignore[assignment]  # of the same slots


class _Recorded:
    __slots__ = Recorded.__slots__

    def __init__(self, position: Position, recorded: int, entry: Entry) -> None:
        self.position = position
        self.recorded = recorded
        self.entry = entry
        self.__class__ = Recorded  # type: ignore[assignment]  # of the same slots


make_reading: Final[Callable[[str, int, int, _Values, Origin, Quality, bool, _Missing], Reading]] = _Reading  # type: ignore[assignment]  # it is one, once it is made
make_recorded: Final[Callable[[Position, int, Entry], Recorded]] = _Recorded  # type: ignore[assignment]  # likewise
