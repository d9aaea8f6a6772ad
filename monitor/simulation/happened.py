"""What really happened in a simulated site, as its residents and machines know it themselves."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monitor.simulation.residents import Residents
from monitor.simulation.world import World

__all__ = ["Runs", "come_back", "go_home", "truth"]


class Runs:
    """How long (s) and how often each piece of equipment that can be `called` has run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._devices = [each for each in world.site.devices.values() if {"running", "called"} <= set(each.points)]
        self._at: float | None = None
        self._running: set[str] = set()
        self.seconds: dict[str, float] = {each.id: 0.0 for each in self._devices}
        self.starts: dict[str, int] = {each.id: 0 for each in self._devices}

    def look(self, now: float) -> None:
        """Take note of what they show from `now` (UTC seconds) on; what they showed until then has been so."""
        for device in self._devices:
            if self._at is not None and device.id in self._running:
                self.seconds[device.id] += now - self._at
            runs = bool(self._world.values(device, now)["running"])
            self.starts[device.id] += runs and device.id not in self._running
            (self._running.add if runs else self._running.discard)(device.id)
        self._at = now


def truth(people: Iterable[Residents], runs: Runs, happened: Mapping[str, int]) -> dict[str, Any]:
    """Everything that a monitor can be held against. `passing`: people on their way through a door."""
    residents = list(people)
    return {
        "people": {
            "inside": sum(len(each.inside) for each in residents),
            "granted": sum(each.granted for each in residents),
            "denied": sum(each.denied for each in residents),
        },
        "passing": sum(each.is_passing for each in residents),
        "doors": {"forced": happened["forced"], "held": sum(each.held for each in residents)},
        "supply": {"interruptions": happened["interruptions"]},
        "running_s": {device: round(seconds, 1) for device, seconds in runs.seconds.items()},
        "starts": dict(runs.starts),
    }


def come_back(file: Path, people: Mapping[str, Residents]) -> None:
    """Let those be inside who were so when it was written. `people`: by the connection of their readers.

    Raises OSError, and ValueError for a file that is none of these.
    """
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        for connection, numbers in found.items():
            if connection in people:
                people[connection].come_back(numbers)


def go_home(file: Path, people: Mapping[str, Residents]) -> None:
    """Write down who is inside: by their numbers, for even a simulated card is kept nowhere. Raises OSError."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({connection: each.numbers() for connection, each in people.items()}), "utf-8")
    new.replace(file)
