"""Rules about what the monitor derives, through the consumers that derive it: metering, doors and upkeep."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.access import doors as doors_module
from monitor.derivedpoints import derived_points
from monitor.model import Derived, Event, Reading, Recorded, Transition
from monitor.plant import Equipment
from monitor.ports import Batch
from monitor.site import Counter, Device, Point, Site
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.access.sites import card, said, site
from tests.access.test_doors import house as doors_of
from tests.clock import ManualClock
from tests.equipment.houses import house as upkeep_of
from tests.journal.conformance import everything
from tests.metering.ledgers import meter, ms, site_of
from tests.metering.plants import plant, reading
from tests.rules.build import rule

NOON = ms("2026-11-27 12:00")
MINUTE = 60_000
ENERGY = "energy_import_kwh"
USED = [1.0] * 60 + [8.0] * 30 + [0.5] * 30
"""kW in each minute of two hours."""


def derived_of(batch: Sequence[Recorded], device: Device, measurement: str) -> set[str]:
    """Names that were told beside the readings of a device."""
    found = [each.entry for each in batch if isinstance(each.entry, Derived)]
    mine = [entry for entry in found if (entry.device, entry.measurement) == (device.id, measurement)]
    return {name for entry in mine for name in entry.values}


def judged(site: Site, batch: Sequence[Recorded], *settings: Mapping[str, object]) -> list[Transition]:
    engine = Engine([rule(one, site.devices) for one in settings], Surroundings.of(site))
    return [*engine.judge(batch).transitions, *engine.tick(batch[-1].recorded + 1000).transitions]


def told(steps: Sequence[Transition], name: str) -> list[tuple[str, int]]:
    """(cause, minutes after noon) of the steps of a rule."""
    return [(step.cause, round((step.time - NOON) / MINUTE)) for step in steps if step.rule == name]


async def metered(folder: Path, device: Device, readings: Sequence[Reading]) -> Sequence[Recorded]:
    clock = ManualClock(NOON)
    async with plant(folder, site_of(device), clock.now) as made:
        for one in readings:
            clock.time = one.time + 1000
            await made.keep(one)
            await made.settle()
        return await made.entries()


def registers(used: Sequence[float]) -> list[Reading]:
    shown = [100 + sum(used[:minute]) / 60 for minute in range(len(used) + 1)]
    return [reading("main", NOON + minute * MINUTE, {ENERGY: value}) for minute, value in enumerate(shown)]


async def test_demand_and_consumption_are_judged_by_what_metering_tells(tmp_path: Path) -> None:
    main = meter("main", every=60.0)
    batch = await metered(tmp_path, main, registers(USED))
    steps = judged(
        site_of(main),
        batch,
        {"id": "sliding", "kind": "threshold", "point": "demand_sliding_w", "above": "4000 W"},
        {"id": "block", "kind": "threshold", "point": "demand_w", "above": "4000 W"},
        {"id": "power", "kind": "threshold", "point": "power_w", "above": "5000 W", "on_delay": "2 min"},
        {"id": "hour", "kind": "delta", "point": ENERGY, "above": "3 kWh", "window": "30 min"},
        {"id": "day", "kind": "delta", "point": ENERGY, "above": "4.5 kWh", "per": "day"},
        {"id": "steep", "kind": "rate", "point": "power_w", "above": "500 W", "window": "5 min"},
    )

    assert derived_of(batch, main, "electricity") == set(derived_points(main))
    assert told(steps, "sliding") == [("raised", 67), ("cleared", 98)]
    assert told(steps, "block") == [("raised", 75), ("cleared", 105)]
    assert told(steps, "power") == [("raised", 65), ("cleared", 92)]
    assert told(steps, "hour") == [("raised", 82), ("cleared", 98)]
    assert told(steps, "day") == [("raised", 90)]
    assert [cause for cause, _ in told(steps, "steep")] == ["raised", "cleared"]


async def test_a_counter_that_begins_anew_is_a_fault_and_no_consumption(tmp_path: Path) -> None:
    counter = Counter(modulus=1e6, rating=60.0)
    main = meter("main", every=60.0, points={ENERGY: Point(name=ENERGY, unit="kWh", counter=counter)})
    before = registers([6.0] * 20)
    after = [reading("main", NOON + minute * MINUTE, {ENERGY: (minute - 20) / 10}) for minute in range(21, 40)]
    batch = await metered(tmp_path, main, [*before, *after])
    steps = judged(
        site_of(main),
        batch,
        {"id": "odd", "kind": "counter_fault", "faults": {"reset": "high"}},
        {"id": "much", "kind": "delta", "point": ENERGY, "above": "5 kWh", "window": "30 min"},
        {"id": "little", "kind": "delta", "point": ENERGY, "below": "1 kWh", "window": "15 min"},
    )

    assert [(step.cause, step.severity) for step in steps if step.rule == "odd"] == [("raised", "high")]
    assert {step.rule for step in steps} == {"odd"}


async def test_a_counter_that_stands_still_while_power_is_drawn_is_stuck(tmp_path: Path) -> None:
    plain = meter("main", every=60.0)
    main = replace(plain, points={**plain.points, "power_w": Point(name="power_w", unit="W")})
    readings = [
        reading("main", NOON + minute * MINUTE, {ENERGY: 100.0 + min(minute, 10) / 10, "power_w": 6000.0})
        for minute in range(41)
    ]
    batch = await metered(tmp_path, main, readings)
    use = {"point": "power_w", "above": "100 W"}
    steps = judged(
        site_of(main),
        batch,
        {"id": "stuck", "kind": "stuck", "point": ENERGY, "unchanged_for": "20 min", "while": use},
    )

    assert told(steps, "stuck") == [("raised", 30)]


async def test_a_door_that_is_held_is_a_state_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors_module, "_TICK", 0.01)
    clock = ManualClock(NOON)
    async with doors_of(tmp_path, clock) as (journal, _):

        async def live(entry: Reading | Event, **shown: bool) -> None:
            clock.time = entry.time
            await journal.append([Batch(entries=[entry])])
            async with asyncio.timeout(60):
                while not await shows(shown):  # noqa: ASYNC110 - another task works
                    await asyncio.sleep(0.01)

        async def shows(wanted: Mapping[str, bool]) -> bool:
            found = [each.entry for each in await everything(journal)]
            last = [one.values for one in found if isinstance(one, Derived) and one.device == "front"]
            return bool(last) and wanted.items() <= last[-1].items()

        await live(said("front", NOON, open=False), held=False)
        await live(card(NOON + 59_000))
        await live(said("front", NOON + 60_000, open=True), held=False)
        await live(said("front", NOON + 120_000, open=True), held=True)
        await live(said("front", NOON + 180_000, open=False))
        await live(said("front", NOON + 200_000, open=False), held=False)
        batch = await everything(journal)
    places = site()
    front = places.devices["front"]
    steps = judged(places, batch, {"id": "held", "kind": "state", "point": "held", "is": True})

    assert derived_of(batch, front, "door") == set(derived_points(front))
    assert [cause for cause, _ in told(steps, "held")] == ["raised", "cleared"]


async def test_starts_of_equipment_are_judged_by_what_upkeep_counts(tmp_path: Path) -> None:
    pump = Device(
        id="pump",
        name="Pump",
        connection="bus",
        device_class="equipment",
        scan={"fast": 60.0},
        points={"running": Point(name="running")},
    )
    plants = replace(site_of(pump), equipment={"pump": Equipment(running="running")})
    clock = ManualClock(NOON)
    async with upkeep_of(tmp_path, plants, clock.now) as made:
        await made.begun()
        turns = [reading("pump", NOON + minute * MINUTE, {"running": minute % 4 > 1}) for minute in range(1, 20)]
        for one in turns:
            await made.live(clock, one)
            await made.settle()
        batch = await everything(made.journal)
    steps = judged(plants, batch, {"id": "starts", "kind": "threshold", "point": "starts", "above": 2})

    assert derived_of(batch, pump, "equipment") == set(derived_points(pump))
    assert [(step.cause, step.value) for step in steps] == [("raised", 3.0)]
