"""Faults of MQTT devices: what they do not say, say late, twice or in pieces."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from monitor.fields import Duration
from monitor.simulation.fault import NOTHING, Changes, FaultModel
from monitor.simulation.stage import Stage

__all__ = ["Backlog", "Duplicate", "LastWill", "Malformed", "Silent", "WrongClock"]


class _SpeakerFault(FaultModel):
    drivers = frozenset({"mqtt"})


class Silent(_SpeakerFault):
    """The device says nothing, and nobody says that it is gone."""

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        stage.world.dead.update(self.devices(stage))


class LastWill(_SpeakerFault):
    """The device's connection breaks: the broker publishes its last will."""

    meets = frozenset({"device"})
    needs = "availability"

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        stage.speech(self.device or "").is_gone = True


class Backlog(_SpeakerFault):
    """The device sends the messages of the last `span` at once, each with its own past time."""

    is_momentary = True
    meets = frozenset({"device"})
    span: Annotated[Duration, Field(gt=0, le=86400)] = 3600.0

    def begin(self, stage: Stage, now: float) -> Changes:
        """Let it begin."""
        del now
        stage.speech(self.device or "").owed += self.span
        return NOTHING


class Duplicate(_SpeakerFault):
    """Every message comes as often as that."""

    copies: Annotated[int, Field(ge=2, le=100)] = 2

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        for device in self.devices(stage):
            stage.speech(device).copies = self.copies


class Malformed(_SpeakerFault):
    """Every message breaks off in the middle, with a byte that is no text."""

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        for device in self.devices(stage):
            stage.speech(device).is_malformed = True


class WrongClock(_SpeakerFault):
    """The times in the device's messages are wrong by so much."""

    ahead: Duration | None = None
    behind: Duration | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ahead is None) == (self.behind is None):
            raise ValueError("write how wrong: `ahead: 1 h` or `behind: 1 h`")
        return self

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        for device in self.devices(stage):
            stage.speech(device).clock = (self.ahead or 0.0) - (self.behind or 0.0)
