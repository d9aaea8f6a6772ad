"""Decoding: what is present is exact, what is absent has a reason, and the fast way is the slow way."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.modbus.decode import BlockDecoder, Decoded, finish, judge
from drivers.modbus.layout import ORDERS, Field
from drivers.modbus.plan import Block, Cost, Limits, plan
from drivers.modbus.settings import ProfileModel
from monitor.model import Missing
from tests.drivers.modbus.site import point

NUMBERS = ["int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]
ALL = [*NUMBERS, "bcd16", "bcd32", "string:6", "bool"]


def decode(points, words, *, order="ABCD", table="holding"):
    """Decode one block from address 0 on that holds `words`."""
    fields = [Field.of(each, ProfileModel(order=order)) for each in points]
    spans = {of.span for of in fields} | {of.exponent for of in fields if of.exponent}
    block = Block(table, 0, len(words), tuple(sorted(spans)))
    decoded = Decoded()
    BlockDecoder(block, fields).decode(struct.pack(f">{len(words)}H", *words), decoded)
    finish(decoded)
    return decoded


def one(words, *, name="power_w", order="ABCD", **written):
    """Decode one point: its value, or why there is none."""
    scaling = {key: written.pop(key) for key in ("factor", "divisor", "offset") if key in written}
    decoded = decode([point(name, register="holding 0", **scaling, **written)], words, order=order)
    return decoded.missing.get(name) or decoded.values[name]


# What is absent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("uint16", [0x7FFF]),
        ("int16", [0x7FFF]),
        ("uint32", [0, 0x7FFF]),
        ("float32", [0, 0x7FFF]),
        ("bcd16", [0x7FFF]),
    ],
)
def test_a_sentinel_is_compared_with_the_raw_registers(kind, words):
    assert one(words, type=kind, sentinels=[0x7FFF], divisor=10.0) is Missing.SENTINEL


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ([0, 0x7FFF], Missing.SENTINEL),
        ([0xFFFF, 0x7FFF], Missing.SENTINEL),
        ([0x1234, 0x7FFF], Missing.SENTINEL),
        ([0xFFFF, 0x7FFE], 214741811.1),
        ([0, 0x8000], -214748364.8),
    ],
)
def test_a_range_of_sentinels_has_both_its_ends(words, value):
    judged = one(words, type="int32", order="CDAB", sentinels=[[0x7FFF0000, 0x7FFFFFFF]], divisor=10.0)

    assert judged is value or judged == pytest.approx(value)


def test_a_negative_sentinel_is_written_as_its_unsigned_contents():
    assert one([0xFFFF], type="int16", sentinels=[0xFFFF]) is Missing.SENTINEL


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("valid", [None, [0, 500]])
def test_nan_and_infinity_are_no_numbers(number, valid):
    words = struct.unpack(">2H", struct.pack(">f", number))

    assert one(words, type="float32", valid=valid) is Missing.NAN


@pytest.mark.fault(
    "odd value",
    part="Modbus",
    outcome="A value outside its valid range is missing, with the reason out of range.",
)
def test_a_value_outside_its_range_is_missing_and_its_bounds_are_inside():
    assert one([501], type="uint16", valid=[0, 50], divisor=10.0) is Missing.OUT_OF_RANGE
    assert one([500], type="uint16", valid=[0, 50], divisor=10.0) == 50.0


def test_a_value_that_overflows_when_it_is_scaled_is_missing():
    words = struct.unpack(">4H", struct.pack(">d", 1e308))

    assert one(words, type="float64", factor=1e10) is Missing.OUT_OF_RANGE


@pytest.mark.parametrize("words", [[0x12A4], [0xFFFF]])
def test_a_digit_above_nine_is_no_bcd(words):
    assert one(words, type="bcd16") is Missing.UNDECODABLE


def test_what_the_map_does_not_name_is_undecodable():
    table = {0: "off", 1: "on"}

    assert one([1], name="mode", type="uint16", map=table) == "on"
    assert one([2], name="mode", type="uint16", map=table) is Missing.UNDECODABLE


def test_a_text_of_control_characters_is_undecodable():
    assert one([0x4101, 0x4242], name="serial", type="string:4") is Missing.UNDECODABLE
    assert one([0xFFFE, 0x4242], name="serial", type="string:4") is Missing.UNDECODABLE


def test_one_odd_value_of_a_column_leaves_its_neighbours_alone():
    points = [point(f"power_l{n}_w", register=f"holding {2 * n - 2}", type="float32") for n in (1, 2, 3)]
    words = struct.unpack(">6H", struct.pack(">3f", 1.5, math.nan, 2.5))

    decoded = decode(points, words)

    assert decoded.values == {"power_l1_w": 1.5, "power_l3_w": 2.5}
    assert decoded.missing == {"power_l2_w": Missing.NAN}


# What is present ------------------------------------------------------------------------------------------


def test_a_point_with_a_unit_is_always_a_float_and_one_without_keeps_its_whole_number():
    assert repr(one([7], name="power_w", type="uint16")) == "7.0"
    assert repr(one([7], name="starts", type="uint16")) == "7"
    assert repr(one([7], name="pf", type="int16", divisor=1000.0)) == "0.007"
    assert repr(one([1], name="power_w", type="uint16", map={1: 40})) == "40.0"


def test_a_division_is_exact_where_a_product_is_not():
    assert one([0, 0, 0x000D, 0x1290], name="energy_import_kwh", type="int64", divisor=100.0) == 8567.2


def test_a_state_takes_its_polarity_from_the_map():
    for bit, expected in ((0, True), (1, False)):
        value = one([bit << 3], name="open", type="bool", bit=3, map={0: True, 1: False})
        assert value is expected


def test_any_register_that_is_not_zero_is_true():
    assert one([0], name="running", type="bool") is False
    assert one([0xFF00], name="running", type="bool") is True


def test_bits_of_one_register_are_points_of_their_own():
    points = [point(f"alarm_{n}", register="holding 0", bit=n) for n in range(16)]

    decoded = decode(points, [0b1010_0000_0000_0001])

    assert [n for n in range(16) if decoded.values[f"alarm_{n}"]] == [0, 13, 15]


def test_bits_of_coils_lie_lowest_first():
    fields = [Field.of(point(f"open_{n}", register=f"coil {n}"), None) for n in (2, 9)]
    decoder = BlockDecoder(Block("coil", 2, 8, tuple(of.span for of in fields)), fields)
    decoded = Decoded()

    decoder.decode(bytes([0b1000_0000]), decoded)

    assert decoder.size == 1
    assert decoded.values == {"open_2": False, "open_9": True}


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x0A0B, 0x0C0D]),
        ("CDAB", [0x0C0D, 0x0A0B]),
        ("BADC", [0x0B0A, 0x0D0C]),
        ("DCBA", [0x0D0C, 0x0B0A]),
    ],
)
def test_an_order_names_the_places_of_the_bytes(order, words):
    assert one(words, name="counter", type="uint32", order=order) == 0x0A0B0C0D


def test_a_text_keeps_its_registers_in_sequence_in_every_order():
    assert one([0x4142, 0x4300], name="serial", type="string:4", order="CDAB") == "ABC"
    assert one([0x4241, 0x0043], name="serial", type="string:4", order="DCBA") == "ABC"


def test_a_text_of_an_odd_number_of_bytes_leaves_the_last_byte_of_its_registers():
    assert one([0x4142, 0x4301], name="serial", type="string:3") == "ABC"
    assert one([0x4241, 0x0143], name="serial", type="string:3", order="DCBA") == "ABC"


# Scale registers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [
        (0xFFFE, 123.45),
        (0, 12345.0),
        (2, 1234500.0),
        (0x8000, Missing.SENTINEL),
        (11, Missing.UNDECODABLE),
        (0x8001, Missing.UNDECODABLE),
    ],
)
def test_a_scale_register_is_a_signed_power_of_ten(exponent, expected):
    assert one([12345, exponent], type="uint16", scale_register="holding 1") == expected


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x3039, 0xFFFE]),
        ("CDAB", [0x3039, 0xFFFE]),
        ("BADC", [0x3930, 0xFEFF]),
        ("DCBA", [0x3930, 0xFEFF]),
    ],
)
def test_a_scale_register_has_the_byte_order_of_its_device(order, words):
    assert one(words, type="uint16", scale_register="holding 1", order=order) == 123.45


def test_a_scale_register_that_was_not_read_leaves_its_point_missing():
    of = Field.of(point("power_w", register="holding 0", type="int16", scale_register="holding 900"), None)
    first, second = (BlockDecoder(Block.around([span]), [of]) for span in (of.span, of.exponent))
    decoded = Decoded()

    first.decode(b"\0\1", decoded)
    second.fail(Missing.TIMEOUT, decoded)
    finish(decoded)

    assert decoded.values == {}
    assert decoded.missing == {"power_w": Missing.TIMEOUT}


# The fast way ---------------------------------------------------------------------------------------------


@st.composite
def any_points(draw):
    points = []
    for n in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(ALL))
        written = {"register": f"holding {draw(st.integers(0, 40))}", "type": kind}
        if draw(st.booleans()):
            written["order"] = draw(st.sampled_from(sorted(ORDERS)))
        if kind in NUMBERS and draw(st.booleans()):
            written["sentinels"] = draw(st.lists(st.sampled_from([0, 1, 0x7FFF, 0xFFFF]), max_size=2))
        if draw(st.booleans()):
            written["valid"] = draw(st.sampled_from([[0, 500], [-1e9, 1e9]]))
        scaling = draw(
            st.sampled_from([{}, {"factor": 0.1}, {"factor": 1000.0}, {"divisor": 100.0}, {"offset": -40.0}])
        )
        points.append(point(f"p{n}{draw(st.sampled_from(['', '_w']))}", **written, **scaling))
    return points


WORDS = st.lists(st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7F80, 0x1234]) | st.integers(0, 65535))


@settings(deadline=None)
@given(any_points(), st.sampled_from(sorted(ORDERS)), st.data())
def test_the_fast_way_answers_bit_for_bit_what_judging_one_by_one_does(points, order, data):
    words = data.draw(st.lists(WORDS.map(lambda w: w[0] if w else 0), min_size=45, max_size=45))
    content = struct.pack(">45H", *words)
    fields = [Field.of(each, ProfileModel(order=order)) for each in points]

    decoded = decode(points, words, order=order)

    for of in fields:
        swap, ends = ORDERS[of.order]
        at, end = 2 * of.span.first, 2 * of.span.end
        registers = [content[i : i + 2] for i in range(at, end, 2)]
        if swap:
            registers = [pair[::-1] for pair in registers]
        bits = b"".join(registers)
        if not of.source.is_text:
            bits = int.from_bytes(bits, "big" if ends == ">" else "little")
        name = of.point.name
        assert repr(decoded.missing.get(name, decoded.values.get(name))) == repr(judge(of, bits))
        assert (name in decoded.missing) != (name in decoded.values)


@settings(deadline=None)
@given(any_points(), st.data())
def test_blocks_together_give_each_point_once(points, data):
    fields = [Field.of(each, None) for each in points]
    limits = Limits(max_registers=data.draw(st.integers(4, 20)))

    decoders = [
        BlockDecoder(block, fields)
        for block in plan([of.span for of in fields], limits, Cost(request=5, register=0.1))
    ]

    assert sorted(name for each in decoders for name in each.names) == sorted(each.name for each in points)
