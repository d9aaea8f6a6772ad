"""What a device says: whether a value can still be believed, what it means, and what is told of it."""

from collections.abc import Mapping

from monitor.model import Event, Value
from monitor.site import Device
from rules.kind import interval, patience

__all__ = ["Known", "event", "every_of", "limit_of", "state_of"]


def every_of(point: str, device: Device) -> int | None:
    """Milliseconds between two values of a point; None: it comes when it comes."""
    seconds = interval(device, point)
    return None if seconds is None else round(seconds * 1000)


def limit_of(point: str, device: Device) -> int | None:
    """Milliseconds for which a value of a point is believed; None: as long as nothing else is heard."""
    seconds = patience(device, point)
    return None if seconds is None else round(seconds * 1000)


class Known:
    """The last live value of a point, and whether it can still be believed."""

    __slots__ = ("_limit", "every", "heard", "is_lost", "point", "value")

    def __init__(self, point: str, device: Device) -> None:
        self.point = point
        self._limit = limit_of(point, device)
        self.every = every_of(point, device) or 0
        self.value = False
        self.heard: int | None = None
        self.is_lost = False

    def at(self, now: int) -> bool | None:
        """The value at an engine time; None: nobody knows."""
        if self.heard is None or self.is_lost:
            return None
        return None if self._limit is not None and now - self.heard > self._limit else self.value

    def take(self, value: bool, now: int) -> None:  # noqa: FBT001 - it is the value
        """Take a live value at an engine time."""
        self.value, self.heard, self.is_lost = value, now, False


def event(device: str, kind: str, time: int, attributes: Mapping[str, Value], *, also: str = "") -> Event:
    """An event that the monitor tells of a device; `also`: what tells two of one kind and time apart."""
    return Event(
        device=device,
        kind=kind,
        time=time,
        arrived=time,
        id=f"{kind}-{time}-{also}" if also else f"{kind}-{time}",
        attributes=attributes,
    )


def state_of(value: Value | None) -> bool | None:
    """What a value says of a state: true, or a number above zero; None: nothing."""
    if value is None or isinstance(value, str):
        return None
    return value if isinstance(value, bool) else value > 0
