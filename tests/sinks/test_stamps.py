from collections.abc import Callable

import pytest

from monitor.journal.state import State, set_position
from monitor.model import Position
from monitor.sinks.influxdb.lines import Stamp, Wanted
from monitor.sinks.influxdb.stamps import Stamps
from tests.sinks.site import NOW


def wanted(position: int, time: int = NOW, series: bytes = b"access,site=hq", **more: object) -> Wanted:
    told = {"recorded": NOW, "series": series, "time": time, **more}
    return Wanted(position=Position(position), **told)  # type: ignore[arg-type]


async def test_each_entry_of_a_series_has_a_millisecond_of_its_own(state: State):
    found = await Stamps(state, "influxdb").settle(
        [wanted(1), wanted(2, NOW + 1), wanted(3), wanted(4, series=b"other")]
    )

    assert [stamp.time - NOW for stamp in found.values()] == [0, 1, 2, 0]


async def test_a_replay_answers_the_same_whatever_the_order_of_batches(state: State):
    entries = [wanted(number, NOW + number // 3) for number in range(1, 12)]
    first = await Stamps(state, "influxdb").settle(entries)
    later = await Stamps(state, "influxdb").settle([*entries[5:], wanted(99)])

    assert {position: later[position] for position in first if position > 5} == {
        position: stamp for position, stamp in first.items() if position > 5
    }
    assert later[Position(99)].time not in {stamp.time for stamp in first.values()}


async def test_old_milliseconds_are_forgotten(state: State):
    await Stamps(state, "influxdb").settle([wanted(1)])
    await state.transact(lambda db: set_position(db, "influxdb", Position(1)))
    await Stamps(state, "influxdb").settle([wanted(2, recorded=NOW + 40 * 86_400_000)])
    await state.transact(lambda db: set_position(db, "influxdb", Position(2)))
    late = NOW + 40 * 86_400_000
    await Stamps(state, "influxdb").settle(
        [Wanted(position=Position(3), recorded=late, series=b"access", time=late)]
    )

    [row] = await state.query("SELECT count(*) FROM influx_times")
    assert row[0] == 2


async def test_an_end_without_a_known_start_is_written_alone(state: State):
    found = await Stamps(state, "influxdb").settle([wanted(5, occurrence="o", ends=True)])

    assert found[Position(5)] == Stamp(time=NOW, start=0, end=NOW)


async def test_a_step_before_the_end_does_not_know_the_end_in_a_replay(state: State):
    steps = [
        wanted(1, NOW, occurrence="o", begins=True),
        wanted(2, NOW + 5, occurrence="o"),
        wanted(3, NOW + 9, occurrence="o", ends=True),
        wanted(4, NOW + 12, occurrence="o", ends=True),
    ]
    first = await Stamps(state, "influxdb").settle(steps)
    again = await Stamps(state, "influxdb").settle(steps)

    assert again == first
    assert [stamp.end for stamp in first.values()] == [0, 0, NOW + 9, NOW + 9]
    assert [stamp.rewrite for stamp in first.values()] == [None, None, (b"access,site=hq", NOW), None]


# Two sinks ----------------------------------------------------------------------------------------------


async def confirm(state: State, sink: str, position: int) -> None:
    await state.transact(lambda db: set_position(db, sink, Position(position)))


@pytest.mark.parametrize("only", [lambda _: True, lambda number: number % 3], ids=["no filter", "a filter"])
async def test_a_sink_far_behind_writes_the_same_milliseconds_as_the_first(
    state: State, only: Callable[[int], object]
):
    """The first is 90 days ahead and forgets; the second comes entry by entry, and more is forgotten between."""
    day = 86_400_000
    both = ("first", "second")
    told = [
        wanted(number, NOW + number // 6 * day, b"series %d" % (number % 2), recorded=NOW + number // 6 * day)
        for number in range(1, 541)
    ]
    taken = [each for each in told if only(each.position)]
    first, second = (Stamps(state, sink, both) for sink in both)
    ahead: dict[Position, Stamp] = {}
    for start in range(0, len(told), 45):
        ahead |= await first.settle(told[start : start + 45])
        await confirm(state, "first", told[min(start + 44, len(told) - 1)].position)
    behind: dict[Position, Stamp] = {}
    for number, each in enumerate(taken):
        behind |= await second.settle([each])
        await first.settle([wanted(1000 + number, recorded=NOW + 90 * day)])
        if number % 2:  # killed before it is confirmed, and sent once more
            assert await second.settle([each]) == {each.position: behind[each.position]}
        await confirm(state, "second", each.position)

    assert behind == {position: stamp for position, stamp in ahead.items() if only(position)}
    instants = {(told[position - 1].series, stamp.time) for position, stamp in behind.items()}
    assert len(instants) == len(taken)


async def test_what_the_slowest_sink_has_passed_is_forgotten_after_a_month(state: State):
    day, both = 86_400_000, ("first", "second")
    first = Stamps(state, "first", both)
    for number in range(1, 80):
        await first.settle([wanted(number, NOW + number * day, recorded=NOW + number * day)])
        await confirm(state, "first", number)
    [before] = await state.query("SELECT count(*) FROM influx_times")
    await confirm(state, "second", 60)
    await first.settle([wanted(80, NOW + 80 * day, recorded=NOW + 80 * day)])
    [after] = await state.query("SELECT min(position) FROM influx_times")

    assert (before[0], after[0]) == (79, 60 - 31)


async def test_each_sink_gives_its_own_line_at_the_start_its_end(state: State):
    """One that was added in the middle has no such line, and must not write one that is nothing but an end."""
    begins, steps = wanted(1, occurrence="o", begins=True), wanted(2, NOW + 5, occurrence="o")
    ends = wanted(3, NOW + 9, occurrence="o", ends=True)
    first, late = Stamps(state, "influxdb", ("late",)), Stamps(state, "late", ("influxdb",))
    told = await first.settle([begins, steps, ends])
    in_the_middle = await late.settle([steps, ends])
    whole = await Stamps(state, "other").settle([begins, steps, ends])

    assert told[Position(3)].rewrite == (b"access,site=hq", NOW)
    assert in_the_middle[Position(3)] == Stamp(time=NOW + 9, start=NOW, end=NOW + 9)
    assert whole == told
    assert await late.settle([steps, ends]) == in_the_middle
