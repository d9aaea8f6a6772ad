from monitor.journal.state import State
from monitor.model import Position
from monitor.sinks.influxdb.lines import Stamp, Wanted
from monitor.sinks.influxdb.stamps import settle
from tests.sinks.site import NOW


def wanted(position: int, time: int = NOW, series: bytes = b"access,site=hq", **more: object) -> Wanted:
    return Wanted(position=Position(position), recorded=NOW, series=series, time=time, **more)  # type: ignore[arg-type]


async def test_each_entry_of_a_series_has_a_millisecond_of_its_own(state: State):
    found = await settle(state, [wanted(1), wanted(2, NOW + 1), wanted(3), wanted(4, series=b"other")])

    assert [stamp.time - NOW for stamp in found.values()] == [0, 1, 2, 0]


async def test_a_replay_answers_the_same_whatever_the_order_of_batches(state: State):
    entries = [wanted(number, NOW + number // 3) for number in range(1, 12)]
    first = await settle(state, entries)
    later = await settle(state, [*entries[5:], wanted(99)])

    assert {position: later[position] for position in first if position > 5} == {
        position: stamp for position, stamp in first.items() if position > 5
    }
    assert later[Position(99)].time not in {stamp.time for stamp in first.values()}


async def test_old_milliseconds_are_forgotten(state: State):
    await settle(state, [wanted(1)])
    late = NOW + 40 * 86_400_000
    await settle(state, [Wanted(position=Position(2), recorded=late, series=b"access", time=late)])

    [row] = await state.query("SELECT count(*) FROM influx_times")
    assert row[0] == 1


async def test_an_end_without_a_known_start_is_written_alone(state: State):
    found = await settle(state, [wanted(5, occurrence="o", ends=True)])

    assert found[Position(5)] == Stamp(time=NOW, start=0, end=NOW)


async def test_a_step_before_the_end_does_not_know_the_end_in_a_replay(state: State):
    steps = [
        wanted(1, NOW, occurrence="o", begins=True),
        wanted(2, NOW + 5, occurrence="o"),
        wanted(3, NOW + 9, occurrence="o", ends=True),
        wanted(4, NOW + 12, occurrence="o", ends=True),
    ]
    first = await settle(state, steps)
    again = await settle(state, steps)

    assert again == first
    assert [stamp.end for stamp in first.values()] == [0, 0, NOW + 9, NOW + 9]
    assert [stamp.rewrite for stamp in first.values()] == [None, None, (b"access,site=hq", NOW), None]
