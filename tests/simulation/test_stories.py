"""What happens in the month of the demo's house happens where and when it should, and counters agree with it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from monitor.app import load_site
from monitor.model import Value
from monitor.simulation.plot import PLOT, Draws, Shows
from monitor.simulation.stories import Stories
from monitor.simulation.truth import Truth
from monitor.simulation.world import World
from monitor.site import Site
from tests.simulation.site import site as small_site

SITE: Final[Site] = load_site(Path(config.__path__[0]) / "demo.yaml").site
FIRST: Final = datetime(2026, 10, 7, tzinfo=SITE.timezone)
"""The clock is set back on day 19."""
BEGIN: Final = round(FIRST.timestamp() * 1000)
STORIES: Final = Stories(SITE, BEGIN)
WORLD: Final = World(SITE, STORIES)
PLAIN: Final = World(SITE)
METERS: Final = [each.id for each in SITE.devices.values() if each.role and each.virtual is None]
EDGES: Final = [edge / 1000 for edge in STORIES.edges()]
instants = st.one_of(
    st.floats(EDGES[0] - 1e6, EDGES[-1] + 1e6),
    st.builds(lambda edge, off: edge + off, st.sampled_from(EDGES), st.floats(-900, 900)),
)


def at(day: int, time: str) -> float:
    """UTC seconds of a local time on a day of the month."""
    hour, minute = (int(part) for part in time.split(":"))
    return (FIRST + timedelta(days=day - 1)).replace(hour=hour, minute=minute).timestamp()


def shown(device: str, now: float) -> Mapping[str, Value]:
    """What a device shows."""
    return WORLD.values(SITE.devices[device], now)


def used(device: str, start: float, end: float, world: World = WORLD) -> float:
    """W h or m3 that go through a meter."""
    return world.total(SITE.devices[device], end) - world.total(SITE.devices[device], start)


@given(st.sampled_from(METERS), instants, st.sampled_from([None, "l1", "l2", "l3"]))
def test_counters_are_integrals_across_stories(device: str, now: float, phase: str | None) -> None:
    of, begin, steps = SITE.devices[device], float(round(now)), 1200
    phase = phase if of.device_class == "electricity" else None
    integral = sum(WORLD.rate(of, begin + step + 0.5, phase) for step in range(steps)) / 3600

    counted = WORLD.total(of, begin + steps, phase) - WORLD.total(of, begin, phase)
    assert counted == pytest.approx(integral, rel=1e-3, abs=2e-4)


@given(instants)
def test_a_main_meter_sees_the_others_and_three_parts_in_a_hundred_more(now: float) -> None:
    for kind in ("electricity", "water"):
        main = SITE.devices[f"main-{kind}"]
        subs = [each for each in SITE.devices.values() if each.role == "sub" and each.device_class == kind]
        assert WORLD.rate(main, now) == pytest.approx(1.03 * sum(WORLD.rate(each, now) for each in subs))
        assert WORLD.total(main, now) == pytest.approx(1.03 * sum(WORLD.total(each, now) for each in subs))


@given(instants)
def test_the_phases_are_the_whole(now: float) -> None:
    for device in (SITE.devices["main-electricity"], SITE.devices["flats-electricity"]):
        for of in (WORLD.rate, WORLD.total):
            assert sum(of(device, now, phase) for phase in ("l1", "l2", "l3")) == pytest.approx(of(device, now))


@given(st.sampled_from(METERS), instants, st.floats(1, 1e6))
def test_truth_is_what_flowed_whatever_the_counter_showed(device: str, start: float, lasts: float) -> None:
    of = SITE.devices[device]
    electric = of.device_class == "electricity"
    truth = Truth(WORLD, of)
    point = "energy_import_kwh" if electric else "volume_m3"

    assert truth.used(point, start, start + lasts) == pytest.approx(
        used(device, start, start + lasts) / (1000 if electric else 1), abs=1e-6
    )


@given(st.sampled_from(sorted(SITE.devices)), instants)
def test_it_is_the_same_after_a_restart(device: str, now: float) -> None:
    again = World(SITE, Stories(SITE, BEGIN))

    assert again.values(SITE.devices[device], now) == WORLD.values(SITE.devices[device], now)


def test_each_story_says_when_and_where_it_is() -> None:
    assert [each.id for each in STORIES.stories] == [
        *(
            "battery",
            "undervoltage",
            "gateway-off",
            "sticking-door",
            "forced-door",
            "gas-test",
            "leak",
            "pump-trip",
        ),
        *("meter-swap", "unknown-card", "no-water", "holidays", "loose-cover", "peak", "unbalance", "wet-floor"),
    ]
    assert STORIES.story("leak") is not None
    for each in STORIES.stories:
        assert BEGIN <= each.begin < each.end <= STORIES.end
        assert each.devices or each.connections
        assert each.name[0].isupper()


def test_no_two_stories_meet() -> None:
    acts = [(scene, act) for scene in PLOT for act in scene.acts]
    for (one, first), (two, second) in combinations(acts, 2):
        if one is two or {one.id, two.id} == {"leak", "no-water"}:
            continue
        is_same = isinstance(first, Draws | Shows) and isinstance(second, type(first))
        if is_same and first.device == second.device:  # type: ignore[union-attr]  # of one type
            assert one.end <= two.begin or two.end <= one.begin, (one.id, two.id)


def test_a_site_without_the_devices_has_no_stories(tmp_path: Path) -> None:
    stories = Stories(small_site(tmp_path), BEGIN)

    assert stories.stories == []
    assert (stories.presence(BEGIN / 1000), stories.stands_open("any", 1, BEGIN / 1000)) == (1.0, 2.5)


def test_a_month_begins_with_the_local_day_of_its_begin() -> None:
    assert Stories(SITE, BEGIN + 3_600_000 * 20).edges() == STORIES.edges()


def test_the_leak_runs_day_and_night_until_it_is_mended() -> None:
    begin, end = at(12, "23:40"), at(19, "10:30")
    lost = used("flats-water", begin, end) - used("flats-water", begin, end, PLAIN)
    dry = used("flats-water", at(18, "11:05"), at(18, "11:45"), PLAIN)

    assert lost + dry == pytest.approx(0.12 * ((end - begin) / 3600 - 40 / 60), abs=1e-6)
    for day in range(13, 20):
        for n in range(16):
            quarter = at(day, "00:00") + 900.0 * n
            assert used("main-water", quarter, quarter + 900.0) >= 0.12 * 1.03 / 4 - 1e-9
    later = used("main-water", STORIES.end / 1000, STORIES.end / 1000 + 1e7)
    assert later == pytest.approx(used("main-water", STORIES.end / 1000, STORIES.end / 1000 + 1e7, PLAIN))


@pytest.mark.parametrize("day", [2, 7, 12, 20, 25, 30])
def test_without_a_leak_the_least_of_a_night_is_nothing(day: int) -> None:
    begin = at(day, "00:00")

    assert min(used("main-water", begin + 900.0 * n, begin + 900.0 * (n + 1)) for n in range(20)) < 1e-6


def test_a_replaced_meter_begins_anew_and_consumption_goes_on() -> None:
    truth, point, swap = Truth(WORLD, SITE.devices["shop-electricity"]), "energy_import_kwh", at(16, "14:20")
    told = truth.swap(point)
    assert told is not None
    when, old, new = told

    assert when == swap * 1000
    assert new == pytest.approx(3.2, abs=0.001)
    assert old == pytest.approx(truth.register(point, swap - 0.25), abs=0.002)
    assert truth.register(point, swap + 3600) - new == pytest.approx(
        truth.used(point, swap, swap + 3600), abs=0.002
    )
    phases = sum(
        float(shown("shop-electricity", swap)[f"energy_import_{each}_kwh"]) for each in ("l1", "l2", "l3")
    )
    assert phases == pytest.approx(3.2)
    assert shown("shop-electricity", swap + 1e7)[point] < shown("shop-electricity", swap - 1)[point]  # type: ignore[operator]  # numbers
    assert Truth(WORLD, SITE.devices["flats-electricity"]).swap(point) is None


def test_half_of_the_flats_are_away_in_the_holidays() -> None:
    begin, end = at(20, "00:00"), at(27, "00:00")

    for device, part in (("flats-electricity", 0.62), ("flats-water", 0.5)):
        assert used(device, begin, end) == pytest.approx(part * used(device, begin, end, PLAIN))
    present = [STORIES.presence(now) for now in (begin - 1, begin, end - 1, end)]
    assert present == [1.0, 0.5, 0.5, 1.0]


def test_the_gateway_takes_all_its_meters_with_it() -> None:
    off = [each for each in SITE.devices if WORLD.is_silent(each, at(5, "14:00"))]

    assert off == [each.id for each in SITE.devices.values() if each.connection == "risers"]
    assert not any(WORLD.is_silent(each, now) for each in SITE.devices for now in (at(5, "12:59"), at(5, "16:00")))


def test_the_front_door_closes_worse_and_worse_until_it_is_mended() -> None:
    def held(day: int) -> int:
        stands = [STORIES.stands_open("front-door", number, at(day, "12:00")) for number in range(1000)]
        assert all(each == 2.5 or each > 6.0 + 3.0 for each in stands)
        return sum(each > 6.0 for each in stands)

    assert (held(7), held(22)) == (0, 0)
    assert 10 < held(8) < held(12) < held(16) < held(21) < 150
    assert STORIES.stands_open("cellar-door", 1, at(21, "12:00")) == 2.5


@pytest.mark.parametrize(
    ("device", "point", "day", "time", "value"),
    [
        ("cellar-door", "open", 10, "02:50", True),
        ("boiler-gas-detector", "alarm", 11, "10:01", True),
        ("booster-pump", "fault", 14, "10:00", True),
        ("booster-pump", "running", 14, "10:00", False),
        ("booster-pump-2", "running", 14, "10:00", True),
        ("water-pressure", "pressure_ok", 18, "11:30", False),
        ("main-water", "flow_m3h", 18, "11:30", 0.0),
        ("laundry-leak", "alarm", 28, "19:30", True),
        ("front-door", "battery_pct", 1, "00:00", 71.0),
        ("front-door", "battery_pct", 31, "12:00", 14.0),
    ],
)
def test_a_story_is_shown(device: str, point: str, day: int, time: str, value: Value) -> None:
    assert shown(device, at(day, time))[point] == value
    assert WORLD.overrides == {}


def test_quiet_states_are_quiet_otherwise() -> None:
    for hour in range(30 * 24):
        now = FIRST.timestamp() + 3600.0 * hour + 61.0
        for device, point in (
            ("booster-pump", "fault"),
            ("cellar-door", "open"),
            ("boiler-gas-detector", "alarm"),
        ):
            usual = not any(each.is_on(now) for each in STORIES.stories if device in each.devices)
            assert not (usual and shown(device, now)[point])


def test_only_in_its_evening_the_voltage_is_too_low() -> None:
    low = [
        hour
        for hour in range(30 * 24 * 4)
        if shown("main-electricity", FIRST.timestamp() + 900.0 * hour)["voltage_l2_v"] < 207  # type: ignore[operator]  # a number
    ]

    assert [FIRST.timestamp() + 900.0 * hour for hour in low] == [at(3, "18:45") + 900.0 * n for n in range(6)]


def test_the_highest_demand_of_the_month_is_the_peak() -> None:
    quarters = [FIRST.timestamp() + 900.0 * n for n in range(30 * 96)]
    demand = sorted(quarters, key=lambda each: used("main-electricity", each, each + 900.0))

    assert set(demand[-3:]) == {at(24, "17:30"), at(24, "17:45"), at(24, "18:00")}
    assert used("main-electricity", demand[-3], demand[-3] + 900) > 1.2 * used(
        "main-electricity", demand[-4], demand[-4] + 900
    )


def test_one_phase_carries_most_for_two_hours() -> None:
    def shares(now: float) -> list[float]:
        values = shown("main-electricity", now)
        return [float(values[f"power_{each}_w"]) / float(values["power_w"]) for each in ("l1", "l2", "l3")]

    assert shares(at(27, "12:29")) == pytest.approx([0.36, 0.33, 0.31])
    assert shares(at(27, "13:30"))[0] > 0.5
    assert shares(at(27, "14:30")) == pytest.approx([0.36, 0.33, 0.31])


def test_an_unknown_card_is_tried_eight_times_in_a_row() -> None:
    times = [each.at for each in STORIES.trials]

    assert len(times) == 8
    assert (times[0], times[-1] - times[0]) == (at(17, "22:51") * 1000, 45_500)
    assert {(each.device, each.number) for each in STORIES.trials} == {("cellar-door-reader", "0badcafe")}


def test_the_booster_pump_follows_the_water() -> None:
    def runs(day: int, hours: range) -> int:
        return sum(
            bool(shown("booster-pump", at(day, "00:00") + 3600.0 * hour + 60.0 * minute)["running"])
            for hour in hours
            for minute in range(60)
        )

    assert runs(9, range(5)) < 15
    assert runs(9, range(7, 21)) > 120
    assert not shown("booster-pump-2", at(9, "07:30"))["running"]
    assert not PLAIN.values(SITE.devices["booster-pump"], at(9, "07:00"))["running"]


def test_registers_fall_nowhere_but_at_the_swap() -> None:
    """Read each quarter of an hour, as the meters have them."""
    for device in METERS:
        of = SITE.devices[device]
        truth = Truth(WORLD, of)
        point = "energy_import_kwh" if of.device_class == "electricity" else "volume_m3"
        read = [truth.register(point, FIRST.timestamp() + 900.0 * n) for n in range(30 * 96)]
        falls = [n for n in range(1, len(read)) if read[n] < read[n - 1]]
        assert len(falls) == (device == "shop-electricity"), device


def test_the_time_zone_is_the_sites() -> None:
    leak = STORIES.story("leak")
    assert leak is not None

    assert datetime.fromtimestamp(leak.begin / 1000, UTC) == datetime(2026, 10, 18, 21, 40, tzinfo=UTC)
    assert datetime.fromtimestamp(leak.end / 1000, UTC) == datetime(2026, 10, 25, 9, 30, tzinfo=UTC)
