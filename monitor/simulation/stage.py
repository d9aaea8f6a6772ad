"""What faults act on: the parts of a simulated site that can be told to misbehave."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from monitor.simulation.readers import Reader
from monitor.simulation.unit import Faults, Unit
from monitor.simulation.world import World

__all__ = ["Place", "Speech", "Stage"]


class Place(Protocol):
    """Where a connection's other end is: an endpoint, a line, a broker."""

    @property
    def is_up(self) -> bool:
        """Whether it can be reached."""

    async def start(self) -> None:
        """Be there; raises OSError or SettingsError when that cannot be."""

    async def stop(self) -> None:
        """Be gone, with all connections."""

    def mend(self) -> None:
        """Take back what `hang` and `echo` did."""

    def hang(self, *, new_only: bool) -> None:
        """Answer nothing more, or nothing on connections that are yet to come."""

    def forget_connections(self) -> None:
        """Answer nothing more on the connections that are open now."""

    def echo(self) -> None:
        """Let the master hear what it says."""


@dataclass(slots=True)
class Speech:
    """What is wrong with what an MQTT device says; `clock`: seconds ahead, `owed`: seconds to be sent at once."""

    copies: int = 1
    is_malformed: bool = False
    is_gone: bool = False
    clock: float = 0.0
    owed: float = 0.0


@dataclass(slots=True)
class Stage:
    """The parts by the ids of their devices (`units`) and connections (`places`)."""

    world: World
    units: Mapping[str, Unit]
    places: Mapping[str, Place]
    away: set[str] = field(default_factory=set)
    """Connections whose place is gone for now."""
    speeches: dict[str, Speech] = field(default_factory=dict)
    readers: Mapping[str, Reader] = field(default_factory=dict)
    """The polled readers of cards by device."""
    held: dict[str, str] = field(default_factory=dict)
    """The number of the card that is held to a reader now."""
    happened: Counter[str] = field(default_factory=Counter)
    """How often each thing happened that incidents count."""

    def speech(self, device: str) -> Speech:
        """How an MQTT device speaks."""
        return self.speeches.setdefault(device, Speech())

    def mend(self) -> None:
        """Take every fault back, but not what has happened."""
        self.world.dead.clear()
        self.world.changes.clear()
        self.away.clear()
        self.held.clear()
        for device, unit in self.units.items():
            unit.faults = Faults(silent=self.world.is_silent(device, time.time()))
        for place in self.places.values():
            place.mend()
        for speech in self.speeches.values():
            speech.copies, speech.is_malformed, speech.is_gone, speech.clock = 1, False, False, 0.0

    def show_cards(self) -> None:
        """Let each reader show the card that is held to it, or none."""
        for device, reader in self.readers.items():
            reader.hold(self.held.get(device, ""))
