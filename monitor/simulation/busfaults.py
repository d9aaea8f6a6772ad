"""Faults of Modbus devices and of the connections that lead to them."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from drivers.modbus.settings import Table
from monitor.fields import Duration
from monitor.simulation.fault import NOTHING, Changes, FaultModel
from monitor.simulation.stage import Stage
from monitor.simulation.unit import Faults, Wrong

__all__ = [
    "Away",
    "Busy",
    "Dead",
    "Echo",
    "ExceptionAnswer",
    "Gateway",
    "HalfOpen",
    "Refused",
    "Slow",
    "wrong_answer",
]

_Code = Annotated[int, Field(ge=0, le=255)]


class _UnitFault(FaultModel):
    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        for device in self.devices(stage):
            self._spoil(stage.units[device].faults)

    def _spoil(self, faults: Faults) -> None:
        raise NotImplementedError


class Dead(FaultModel):
    """Nothing is answered."""

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        for device in self.devices(stage):
            stage.world.dead.add(device)
            stage.units[device].faults.silent = True


class Slow(_UnitFault):
    """Every answer takes longer."""

    delay: Annotated[Duration, Field(gt=0, le=3600)] = 2.0

    def _spoil(self, faults: Faults) -> None:
        faults.delay += self.delay


class Busy(_UnitFault):
    """Every answer is exception 6, busy."""

    def _spoil(self, faults: Faults) -> None:
        faults.busy = True


class ExceptionAnswer(_UnitFault):
    """Every answer is an exception."""

    code: Annotated[int, Field(ge=1, le=255)] = 4

    def _spoil(self, faults: Faults) -> None:
        faults.exception = self.code


class Gateway(_UnitFault):
    """A gateway answers in the device's place: 10, no path to it; 11, it does not answer."""

    code: Literal[10, 11] = 11

    def _spoil(self, faults: Faults) -> None:
        faults.exception = self.code


class Refused(_UnitFault):
    """Whoever asks for one of these registers gets an exception; with the code 0 no answer."""

    table: Table = "holding"
    first: Annotated[int, Field(ge=0, le=65535)]
    last: Annotated[int, Field(ge=0, le=65535)]
    code: _Code = 2

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("`first` is not above `last`")
        return self

    def _spoil(self, faults: Faults) -> None:
        faults.refused.append((self.table, self.first, self.last, self.code))


class _WrongAnswer(_UnitFault):
    one_in: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    wrong: ClassVar[Wrong]

    def _spoil(self, faults: Faults) -> None:
        faults.wrong, faults.one_in = self.wrong, self.one_in


def wrong_answer(wrong: Wrong) -> type[FaultModel]:
    """Make the fault of answers that are wrong in one way, all of them or one in `one_in`."""
    name = "".join(word.capitalize() for word in wrong.value.split("_"))
    return type(name, (_WrongAnswer,), {"wrong": wrong, "__module__": __name__, "__doc__": f"Answers: {wrong}."})


class HalfOpen(FaultModel):
    """Connections stay up and nothing is answered: on those that are open, those that are made, or all."""

    meets = frozenset({"connection"})
    connections: Literal["all", "existing", "new"] = "all"

    def begin(self, stage: Stage, now: float) -> Changes:
        """Let it begin."""
        del now
        if self.connections == "existing" and self.connection is not None:
            stage.places[self.connection].forget_connections()
        return NOTHING

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        if self.connection is not None and self.connections != "existing":
            stage.places[self.connection].hang(new_only=self.connections == "new")


class Away(FaultModel):
    """Nobody listens; connections are closed."""

    drivers = frozenset({"modbus", "mqtt"})
    meets = frozenset({"connection"})

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        stage.away.add(self.connection or "")


class Echo(FaultModel):
    """The adapter of the line hears what it says."""

    meets = frozenset({"connection"})
    needs = "line"

    def apply(self, stage: Stage) -> None:
        """Set it while it lasts."""
        stage.places[self.connection or ""].echo()
