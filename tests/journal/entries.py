"""Entries for the tests of the journal: plain builders, and hypothesis strategies for every kind."""

from hypothesis import strategies as st

from monitor.model import Command, Derived, Event, Missing, Origin, Quality, Reading, Transition, Value

_ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
_times = st.integers(-(2**63), 2**63 - 1)
_texts = st.text()
_values: st.SearchStrategy[Value] = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(),
    st.floats(allow_nan=False),
    _texts,
)
_mappings = st.dictionaries(_texts, _values, max_size=5)

readings = st.builds(
    Reading,
    device=_ids,
    time=_times,
    arrived=_times,
    values=_mappings,
    missing=st.dictionaries(_texts, st.sampled_from(Missing), max_size=3),
    quality=st.sampled_from(Quality),
    origin=st.sampled_from(Origin),
    late=st.booleans(),
)
events = st.builds(Event, device=_ids, kind=_ids, time=_times, arrived=_times, id=_texts, attributes=_mappings)
derived = st.builds(
    Derived,
    producer=_ids,
    key=_texts,
    device=_ids,
    time=_times,
    measurement=_ids,
    values=_mappings,
    quality=st.sampled_from(Quality),
    attributes=st.dictionaries(_texts, _texts, max_size=3),
)
transitions = st.builds(
    Transition,
    occurrence=_ids,
    number=st.integers(0, 1000),
    rule=_ids,
    device=_ids,
    source_key=_texts,
    cause=_ids,
    condition=_ids,
    response=_ids,
    suppression=st.lists(_ids, max_size=3).map(tuple),
    severity=_ids,
    value=st.none() | st.floats(allow_nan=False),
    limit=st.none() | st.floats(allow_nan=False),
    time=_times,
    late=st.booleans(),
    by=_texts,
    reason=_texts,
    rule_version=_texts,
)
commands = st.builds(
    Command,
    id=_ids,
    time=_times,
    by=_texts,
    kind=_ids,
    target=_ids,
    arguments=st.dictionaries(_texts, _texts | st.floats(allow_nan=False), max_size=3),
    reason=_texts,
)
entries = st.one_of(readings, events, derived, transitions, commands)


def reading(device: str = "meter", time: int = 1000, origin: Origin = Origin.POLL, **values: Value) -> Reading:
    return Reading(device=device, time=time, arrived=time, values=values or {"power_w": 1.5}, origin=origin)


def event(id: str = "1", device: str = "door", time: int = 1000, kind: str = "opened") -> Event:  # noqa: A002
    return Event(device=device, kind=kind, time=time, arrived=time, id=id)


def derive(key: str = "a", time: int = 1000, producer: str = "health") -> Derived:
    return Derived(
        producer=producer, key=key, device="meter", time=time, measurement="device_health", values={"up": True}
    )


def transition(number: int = 1, occurrence: str = "o1") -> Transition:
    return Transition(
        occurrence=occurrence,
        number=number,
        rule="undervoltage",
        device="meter",
        source_key="meter/voltage_l1_v",
        cause="raised",
        condition="active",
        response="unacked",
        severity="high",
        value=201.5,
        limit=207.0,
        time=1000,
    )
