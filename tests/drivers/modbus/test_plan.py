"""Planning: every point in exactly one request, and no request that the device would not take."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import drivers.modbus.plan as plan_module
from drivers.modbus.connection import ConnectionModel
from drivers.modbus.cost import cost_of
from drivers.modbus.layout import BIT_TABLES, Field, Span
from drivers.modbus.plan import Block, Cost, Limits, plan, split
from drivers.modbus.settings import TYPE_BITS, ProfileModel
from drivers.modbus.shared import shared_by
from monitor.errors import SettingsError
from tests.drivers.modbus.site import device, point

TCP = Cost(request=5, register=0.1)
TABLES = st.sampled_from(["coil", "discrete", "input", "holding"])


@st.composite
def spans(draw, addresses=st.integers(0, 400)):  # noqa: B008 - a strategy never changes
    table = draw(TABLES)
    size = 1 if table in BIT_TABLES else draw(st.sampled_from([1, 2, 4, 20]))
    return Span(table, draw(addresses), size)


RANGES = st.tuples(TABLES, st.integers(0, 400), st.integers(0, 30)).map(lambda r: (r[0], r[1], r[1] + r[2]))
LIMITS = st.builds(
    Limits,
    max_registers=st.integers(20, 125),
    max_bits=st.integers(1, 300),
    gap=st.none() | st.integers(0, 50),
    forbidden=st.lists(RANGES, max_size=4).map(tuple),
    cuts=st.frozensets(st.tuples(TABLES, st.integers(0, 400)), max_size=5),
)
SMALL_LIMITS = st.builds(
    Limits,
    max_registers=st.integers(20, 60),
    max_bits=st.integers(1, 60),
    gap=st.none() | st.integers(0, 20),
    forbidden=st.lists(
        st.tuples(TABLES, st.integers(0, 60), st.integers(0, 3)).map(lambda r: (r[0], r[1], r[1] + r[2])),
        max_size=2,
    ).map(tuple),
    cuts=st.frozensets(st.tuples(TABLES, st.integers(0, 60)), max_size=3),
)
COSTS = st.builds(Cost, request=st.floats(0.1, 50), register=st.floats(0.01, 10))


def allowed(span: Span, limits: Limits) -> bool:
    return not limits.forbids(span.table, span.first, span.end)


@settings(deadline=None)
@given(st.sets(spans(), max_size=40), LIMITS, COSTS)
def test_each_span_is_whole_in_exactly_one_block_that_keeps_all_limits(wanted, limits, cost):
    wanted = {span for span in wanted if allowed(span, limits)}

    blocks = plan(wanted, limits, cost)

    assert sorted(span for block in blocks for span in block.spans) == sorted(wanted)
    for block in blocks:
        assert 1 <= block.count <= (limits.max_bits if block.table in BIT_TABLES else limits.max_registers)
        read = set(range(block.first, block.first + block.count))
        for span in block.spans:
            assert span.table == block.table
            assert set(range(span.first, span.end)) <= read
        for table, first, last in limits.forbidden:
            assert table != block.table or not read & set(range(first, last + 1))


def takes(block: Block, limits: Limits) -> bool:
    """Whether a device takes a request, said apart from the planning: register by register."""
    if block.count > limits.most(block.table):
        return False
    wanted = {at for span in block.spans for at in range(span.first, span.end)}
    run = 0
    for at in range(block.first, block.first + block.count):
        run = 0 if at in wanted else run + 1
        if limits.gap is not None and run > limits.gap:
            return False
        if any(table == block.table and low <= at <= high for table, low, high in limits.forbidden):
            return False
    outer = [span for span in block.spans if not any(span != one and _in(span, one) for one in block.spans)]
    return not any((span.table, span.first) in limits.cuts and span.first != block.first for span in outer)


def _in(span: Span, other: Span) -> bool:
    return other.first <= span.first and span.end <= other.end


def partitions(things: list[Span]) -> Iterator[list[list[Span]]]:
    if not things:
        yield []
        return
    first, *rest = things
    for groups in partitions(rest):
        yield [[first], *groups]
        for n, group in enumerate(groups):
            yield [*groups[:n], sorted([first, *group]), *groups[n + 1 :]]


@settings(deadline=None, max_examples=300)
@given(st.sets(spans(st.integers(0, 60)), min_size=1, max_size=6), SMALL_LIMITS, COSTS)
def test_no_other_plan_of_a_few_spans_costs_less(wanted, limits, cost):
    wanted = {span for span in wanted if allowed(span, limits)}
    by_table = [
        sorted(span for span in wanted if span.table == table) for table in {span.table for span in wanted}
    ]
    least = 0.0
    for one in by_table:
        plans = [[Block.around(group) for group in groups] for groups in partitions(one)]
        least += min(cost.of(blocks) for blocks in plans if all(takes(block, limits) for block in blocks))

    assert cost.of(plan(wanted, limits, cost)) == pytest.approx(least)


@settings(deadline=None)
@given(st.sets(spans(), min_size=1, max_size=40), LIMITS, COSTS)
def test_no_plan_costs_more_than_the_obvious_ones(wanted, limits, cost):
    wanted = {span for span in wanted if allowed(span, limits)}
    apart = [Block.around([span]) for span in wanted]
    greedy: list[list[Span]] = []
    for span in sorted(wanted):
        last = greedy[-1] if greedy else []
        if last and last[0].table == span.table and takes(Block.around([*last, span]), limits):
            last.append(span)
        else:
            greedy.append([span])
    tables = {span.table for span in wanted}
    whole = [Block.around(sorted(span for span in wanted if span.table == table)) for table in tables]

    cheapest = cost.of(plan(wanted, limits, cost))

    assert cheapest <= cost.of(apart) + 1e-6
    assert cheapest <= cost.of(Block.around(group) for group in greedy) + 1e-6
    assert cheapest <= cost.of(whole) + 1e-6 or not all(takes(block, limits) for block in whole)


LINES = [
    {"transport": kind, "baudrate": baudrate, "parity": parity}
    | ({"port": "/dev/line"} if kind != "rtu-over-tcp" else {"host": "converter", "port": 4196})
    for kind in ("rtu", "ascii", "rtu-over-tcp")
    for baudrate, parity in ((1200, "even"), (9600, "none"), (115200, "odd"))
]
NETWORKS = [{"transport": kind, "host": "meter"} for kind in ("tcp", "tls", "udp")]
BUSES = [ConnectionModel.model_validate(each) for each in (*LINES, *NETWORKS)]


@st.composite
def written_points(draw):
    """A point as a profile writes it."""
    table, at = draw(TABLES), draw(st.integers(0, 300))
    written = {"register": f"{table} {at}", "scan": draw(st.sampled_from(["fast", "slow", "once"]))}
    if table in BIT_TABLES:
        return written
    kind = draw(st.sampled_from([*TYPE_BITS, "string:7", "string:32"]))
    written["type"] = kind
    written["order"] = draw(st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]))
    if kind == "bool" and draw(st.booleans()):
        written["bit"] = draw(st.integers(0, 15))
    if kind != "bool" and not kind.startswith("string") and draw(st.booleans()):
        written["scale_register"] = f"{draw(st.sampled_from(['input', 'holding']))} {draw(st.integers(0, 300))}"
    return written


@st.composite
def profiles(draw):
    """The block of a profile, with its limits."""
    ranges = st.lists(
        st.tuples(st.integers(0, 320), st.integers(0, 9)).map(lambda r: [r[0], r[0] + r[1]]), max_size=4
    )
    by_table = draw(st.dictionaries(TABLES, ranges, max_size=4))
    written = {
        "order": draw(st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"])),
        "max_registers": draw(st.integers(16, 125)),
        "max_bits": draw(st.integers(1, 2000)),
        "forbidden": draw(st.sampled_from([by_table, [one for each in by_table.values() for one in each]])),
    }
    return written | draw(st.fixed_dictionaries({}, optional={"gap": st.integers(0, 200)}))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.lists(written_points(), min_size=1, max_size=25), profiles(), st.sampled_from(BUSES))
def test_whatever_a_profile_says_each_point_is_read_whole_and_no_limit_is_passed(written, profile, bus):
    points = [point(f"point_{n}", **one) for n, one in enumerate(written)]
    limits = Limits.of(ProfileModel.model_validate(profile))
    fields = [Field.of(one, None) for one in points]
    readable = [all(allowed(span, limits) for span in (of.span, of.exponent) if span) for of in fields]
    meter = device(*(one for one, fine in zip(points, readable, strict=True) if fine), profile=profile)

    scans = shared_by(meter, cost_of(bus, meter.protocol)).scans

    for name, scan in scans.items():
        mine = [Field.of(one, meter.protocol) for one in meter.points.values() if one.scan == name]
        read = sorted(point for decoder in scan.decoders for point in decoder.names)
        assert read == sorted(of.point.name for of in mine)
        blocks = [decoder.block for decoder in scan.decoders]
        for span in {span for of in mine for span in (of.span, of.exponent) if span}:
            (holder,) = [block for block in blocks if span in block.spans]
            assert holder.first <= span.first
            assert span.end <= holder.first + holder.count
        for block in blocks:
            assert takes(block, limits)
    assert sorted(scans) == sorted({one.scan for one in meter.points.values()})


def steps(spans_of, limits, cost) -> int:
    """How many lines of the planning are run."""
    count = 0

    def line(_frame, event, _):
        nonlocal count
        count += event == "line"
        return line

    def call(frame, _event, _):
        return line if frame.f_code.co_filename == plan_module.__file__ else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        plan(spans_of, limits, cost)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("table", ["discrete", "holding"])
@pytest.mark.parametrize("apart", [1, 3, 90])
def test_ten_times_as_many_points_take_ten_times_as_many_steps(table, apart):
    limits, cost = Limits(forbidden=((table, 65000, 65001),)), Cost(request=40, register=2)

    hundred, thousand = (
        steps([Span(table, n * apart, 1) for n in range(many)], limits, cost) for many in (100, 1000)
    )

    assert thousand < 12 * hundred


def test_a_gap_that_a_longer_value_covers_is_none():
    whole, inside, behind = Span("input", 0, 20), Span("input", 2, 2), Span("input", 21, 2)

    blocks = plan([whole, inside, behind], Limits(gap=2), TCP)

    assert [(block.first, block.count) for block in blocks] == [(0, 23)]


@settings(deadline=None)
@given(st.sets(spans(), min_size=2, max_size=25))
def test_splitting_loses_nothing_and_ends(wanted):
    table = next(iter(wanted)).table
    ordered = sorted(span for span in wanted if span.table == table)
    assume(len(ordered) > 1)

    left, right = split(Block.around(ordered))

    assert sorted([*left.spans, *right.spans]) == ordered
    assert left.spans
    assert right.spans


def test_a_gap_is_read_through_while_that_is_cheaper_than_another_request():
    near, far = Span("input", 0, 2), Span("input", 40, 2)

    joined = plan([near, far], Limits(), TCP)
    apart = plan([near, far], Limits(), Cost(request=5.0, register=1.0))

    assert [(block.first, block.count) for block in joined] == [(0, 42)]
    assert [(block.first, block.count) for block in apart] == [(0, 2), (40, 2)]


def test_the_profile_may_say_how_wide_a_gap_is_read_through():
    blocks = plan([Span("input", 0, 2), Span("input", 5, 2)], Limits(gap=2), TCP)

    assert [(block.first, block.count) for block in blocks] == [(0, 2), (5, 2)]


def test_a_refused_block_is_cut_at_its_widest_gap():
    left, right = split(Block.around([Span("input", at, 2) for at in (0, 2, 4, 30, 36)]))

    assert (left.first, left.count, right.first) == (0, 6, 30)


def test_a_point_in_a_forbidden_range_is_a_mistake_in_the_settings():
    with pytest.raises(SettingsError, match="holding 12 lies in a range that the profile forbids"):
        plan([Span("holding", 12, 2)], Limits(forbidden=(("holding", 13, 20),)), TCP)


def test_a_point_that_no_request_can_carry_is_a_mistake_in_the_settings():
    with pytest.raises(SettingsError, match="more than the 2 of one request"):
        plan([Span("holding", 12, 4)], Limits(max_registers=2), TCP)
