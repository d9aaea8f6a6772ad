"""People while site files are edited under them: zones that go, are renamed, doors with names of their own."""

from pathlib import Path

from monitor.calendars import Hours, Schedule
from tests.access.homes import Home, card, home, pseudonym, site_of, through, zone
from tests.clock import ManualClock

HOUSE, LAB = zone("house", "front"), zone("lab", "sluice", within="house")


async def _enter(made: Home, clock: ManualClock) -> None:
    for person, reader in (("ana", "front-in"), ("ana", "sluice-in"), ("", "front-in"), ("", "sluice-in")):
        clock.time += 5000
        await made.keep(*through(reader, clock.time, person))
    await made.settle()


async def test_who_is_in_a_zone_that_is_removed_is_in_the_one_around_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with home(tmp_path, site_of(HOUSE, LAB), clock) as made:
        await _enter(made, clock)
        before = made.counts()
    counts = []
    for _ in range(2):
        async with home(tmp_path, site_of(HOUSE), clock) as made:
            await made.settle()
            counts.append((made.counts(), await made.where()))
    async with home(tmp_path, site_of(HOUSE, LAB), clock) as made:
        await made.settle()
        back = made.counts()

    assert before == {"house": (2, 1), "lab": (2, 1)}
    assert counts == [({"house": (2, 1)}, {pseudonym("ana"): "house"})] * 2
    assert back == {"house": (2, 1), "lab": (0, 0)}


async def test_who_is_in_a_zone_that_is_renamed_is_where_his_reader_leads(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with home(tmp_path, site_of(HOUSE, LAB), clock) as made:
        await _enter(made, clock)
    renamed = zone("building", "front"), zone("clean-room", "sluice", within="building")
    async with home(tmp_path, site_of(*renamed), clock) as made:
        await made.settle()
        where, counts = await made.where(), made.counts()

    assert where == {pseudonym("ana"): "clean-room"}
    assert counts["building"][1] == counts["clean-room"][1] == 1


async def test_a_controllers_own_name_for_its_door_hides_no_card_out_of_hours(
    tmp_path: Path, clock: ManualClock
) -> None:
    closed = Schedule(hours=(Hours(days=frozenset({0}), spans=((0, 1),)),))
    async with home(tmp_path, site_of(zone("house", "front", hours=closed)), clock) as made:
        await made.settle()
        await made.keep(card("front-in", clock.time, "ana", door="Main entrance"))
        await made.settle()
        told = await made.told()

    assert [(kind, attributes["door"]) for kind, _, _, attributes in told] == [("out_of_hours", "front")]
