"""Planning: every point in exactly one request, and no request that the device would not take."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivers.modbus.layout import BIT_TABLES, Span
from drivers.modbus.plan import TCP, Block, Cost, Limits, plan, split
from monitor.errors import SettingsError

TABLES = st.sampled_from(["coil", "discrete", "input", "holding"])


@st.composite
def spans(draw):
    table = draw(TABLES)
    size = 1 if table in BIT_TABLES else draw(st.sampled_from([1, 2, 4, 20]))
    return Span(table, draw(st.integers(0, 400)), size)


RANGES = st.tuples(TABLES, st.integers(0, 400), st.integers(0, 30)).map(lambda r: (r[0], r[1], r[1] + r[2]))
LIMITS = st.builds(
    Limits,
    max_registers=st.integers(20, 125),
    max_bits=st.integers(1, 300),
    gap=st.none() | st.integers(0, 50),
    forbidden=st.lists(RANGES, max_size=4).map(tuple),
    cuts=st.frozensets(st.tuples(TABLES, st.integers(0, 400)), max_size=5),
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


@settings(deadline=None)
@given(st.sets(spans(), min_size=1, max_size=25), COSTS)
def test_a_plan_never_costs_more_than_reading_all_apart_or_joining_greedily(wanted, cost):
    def price(blocks):
        return sum(
            cost.request + block.count * cost.register / (16 if block.table in BIT_TABLES else 1)
            for block in blocks
        )

    limits = Limits()
    greedy: list[list[Span]] = []
    for span in sorted(wanted):
        last = greedy[-1] if greedy else []
        if last and last[0].table == span.table and Block.around([*last, span]).count <= limits.most(span.table):
            last.append(span)
        else:
            greedy.append([span])

    cheapest = price(plan(wanted, limits, cost))

    assert cheapest <= price([Block.around([span]) for span in wanted]) + 1e-6
    assert cheapest <= price([Block.around(group) for group in greedy]) + 1e-6


@settings(deadline=None)
@given(st.sets(spans(), min_size=2, max_size=25))
def test_splitting_loses_nothing_and_ends(wanted):
    table = next(iter(wanted)).table
    ordered = sorted(span for span in wanted if span.table == table)
    assume(len(ordered) > 1)

    left, right = split(Block.around(ordered))

    assert [*left.spans, *right.spans] == ordered
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
