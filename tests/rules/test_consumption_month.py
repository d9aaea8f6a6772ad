"""In a month of the demo's house its leak is found, and nothing else is called one."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from monitor.model import Derived, Position, Recorded, Transition
from monitor.simulation.world import World
from monitor.site import Device
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.grafana.month import BEGIN, END, ZONE, site, stories
from tests.rules.build import rule

_EVERY = 300_000


def deltas(device: Device) -> Iterator[Recorded]:
    """What metering would say of a water meter that is read every five minutes."""
    truth = World(site(), stories=stories())
    before = round(truth.total(device, BEGIN / 1000), 3)
    for number, at in enumerate(range(BEGIN + _EVERY, END, _EVERY), 1):
        register = round(truth.total(device, at / 1000), 3)
        values = {"volume_delta_m3": round(register - before, 9)}
        before = register
        said = Derived(producer="metering", key="", device=device.id, time=at, measurement="water", values=values)
        yield Recorded(Position(number), at, said)


@pytest.mark.parametrize("ident", ["main-water", "flats-water", "laundry-water"])
def test_the_leak_is_found_in_its_first_night_and_nothing_else_is_one(ident: str) -> None:
    device = site().devices[ident]
    leak = rule({"id": "leak", "kind": "continuous_flow"}, {ident: device})
    engine = Engine([leak], Surroundings(devices={ident: device}, zone=ZONE))

    steps = engine.judge(list(deltas(device))).transitions

    assert [(step.cause, _night(step)) for step in steps] == (
        [] if ident == "laundry-water" else [("raised", "2026-11-02"), ("cleared", "2026-11-09")]
    )


@pytest.mark.parametrize("ident", ["main-water", "flats-water", "laundry-water"])
def test_nights_with_the_leak_are_told_once_enough_were_learnt(ident: str) -> None:
    device = site().devices[ident]
    night = rule({"id": "night", "kind": "night_flow", "min_nights": 10}, {ident: device})
    engine = Engine([night], Surroundings(devices={ident: device}, zone=ZONE))

    steps = engine.judge(list(deltas(device))).transitions

    assert [(step.cause, _local(step).isoformat()) for step in steps] == (
        []
        if ident == "laundry-water"
        else [("raised", "2026-11-02T07:00:00+01:00"), ("cleared", "2026-11-09T07:00:00+01:00")]
    )


def _local(step: Transition) -> datetime:
    return datetime.fromtimestamp(step.time / 1000, ZONE)


def _night(step: Transition) -> str:
    """The day before whose seven o'clock it was."""
    local = _local(step)
    assert local.hour < 7
    return local.date().isoformat()
