"""What a point has in common whatever its protocol; drivers add where it is found (`register:`, `json:` …)."""

from typing import Literal

from monitor.fields import Frozen, Value

__all__ = ["EventModel", "PointModel"]


class PointModel(Frozen):
    """A point as a profile or a device writes it; each driver's own model derives from this one.

    `unit` is what the device sends; the loader converts to the unit of the point's name. `valid` is in the
    unit of the point's name, after scaling. `map` turns what was sent into a value (`{LOCK: true}`).
    """

    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] | None = None
    scan: Literal["fast", "slow", "once"] = "fast"
    map: dict[str, Value] | None = None


class EventModel(Frozen):
    """An event as a profile or a device writes it; drivers that see events derive theirs from this one."""

    kind: str
