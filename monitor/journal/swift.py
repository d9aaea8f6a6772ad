"""Readings, derived and recorded entries made in a third of the time: most of what the journal reads back.

A frozen class sets each attribute by a call. Here an object of another class with the very same slots is filled,
and then says what it is; nobody sees it before.
"""

from collections.abc import Callable, Mapping
from typing import Final

from monitor.model import Derived, Entry, Missing, Origin, Position, Quality, Reading, Recorded, Value

__all__ = ["make_derived", "make_reading", "make_recorded"]

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


class _Derived:
    __slots__ = Derived.__slots__

    def __init__(  # noqa: PLR0913 - the names of a kept body
        self,
        *,
        producer: str,
        key: str,
        device: str,
        time: int,
        measurement: str,
        values: _Values,
        quality: Quality,
        attributes: Mapping[str, str],
    ) -> None:
        self.producer = producer
        self.key = key
        self.device = device
        self.time = time
        self.measurement = measurement
        self.values = values
        self.quality = quality
        self.attributes = attributes
        self.__class__ = Derived  # type: ignore[assignment]  # of the same slots


class _Recorded:
    __slots__ = Recorded.__slots__

    def __init__(self, position: Position, recorded: int, entry: Entry) -> None:
        self.position = position
        self.recorded = recorded
        self.entry = entry
        self.__class__ = Recorded  # type: ignore[assignment]  # of the same slots


make_reading: Final[Callable[[str, int, int, _Values, Origin, Quality, bool, _Missing], Reading]] = _Reading  # type: ignore[assignment]  # it is one, once it is made
make_recorded: Final[Callable[[Position, int, Entry], Recorded]] = _Recorded  # type: ignore[assignment]  # likewise
make_derived: Final[Callable[..., Derived]] = _Derived  # type: ignore[assignment]  # likewise
