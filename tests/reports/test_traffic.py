"""Passages, open times and people in zones, counted from single entries."""

from collections import Counter
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from monitor.reports import traffic as module
from monitor.reports.traffic import Heads, Traffic, ZoneDay, traffic
from monitor.zones import AccessZone
from tests.reports.books import BERLIN, moment
from tests.reports.plant import Doorbook, entry, passage, plant

ZONES = plant().access.zones
DAY = date(2026, 10, 7)
ALL = frozenset({"front", "garage", "server"})


async def count(entries, *, first=DAY, last=DAY, until="2026-10-20T00:00", doors=ALL, zones=ZONES) -> Traffic:
    return await traffic(
        Doorbook(entered=entries),
        zones,
        first,
        last,
        until=moment(until),
        zone=BERLIN,
        door_of=lambda each: each.door,
        doors=doors,
    )


async def test_people_are_counted_by_zone_with_the_most_at_once_and_when():
    counted = await count(
        [
            passage("front-in", "2026-10-07T08:00", "a"),
            passage("front-in", "2026-10-07T08:10", "b"),
            passage("front-in", "2026-10-07T08:20"),
            passage("server-in", "2026-10-07T08:30", "a"),
            passage("server-out", "2026-10-07T09:00", "a"),
            passage("front-out", "2026-10-07T10:00", "a"),
            passage("front-out", "2026-10-07T10:05"),
            passage("front-in", "2026-10-07T11:00", "c"),
        ]
    )

    assert counted.zones["house"] == {DAY: ZoneDay(entries=4, exits=2, most=3, at=moment("2026-10-07T08:20"))}
    assert counted.zones["servers"] == {DAY: ZoneDay(entries=1, exits=1, most=1, at=moment("2026-10-07T08:30"))}
    assert counted.hours[8] == 4
    assert sum(counted.hours) == 8
    assert counted.passages == {"front": 6, "server": 2}


async def test_somebody_who_holds_his_card_twice_is_one_and_erased_ones_are_not_taken_for_one():
    twice = [passage("front-in", f"2026-10-07T08:0{at}", "a") for at in range(3)]
    erased = [passage("front-in", f"2026-10-07T09:0{at}", "erased") for at in range(3)]

    assert (await count(twice)).zones["house"][DAY].most == 1
    assert (await count(erased)).zones["house"][DAY].most == 3


async def test_a_reset_empties_a_zone_and_those_within_it_and_who_came_the_day_before_stays_until_then():
    entries = [
        passage("front-in", "2026-10-06T22:00", "a"),
        passage("front-in", "2026-10-06T22:10", "b"),
        passage("server-in", "2026-10-06T22:20", "b"),
        passage("front-in", "2026-10-07T04:00", "c"),  # after 03:00
    ]
    counted = await count(entries)

    midnight = moment("2026-10-07T00:00")
    assert counted.zones["house"][DAY] == ZoneDay(entries=1, exits=0, most=2, at=midnight)
    assert counted.zones["servers"][DAY] == ZoneDay(most=1, at=midnight)
    assert sum(counted.hours) == 1
    kept = {"house": AccessZone(id="house", name="House", doors=("front",))}
    assert (await count(entries, zones=kept)).zones["house"][DAY].most == 3


async def test_open_times_are_those_told_else_from_the_opening_on():
    unsure = entry("closed", "server", "2026-10-07T12:00:00", "server")
    unsure = replace(unsure, id=f"closed-{unsure.time}")  # of the monitor, which did not hear all of it
    counted = await count(
        [
            entry("opened", "front", "2026-10-07T08:00:00", "front"),
            entry("closed", "front", "2026-10-07T08:00:09", "front", attributes={"open_s": 8.5}),
            entry("opened", "garage", "2026-10-07T08:00:00", "garage"),
            entry("closed", "garage", "2026-10-07T08:01:30", "garage"),
            entry("closed", "garage", "2026-10-07T09:00:00", "garage"),
            entry("opened", "server", "2026-10-07T08:00:00", "server"),
            unsure,
        ]
    )

    assert counted.open_s == {"front": [8.5], "garage": [90.0]}


async def test_a_reader_that_was_off_line_is_so_until_it_is_back_or_the_end():
    counted = await count(
        [
            entry("reader_offline", "front-in", "2026-10-07T08:00", "front"),
            entry("reader_offline", "front-in", "2026-10-07T08:10", "front"),
            entry("reader_online", "front-in", "2026-10-07T08:30", "front"),
            entry("reader_online", "front-in", "2026-10-07T08:40", "front"),
            entry("reader_offline", "front-in", "2026-10-07T20:00", "front"),
            entry("tamper", "garage-in", "2026-10-07T21:00", "garage"),
        ],
        until="2026-10-07T22:00",
    )

    front = counted.readers["front-in"]
    assert (front.offline, front.lost, front.tampered) == (2, (30 + 120) * 60_000, 0)
    assert counted.readers["garage-in"].tampered == 1


async def test_doors_that_were_not_chosen_are_left_out_but_not_for_the_zones():
    entries = [passage("front-in", "2026-10-07T08:00", "a"), passage("server-in", "2026-10-07T09:00", "a")]
    counted = await count(entries, doors=frozenset({"server"}))

    assert counted.passages == {"server": 1}
    assert counted.zones["house"][DAY].entries == 1


async def test_days_of_more_entries_than_a_page_are_counted_whole(monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 7)
    at = moment("2026-10-07T08:00")
    entries = [passage("front-in", at + number // 3 * 1000, f"p{number}", n=number) for number in range(50)]

    counted = await count(entries)

    assert counted.hours[8] == 50
    assert counted.zones["house"][DAY].most == 50


async def test_hours_are_those_of_the_clock_on_the_wall_also_when_it_is_set_back():
    day = date(2026, 10, 25)
    at = moment("2026-10-25T01:30")
    entries = [passage("front-in", at + number * 3_600_000, f"p{number}") for number in range(4)]

    counted = await count(entries, first=day, last=day, until="2026-10-26T00:00", zones={})

    assert counted.hours[:4] == [0, 1, 2, 1]


async def test_who_has_no_name_leaves_the_house_from_whichever_zone_he_was_in():
    entries = [
        passage("server-in", "2026-10-07T08:00"),
        passage("front-out", "2026-10-07T09:00"),
        passage("front-in", "2026-10-07T10:00"),
    ]

    assert (await count(entries)).zones["house"][DAY].most == 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["house", "servers", "empty"]), st.sampled_from(["in", "out"]), st.integers(0, 4)),
    max_size=60,
)


@given(STEPS)
def test_people_are_never_fewer_than_none_and_who_is_inside_is_around_it_too(steps):
    heads = Heads(ZONES)
    places: dict[int, str] = {}
    others: Counter[str] = Counter()
    for zone, direction, who in steps:
        if zone == "empty":
            heads.empty("house")
            places.clear()
            others.clear()
            continue
        heads.pass_(zone, direction, str(who or ""))
        around = {"servers": "house", "house": ""}[zone]
        came, went = (zone, around) if direction == "in" else (around, zone)
        if who:
            places[who] = came
        else:
            parts = ["house", "servers"] if (went, direction) == ("house", "out") else [went]
            counted = next((part for part in parts if others[part]), "")
            others[counted] -= bool(counted)
            others[came] += 1

        inner = sum(place == "servers" for place in places.values()) + others["servers"]
        outer = sum(place == "house" for place in places.values()) + others["house"]
        assert heads.count("servers") == inner
        assert heads.count("house") == inner + outer
