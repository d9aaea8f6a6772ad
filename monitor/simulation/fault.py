"""What every fault is: whom it meets and when, and what it does then.

A fault is a model of its settings. While it is on, `apply` sets what is wrong; `begin` is for what happens at
once, and answers how the values of devices change meanwhile. Nothing is undone: whoever directs the faults takes
everything back and applies those that are still on.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from monitor.fields import Duration, Frozen, Id, Label, Value
from monitor.model import Value as Kept
from monitor.simulation.stage import Stage
from monitor.simulation.world import Change

__all__ = ["NOTHING", "CardModel", "Changes", "FaultModel", "SetModel", "Timed"]

Changes = Mapping[str, Change]
"""How values change, by device."""

NOTHING: Final[Changes] = {}


class Timed(Frozen):
    """When: `from` after the file is read, `for` so long (without: until the file changes), again `every`."""

    after: Annotated[Duration, Field(alias="from")] = 0.0
    lasts: Annotated[Duration, Field(gt=0)] | None = Field(None, alias="for")
    every: Annotated[Duration, Field(gt=0)] | None = None

    is_momentary: ClassVar[bool] = False
    """Whether it is over as soon as it has happened."""

    @model_validator(mode="after")
    def _comes_again(self) -> Self:
        if self.is_momentary:
            if self.lasts is not None:
                raise ValueError("this happens in a moment: leave out `for`")
        elif self.every is not None and (self.lasts is None or self.lasts >= self.every):
            raise ValueError("what comes again `every` so often lasts `for` a shorter time")
        return self

    def episode(self, elapsed: float) -> int | None:
        """Which time it is on, `elapsed` seconds after the file was read: 0 for the first; None: it is not on."""
        since = elapsed - self.after
        if since < 0:
            return None
        number = int(since // self.every) if self.every else 0
        if self.lasts is not None and since - number * (self.every or 0.0) >= self.lasts:
            return None
        return number

    def devices(self, stage: Stage) -> Sequence[str]:
        """The devices that it meets."""
        raise NotImplementedError

    def begin(self, stage: Stage, now: float) -> Changes:
        """Do what happens at once; answer how values change while it lasts, by device. `now`: UTC seconds."""
        del stage, now
        return NOTHING

    def apply(self, stage: Stage) -> None:
        """Set what is wrong while it lasts."""


class FaultModel(Timed):
    """Whom a fault meets: one device, or a connection with all its devices."""

    device: Id | None = None
    connection: Id | None = None

    drivers: ClassVar[frozenset[str]] = frozenset({"modbus"})
    """The drivers whose devices or connections it can meet."""
    meets: ClassVar[frozenset[str]] = frozenset({"device", "connection"})
    needs: ClassVar[str] = ""
    """What a connection or device must have beside: a line, a counter, availability."""

    @model_validator(mode="after")
    def _meets_somebody(self) -> Self:
        if (self.device is None) == (self.connection is None):
            raise ValueError("write whom it meets: `device:` or `connection:`")
        given = "device" if self.device is not None else "connection"
        if given not in self.meets:
            (other,) = self.meets
            raise ValueError(f"this fault is one of a {other}: write `{other}:` instead of `{given}:`")
        return self

    def devices(self, stage: Stage) -> Sequence[str]:
        """The devices that it meets."""
        if self.device is not None:
            return (self.device,)
        return tuple(d.id for d in stage.world.site.devices.values() if d.connection == self.connection)


class _Setting(Frozen):
    device: Id
    point: str
    value: Value


class SetModel(Timed):
    """A point has a value of your own: `set: {device: …, point: …, value: …}`."""

    set: _Setting

    def devices(self, stage: Stage) -> Sequence[str]:
        """The device whose point is set."""
        del stage
        return (self.set.device,)

    def begin(self, stage: Stage, now: float) -> Changes:
        """Hold the value."""
        del stage, now

        def change(point: str, value: Kept, _: float) -> Kept:
            return self.set.value if point == self.set.point else value

        return {self.set.device: change}


class _Held(Frozen):
    device: Id
    number: Annotated[Label, Field(min_length=1)] = Field(repr=False)


class CardModel(Timed):
    """A card is held to a reader that is polled: `card: {device: …, number: …}`, in the form of its profile."""

    card: _Held

    def devices(self, stage: Stage) -> Sequence[str]:
        """The reader."""
        del stage
        return (self.card.device,)

    def apply(self, stage: Stage) -> None:
        """Hold it."""
        stage.held[self.card.device] = self.card.number
