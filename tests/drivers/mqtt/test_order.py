from drivers.mqtt.order import in_event_time
from monitor.model import Reading
from monitor.ports import Batch


def batch(device: str, time: int, number: float = 0.0) -> Batch:
    return Batch(entries=[Reading(device=device, time=time, arrived=0, values={"n": number})])


def test_what_is_in_order_stays_as_it_is():
    batches = [batch("a", 1), batch("b", 1), batch("a", 1), batch("a", 2)]

    assert in_event_time(batches) is batches


def test_a_backlog_is_put_in_the_order_it_happened_per_device():
    batches = [batch("a", 3), batch("b", 9), batch("a", 1), batch("b", 10), batch("a", 2), batch("a", 2, 1.0)]

    ordered = in_event_time(batches)

    assert [one.entries[0].device for one in ordered] == ["a", "b", "a", "b", "a", "a"]
    assert [one.entries[0].time for one in ordered if one.entries[0].device == "a"] == [1, 2, 2, 3]
    assert ordered[4].entries[0].values == {"n": 1.0}
    assert [one.entries[0].time for one in ordered if one.entries[0].device == "b"] == [9, 10]
