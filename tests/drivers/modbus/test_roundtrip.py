"""Every type in every order goes through a real socket bit for bit, from our own server and from libmodbus."""

import string
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.modbus.encode import contents
from drivers.modbus.layout import BIT_TABLES, ORDERS, Field
from monitor.simulation.modbus import SimulatedBus, Unit
from tests.drivers.modbus.site import device, driver, point

RANGES = {f"{sign}int{bits}": bits for bits in (16, 32, 64) for sign in ("", "u")}


def whole(kind):
    bits = RANGES[kind]
    return st.integers(0, 2**bits - 1) if kind[0] == "u" else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


VALUES = {
    **{kind: whole(kind) for kind in RANGES},
    **{f"float{bits}": st.floats(width=bits, allow_nan=False, allow_infinity=False) for bits in (16, 32, 64)},
    "bcd16": st.integers(0, 9999),
    "bcd32": st.integers(0, 99999999),
    "bool": st.booleans(),
    "string:9": st.text(string.ascii_letters + string.digits, max_size=9),
}
CASES = [(kind, order) for kind in VALUES for order in ORDERS]
UNTROUBLED = (HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow)
"""Values that a type cannot hold exactly are filtered out, and a loaded machine draws them slowly."""
SAMPLES = st.fixed_dictionaries(
    {f"p{number}": VALUES[kind] for number, (kind, _) in enumerate(CASES)}
    | {"coil": st.booleans(), "contact": st.booleans()}
)
"""Values for every point of the device below."""


def every_case():
    """One device with a point for each type in each order, and one for each table."""
    points = []
    at = {"holding": 0, "input": 0}
    for number, (kind, order) in enumerate(CASES):
        table = "holding" if number % 2 else "input"
        each = point(f"p{number}", register=f"{table} {at[table]}", type=kind, order=order)
        at[table] += each.source.size
        points.append(each)
    points += [point("coil", register="coil 17"), point("contact", register="discrete 9")]
    return device(*points)


def same(one, other):
    """Equal in type and in every bit."""
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return type(one) is type(other) and one == other


@settings(deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_encoding_is_the_inverse_of_decoding(case, data):
    kind, order = case
    of = Field.of(point("quantity", register="holding 0", type=kind, order=order), None)
    value = data.draw(VALUES[kind])

    words = contents(of, value)

    assert len(words) == of.span.size
    swap, ends = ORDERS[of.order]
    if kind.startswith("float"):
        content = b"".join(word.to_bytes(2, "little" if swap else "big") for word in words)
        (back,) = struct.unpack(ends + {"16": "e", "32": "f", "64": "d"}[kind[5:]], content)
        assert same(back, value)


@pytest.mark.parametrize(("kind", "value"), [("uint16", 65536), ("int16", 1e9), ("bcd16", 10000), ("uint32", -1)])
def test_a_value_that_does_not_fit_is_refused(kind, value):
    of = Field.of(point("quantity", register="holding 0", type=kind), None)

    with pytest.raises(ValueError, match="does not fit"):
        contents(of, value)


@settings(max_examples=15, deadline=None, suppress_health_check=UNTROUBLED)
@given(SAMPLES)
async def test_every_type_in_every_order_comes_back_from_the_simulated_bus(values):
    meter = every_case()
    unit = Unit(meter)
    bus = SimulatedBus({1: unit})
    modbus = driver(await bus.start(), meter, timeout="5 s")
    for name, value in values.items():
        unit.put(name, value)

    answer = await modbus.read("meter", "fast")

    await modbus.close()
    await bus.stop()
    assert answer.missing == {}
    assert [name for name in values if not same(answer.values[name], values[name])] == []


@settings(max_examples=15, deadline=None, suppress_health_check=UNTROUBLED)
@given(SAMPLES)
async def test_every_type_in_every_order_comes_back_from_libmodbus(libmodbus, values):
    meter = every_case()
    modbus = driver(libmodbus.port, meter, timeout="5 s")
    for name, value in values.items():
        of = Field.of(meter.points[name], None)
        libmodbus.set(of.span.table, of.span.first, contents(of, value))

    answer = await modbus.read("meter", "fast")

    await modbus.close()
    assert answer.missing == {}
    assert [name for name in values if not same(answer.values[name], values[name])] == []


@pytest.mark.parametrize("table", sorted(BIT_TABLES))
async def test_bits_far_apart_come_back_from_libmodbus(libmodbus, table):
    addresses = [0, 7, 8, 1999, 2000, 65535]
    meter = device(*(point(f"open_{at}", register=f"{table} {at}") for at in addresses))
    libmodbus.set(table, 1999, [1])
    libmodbus.set(table, 65535, [1])
    modbus = driver(libmodbus.port, meter)

    answer = await modbus.read("meter", "fast")

    assert answer.values == {f"open_{at}": at in (1999, 65535) for at in addresses}
    await modbus.close()


def test_a_scale_register_that_scales_nothing_holds_no_value():
    of = Field.of(point("power_w", register="holding 0", type="int16", scale_register="holding 1"), None)

    with pytest.raises(ValueError, match="scales nothing"):
        contents(of, 1.0, exponent=18000)
