import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.sparkplug.wire import MOST_METRICS, Unusable, decode, name_of, value_of
from tests.drivers.mqtt.sparkplug.node import GOLDEN, NOW, metric, payload


def read(raw: bytes, datatype: int = 0) -> object:
    decoded = decode(payload(raw))
    assert decoded is not None
    return value_of(decoded.metrics[0], datatype)


def test_what_another_implementation_wrote_is_read():
    birth = decode(GOLDEN["DBIRTH"])

    assert birth is not None
    assert (birth.timestamp, birth.seq) == (NOW + 10, 1)
    assert [(name_of(each), each.alias, value_of(each, 0)) for each in birth.metrics] == [
        ("Power", 1, 1234.5),
        ("Energy", 2, 2**40),
        ("Outdoor", 3, -5),
        ("Inputs/A", 4, True),
        ("Mode", 5, "auto"),
        ("Level", 6, 2.5),
        ("Reactive", 7, -12),
        ("Table", 8, Unusable.NONE),
        ("Spare", 9, None),
    ]


@pytest.mark.parametrize(
    ("datatype", "sent", "value"),
    [
        (1, 0xFB, -5),
        (1, 0xFFFFFFFB, -5),
        (2, 0xFFFE, -2),
        (3, 0x7FFFFFFF, 2**31 - 1),
        (3, 0x80000000, -(2**31)),
        (4, 2**64 - 1, -1),
        (7, 0xFFFFFFFF, 2**32 - 1),
        (8, 2**64 - 1, 2**64 - 1),
        (13, 1_795_766_400_000, 1_795_766_400_000),
        (0, 17, 17),
        (0, 2**63, Unusable.NONE),
    ],
)
def test_an_integer_has_the_sign_of_its_data_type(datatype: int, sent: int, value: object):
    assert read(metric("x", sent), datatype) == value
    assert read(metric("x", sent, datatype=datatype or None)) == value


@pytest.mark.parametrize(("quality", "good"), [(192, True), (0, False), (500, False), (None, True)])
def test_a_value_that_its_sender_calls_bad_is_none(quality: int | None, *, good: bool):
    assert read(metric("x", 1.5, quality=quality)) == (1.5 if good else Unusable.BAD)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff" * 100,
        b"\x12\x05ab",
        b"\x0b" * 10_000,
        b"\x12\x02\x0a\xff",
        b"not protobuf",
        payload(uuid="SPBV1.0_COMPRESSED"),
    ],
)
def test_what_is_no_payload_is_none(raw: bytes):
    assert decode(raw) is None


def test_texts_that_are_no_text_cost_themselves():
    decoded = decode(payload(metric(b"\xff\xfe", 1.0), metric("mode", b"\xff"), metric("x" * 2000, 1.0)))

    assert decoded is not None
    assert [name_of(each) for each in decoded.metrics] == ["\ufffd\ufffd", "mode", ""]
    assert value_of(decoded.metrics[1], 0) == "\ufffd"


def test_no_more_metrics_are_looked_at_than_a_node_can_have():
    decoded = decode(b"\x12\x00" * 130_000)

    assert decoded is not None
    assert len(decoded.metrics) == MOST_METRICS


@given(st.binary(max_size=300))
def test_nothing_that_is_sent_raises(raw: bytes):
    decoded = decode(raw)
    for each in decoded.metrics if decoded is not None else ():
        name_of(each)
        value_of(each, 3)
