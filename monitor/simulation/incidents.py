"""What goes wrong in the demo, and when: a script on a simulated world."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.simulation.world import World

__all__ = ["DEMO", "Incident", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that begins `at` seconds after the start and ends `lasts` seconds later."""

    name: str
    at: float
    lasts: float
    begin: Callable[[World], None]
    end: Callable[[World], None]


def _override(device: str, point: str, value: float | bool) -> dict[str, Callable[[World], None]]:  # noqa: FBT001 - a value
    return {
        "begin": lambda world: world.overrides.__setitem__((device, point), value),
        "end": lambda world: _forget(world, device, point),
    }


def _forget(world: World, device: str, point: str) -> None:
    world.overrides.pop((device, point), None)


DEMO: Sequence[Incident] = (
    Incident(name="undervoltage on L2", at=6, lasts=26, **_override("main-electricity", "voltage_l2_v", 201.4)),
    Incident(
        name="water under the washing machines",
        at=11,
        lasts=20,
        **_override("laundry-leak", "alarm", value=True),
    ),
    Incident(name="the cellar door is forced", at=16, lasts=9, **_override("cellar-door", "open", value=True)),
    Incident(
        name="the shop's meter dies",
        at=20,
        lasts=26,
        begin=lambda world: world.silent.add("shop-electricity"),
        end=lambda world: world.silent.discard("shop-electricity"),
    ),
)
"""Four incidents within half a minute; all that can end by itself has ended after fifty seconds."""

PAUSE = 300.0
"""Seconds from one round of incidents to the next."""


async def play(world: World, incidents: Sequence[Incident], tell: Callable[[str], None]) -> None:
    """Play the incidents again and again until cancelled; `tell` hears what happens."""
    while True:
        async with asyncio.TaskGroup() as tasks:
            for incident in incidents:
                tasks.create_task(_happen(world, incident, tell), name=incident.name)
        await asyncio.sleep(PAUSE)


async def _happen(world: World, incident: Incident, tell: Callable[[str], None]) -> None:
    await asyncio.sleep(incident.at)
    tell(f"now: {incident.name}")
    incident.begin(world)
    await asyncio.sleep(incident.lasts)
    incident.end(world)
    tell(f"over: {incident.name}")
