"""What goes wrong in the demo, and when: a script on a simulated site."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from monitor.simulation.fault import FaultModel
from monitor.simulation.meterfaults import Glitch
from monitor.simulation.stage import Stage

__all__ = ["DEMO", "Incident", "play"]


class _Acts(TypedDict):
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that begins `at` seconds after the start and ends `lasts` seconds later."""

    name: str
    at: float
    lasts: float
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None]
    counts: str = ""
    """What it is, where the demo counts how often that was: forced or interruptions."""


def _override(device: str, point: str, value: float | bool) -> _Acts:  # noqa: FBT001 - a value
    return {
        "begin": lambda stage: stage.world.overrides.__setitem__((device, point), value),
        "end": lambda stage: _forget(stage, device, point),
    }


def _forget(stage: Stage, device: str, point: str) -> None:
    stage.world.overrides.pop((device, point), None)


def _states(*states: tuple[str, str]) -> _Acts:
    """States (device, point) that are true meanwhile."""

    def end(stage: Stage) -> None:
        for device, point in states:
            _forget(stage, device, point)

    return {"begin": lambda stage: stage.world.overrides.update(dict.fromkeys(states, True)), "end": end}


def _once(fault: FaultModel) -> _Acts:
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
    Incident(
        name="the cellar door is forced",
        at=16,
        lasts=9,
        counts="forced",
        **_override("cellar-door", "open", value=True),
    ),
    Incident(
        name="the shop's meter dies",
        at=20,
        lasts=26,
        begin=lambda stage: stage.world.silent.add("shop-electricity"),
        end=lambda stage: stage.world.silent.discard("shop-electricity"),
    ),
    Incident(
        name="water is drawn, and the booster pump runs",
        at=4,
        lasts=46,
        **_states(("booster-pump", "called")),
    ),
    Incident(
        name="the booster pump trips, and the standby pump runs",
        at=28,
        lasts=14,
        **_states(("booster-pump", "fault"), ("booster-pump-2", "called")),
    ),
    Incident(
        name="somebody holds the front door open",
        at=24,
        lasts=22,
        begin=lambda stage: stage.world.held.add("front-door"),
        end=lambda stage: stage.world.held.discard("front-door"),
    ),
    Incident(
        name="the house has no water",
        at=36,
        lasts=8,
        counts="interruptions",
        **_override("water-pressure", "pressure_ok", value=False),
    ),
    Incident(
        name="the main water meter shows zero, once",
        at=26,
        lasts=4,
        **_once(Glitch(device="main-water", point="volume_m3", value=0.0)),
    ),
)
"""Nine incidents within half a minute; all that can end by itself has ended after fifty seconds."""

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
    if incident.counts:
        stage.happened[incident.counts] += 1
    incident.begin(stage)
    await asyncio.sleep(incident.lasts)
    incident.end(stage)
    tell(f"over: {incident.name}")
