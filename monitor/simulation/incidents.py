"""What goes wrong in the demo, and when: a script on a simulated site."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.simulation.fault import FaultModel
from monitor.simulation.meterfaults import Glitch
from monitor.simulation.stage import Stage

__all__ = ["DEMO", "Incident", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that begins `at` seconds after the start and ends `lasts` seconds later."""

    name: str
    at: float
    lasts: float
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None]


def _override(device: str, point: str, value: float | bool) -> dict[str, Callable[[Stage], None]]:  # noqa: FBT001 - a value
    return {
        "begin": lambda stage: stage.world.overrides.__setitem__((device, point), value),
        "end": lambda stage: _forget(stage, device, point),
    }


def _forget(stage: Stage, device: str, point: str) -> None:
    stage.world.overrides.pop((device, point), None)


def _once(fault: FaultModel) -> dict[str, Callable[[Stage], None]]:
    """Something that is over with the next poll."""
    return {"begin": lambda stage: _begin(fault, stage), "end": lambda _: None}


def _begin(fault: FaultModel, stage: Stage) -> None:
    fault.begin(stage, time.time())


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
        begin=lambda stage: stage.world.silent.add("shop-electricity"),
        end=lambda stage: stage.world.silent.discard("shop-electricity"),
    ),
    Incident(
        name="the main water meter shows zero, once",
        at=26,
        lasts=4,
        **_once(Glitch(device="main-water", point="volume_m3", value=0.0)),
    ),
)
"""Five incidents within half a minute; all that can end by itself has ended after fifty seconds."""

PAUSE = 300.0
"""Seconds from one round of incidents to the next."""


async def play(stage: Stage, incidents: Sequence[Incident], tell: Callable[[str], None]) -> None:
    """Play the incidents again and again until cancelled; `tell` hears what happens."""
    while True:
        async with asyncio.TaskGroup() as tasks:
            for incident in incidents:
                tasks.create_task(_happen(stage, incident, tell), name=incident.name)
        await asyncio.sleep(PAUSE)


async def _happen(stage: Stage, incident: Incident, tell: Callable[[str], None]) -> None:
    await asyncio.sleep(incident.at)
    tell(f"now: {incident.name}")
    incident.begin(stage)
    await asyncio.sleep(incident.lasts)
    incident.end(stage)
    tell(f"over: {incident.name}")
