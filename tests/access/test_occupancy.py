"""Zones without a journal: wrong clocks, people without a name, readers that are off-line, other settings."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from monitor.access.layout import Layout
from monitor.access.occupancy import Occupancy, Passage, Person
from monitor.access.sight import Sight
from monitor.model import Event
from monitor.periods import DAY, HOUR
from monitor.site import Site
from tests.access.homes import site_of, through, zone
from tests.metering.ledgers import ms

NOON = ms("2026-11-27 12:00", "Europe/Berlin")
SITE = site_of(
    zone("house", "front", reset=4 * 60),
    zone("floor", "stairs", within="house"),
    zone("lab", "sluice", within="floor"),
)


def begun(site: Site = SITE, now: int = NOON) -> Occupancy:
    layout = Layout(site)
    occupancy = Occupancy(site, layout, Sight(layout))
    occupancy.advance(now)
    return occupancy


def go(occupancy: Occupancy, reader: str, time: int, person: str = "", now: int | None = None) -> None:
    door, _, way = reader.rpartition("-")
    layout = Layout(SITE)
    _, used = through(reader, time, person)
    occupancy.advance(time if now is None else now)
    occupancy.take(
        Passage(event=used, card="c", door=door, zone=layout.zone(door), direction=way, credential=person),
        time if now is None else now,
    )


def counts(occupancy: Occupancy) -> list[tuple[int, int]]:
    return [occupancy.count(each) for each in ("house", "floor", "lab")]


def test_those_without_a_name_are_never_fewer_than_none() -> None:
    occupancy = begun()
    go(occupancy, "front-out", NOON + 1)
    never = counts(occupancy)
    go(occupancy, "front-in", NOON + 2)
    go(occupancy, "stairs-in", NOON + 3)
    inside = counts(occupancy)
    go(occupancy, "front-out", NOON + 4)  # he has left the floor by another way

    assert never == [(0, 0)] * 3
    assert inside == [(1, 0), (1, 0), (0, 0)]
    assert counts(occupancy) == [(0, 0)] * 3


def test_a_reader_whose_clock_is_ahead_keeps_nobody_inside() -> None:
    occupancy = begun()
    go(occupancy, "front-in", NOON + 3000 * DAY, "ann", now=NOON + 1)
    go(occupancy, "front-out", NOON + 2, "ann")

    assert counts(occupancy) == [(0, 0)] * 3


def test_a_reader_whose_clock_was_never_set_moves_nobody() -> None:
    occupancy = begun()
    go(occupancy, "front-in", 1000, "ann", now=NOON + 1)

    assert counts(occupancy) == [(0, 0)] * 3


def test_a_clock_of_ours_that_was_years_ahead_is_lived_down() -> None:
    occupancy = begun()
    go(occupancy, "front-in", NOON + 3000 * DAY, "ann")
    occupancy.advance(NOON + 3001 * DAY)
    occupancy.advance(NOON + 10)  # it was set right
    go(occupancy, "front-in", NOON + 20, "ann")
    go(occupancy, "front-in", NOON + 21, "bob")
    inside = counts(occupancy)[0]
    occupancy.advance(NOON + DAY)

    assert inside == (2, 2)
    assert counts(occupancy)[0] == (0, 0)


def test_who_was_in_a_zone_that_is_no_more_is_in_what_is_left_around_it() -> None:
    occupancy = begun()
    go(occupancy, "sluice-in", NOON + 1, "ann")
    people, memory = occupancy.changes()
    smaller = replace(SITE, access=replace(SITE.access, zones={"house": SITE.access.zones["house"]}))
    layout = Layout(smaller)
    after = Occupancy(smaller, layout, Sight(layout))
    after.load([(who, person) for who, person in people.items() if person is not None], memory.items())

    assert after.count("house") == (1, 1)
    moved, remembered = after.changes()
    assert [person.zone for person in moved.values() if person is not None] == ["house"]
    assert {key for key, body in remembered.items() if body is None} == {"zone/floor", "zone/lab"}


def test_a_reset_at_another_time_empties_nothing_before_that_time_has_come() -> None:
    occupancy = begun()
    go(occupancy, "front-in", NOON + 1, "ann")
    people, memory = occupancy.changes()
    later = replace(SITE.access.zones["house"], reset=14 * 60)
    site = replace(SITE, access=replace(SITE.access, zones={**SITE.access.zones, "house": later}))
    layout = Layout(site)
    after = Occupancy(site, layout, Sight(layout))
    after.load([(who, person) for who, person in people.items() if person is not None], memory.items())
    after.advance(NOON + 3 * HOUR)
    inside = after.count("house")
    after.advance(NOON + 27 * HOUR)

    assert inside == (1, 1)
    assert after.count("house") == (0, 0)


def test_a_door_without_a_direction_counts_nobody() -> None:
    plain = {name: replace(device, direction="") for name, device in SITE.devices.items()}
    layout = Layout(replace(SITE, devices=plain))
    _, used = through("front-in", NOON, "ann")

    assert layout.direction(used) == ""
    assert layout.direction(replace(used, attributes={**used.attributes, "direction": "out"})) == "out"


def happened(kind: str, device: str, time: int, **said: Any) -> Event:
    return Event(device=device, kind=kind, time=time, arrived=time, id=f"{kind}-{time}", attributes=said)


@pytest.mark.parametrize(
    ("events", "is_whole"),
    [
        ([], True),
        ([happened("reader_offline", "sluice-in", 10), happened("reader_online", "sluice-in", 20)], True),
        ([happened("reader_offline", "sluice-in", 10), happened("reader_online", "sluice-in", 60)], False),
        ([happened("reader_offline", "sluice-in", 10)], False),
        ([happened("reader_offline", "sluice-in", 130)], True),
        ([happened("reader_offline", "stairs-in", 60)], True),
        ([happened("health", "sluice", 60, state="suspended")], False),
        ([happened("health", "sluice", 60, state="degraded")], True),
        (
            [
                happened("health", "sluice", 10, state="suspended"),
                happened("health", "sluice", 20, state="answering"),
            ],
            True,
        ),
        ([happened("monitor_started", "facility-monitor", 61, off_s=3600.0, off_until=60)], False),
        ([happened("monitor_started", "facility-monitor", 61, off_s=5.0, off_until=60)], True),
        ([happened("monitor_started", "facility-monitor", 1)], True),
    ],
)
def test_a_zone_was_watched_when_all_at_its_doors_were_there(events: Iterable[Event], is_whole: bool) -> None:  # noqa: FBT001
    sight = Sight(Layout(SITE))
    for event in events:
        sight.take(event)
    again = Sight(Layout(SITE))
    again.load([*sight.changes().items(), ("began", 5)])

    assert sight.is_whole("lab", 50, 120) is is_whole
    assert again.is_whole("lab", 50, 120) is is_whole


def test_a_person_is_told_as_of_his_last_passage() -> None:
    occupancy = begun()
    go(occupancy, "front-in", NOON + 1, "ann")
    go(occupancy, "stairs-in", NOON + 2, "ann")
    people, _ = occupancy.changes()

    assert people == {"ann": Person(zone="floor", time=NOON + 2, reader="stairs-in")}
