"""What a point has in common whatever its protocol; drivers add where it is found (`register:`, `json:` …)."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, Tag

from monitor.fields import Frozen, Quantity, Value

__all__ = ["CounterModel", "EventModel", "PointModel"]


class CounterModel(Frozen):
    """How a counter counts: `modulus` in the unit of the point's name, where it begins anew; `rating` its most."""

    modulus: Annotated[float, Field(gt=0)] | None = None
    rating: Quantity | None = None


def _form(value: Any) -> str:
    return "CounterModel" if isinstance(value, dict | CounterModel) else "bool"


_Counter = Annotated[
    Annotated[StrictBool, Tag("bool")] | Annotated[CounterModel, Tag("CounterModel")], Discriminator(_form)
]


class PointModel(Frozen):
    """A point as a profile or a device writes it; each driver's own model derives from this one.

    `unit` is what the device sends; the loader converts to the unit of the point's name. `valid` is in the
    unit of the point's name, after scaling. `map` turns what was sent into a value (`{LOCK: true}`). `counter`:
    whether it is metered, and how it counts; None: as its name says.
    """

    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] | None = None
    scan: Literal["fast", "slow", "once"] = "fast"
    map: dict[str, Value] | None = None
    counter: _Counter | None = None

    @property
    def is_whole(self) -> bool:
        """Whether whole numbers are sent, so that one is the least step before scaling."""
        return False


class EventModel(Frozen):
    """An event as a profile or a device writes it; drivers that see events derive theirs from this one."""

    kind: str
