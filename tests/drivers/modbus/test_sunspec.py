"""Walking a SunSpec map: whatever a device answers, it ends, and nothing outside the map is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.modbus import MODBUS
from drivers.modbus.plan import Cost
from drivers.modbus.shared import shared_by
from drivers.modbus.sunspec import BASES, COMMON, Chain, Model, Models, Within, canonical, place, walk
from monitor.errors import SettingsError
from tests.drivers.modbus.chains import COST, END, SUNS, meter, shipped, with_address
from tests.drivers.modbus.site import device, point

METERS = Models(201, 204)


def never(_models):
    return False


def walked(answer, enough=never, bases=BASES):
    """What a walk finds, and what it asked for, when `answer` gives the registers or None."""
    walker, asked = walk(bases, enough), []
    ask = next(walker)
    while True:
        asked.append((ask.first, ask.size))
        try:
            ask = walker.send(answer(ask.first, ask.size))
        except StopIteration as found:
            return found.value, asked


def device_with(memory):
    """A device that refuses every request for what it does not have."""

    def answer(first, count):
        return [memory[at] for at in range(first, first + count)] if first + count - 1 in memory else None

    return lambda first, count: answer(first, count) if first in memory else None


def written(models, base, end=END):
    """The registers of a chain of (id, length)."""
    words = [*SUNS]
    for ident, length in models:
        words += [ident, length, *(at * 7919 % 65536 for at in range(length))]
    return dict(enumerate([*words, *end], base))


chains = st.lists(st.tuples(st.integers(1, 65534), st.integers(0, 200)), max_size=20)


@given(chains, st.sampled_from(BASES))
def test_every_chain_is_found_where_it_is_and_only_its_headers_are_read(models, base):
    chain, asked = walked(device_with(written(models, base)))

    assert chain.base == base
    assert [(model.ident, model.length) for model in chain.models] == models
    assert chain.flaw == ""
    ends = chain.models[-1].end if models else base + 2
    headers = [(model.first, 2) for model in chain.models]
    assert asked == [(each, 2) for each in BASES[: BASES.index(base) + 1]] + headers + [(ends, 2)]


@given(st.data())
def test_whatever_is_answered_the_walk_ends_and_stays_within_the_addresses(data):
    words = st.one_of(st.sampled_from([0, 1, 0xFFFF, 0xFFFE, *SUNS]), st.integers(0, 65535))

    def answer(first, count):
        if first in BASES and data.draw(st.booleans()):
            return SUNS
        return data.draw(st.none() | st.lists(words, min_size=count, max_size=count))

    chain, asked = walked(answer)

    assert len(asked) <= len(BASES) + 66
    assert all(first >= 0 and count >= 1 and first + count <= 65536 for first, count in asked)
    assert all(model.end <= 65534 for model in chain.models)
    assert [model.first for model in chain.models[1:]] == [model.end for model in chain.models[:-1]]


@pytest.mark.parametrize(
    ("models", "end", "kept", "flaw"),
    [
        ([(1, 66), (203, 105)], (0, 0), 2, "there is no model at holding 40177"),
        ([(1, 66), (203, 65000)], END, 1, "there is no model at holding 40070"),
        ([(5, 0)] * 100, END, 64, "it has no end after 64 models"),
        ([(1, 66), (203, 105)], (), 2, "holding 40177 is refused"),
        ([(1, 66), (203, 105)], (0xFFFF,), 2, ""),  # an end without a length
    ],
)
def test_a_chain_without_a_proper_end_keeps_what_was_found_before(models, end, kept, flaw):
    chain, _ = walked(device_with(written(models, 40000, end)))

    assert len(chain.models) == kept
    assert chain.flaw == flaw


def test_a_device_without_a_map_is_asked_at_each_candidate_and_no_further():
    for answer in (lambda _first, _count: None, lambda _first, count: [0] * count):
        assert walked(answer) == (Chain(None), [(base, 2) for base in BASES])


def test_the_walk_ends_when_it_has_what_is_wanted():
    memory = device_with(written([(1, 66), (103, 50), (203, 105), (160, 80)], 0))

    chain, asked = walked(memory, lambda models: len(place(models, [COMMON, METERS], 1).models) == 2)

    assert asked == [(40000, 2), (50000, 2), (0, 2), (2, 2), (70, 2), (122, 2)]
    assert [model.ident for model in chain.models] == [1, 103, 203]


# Placing -----------------------------------------------------------------------------------------------------

CHAIN = tuple(
    Model(ident, first, 10) for first, ident in zip(range(2, 200, 12), (1, 103, 1, 203, 1, 201, 204), strict=False)
)


@pytest.mark.parametrize(
    ("instance", "meter_at", "common_at"), [(1, 38, 26), (2, 62, 50), (3, 74, 50), (4, None, None)]
)
def test_the_nth_meter_that_fits_is_meant_and_the_common_model_before_it(instance, meter_at, common_at):
    places = place(CHAIN, [METERS, COMMON], instance)

    assert getattr(places.find(METERS), "first", None) == meter_at
    assert getattr(places.find(COMMON), "first", None) == common_at


def test_without_a_meter_the_nth_common_model_is_meant():
    assert [getattr(place(CHAIN, [COMMON], n).find(COMMON), "first", None) for n in (1, 2, 3, 4)] == [
        2,
        26,
        50,
        None,
    ]


@given(chains, st.integers(1, 3), st.integers(0, 300), st.integers(1, 4))
def test_no_value_is_placed_outside_its_model(models, instance, offset, size):
    chain, _ = walked(device_with(written([(1, 66), *models, (203, 105)], 0)))
    places = place(chain.models, [METERS, COMMON], instance)

    for wanted, model in places.models:
        address = places.address(Within(wanted, offset), size)
        assert wanted.fits(model.ident)
        assert (address is None) == (offset + size > model.size)
        assert address is None or model.first <= address <= model.end - size


@given(st.integers(1, 4))
def test_a_planned_device_has_what_is_wanted(instance):
    for of in (shipped("sunspec-meter", instance=instance), shipped("sunspec-meter-float", instance=instance)):
        scans = shared_by(of, COST).scans
        named = {name for scan in scans.values() for decoder in scan.decoders for name in decoder.names}

        assert named >= of.points.keys()
        assert [len(scans[scan].decoders) for scan in ("fast", "once")] == [1, 1]


def test_models_that_nobody_knows_are_planned_as_long_as_the_points_need():
    assert canonical({Models(64001, 64001): 30}, 1)[-1] == Model(64001, 40070, 28)


# Spelling ----------------------------------------------------------------------------------------------------


def test_a_point_names_models_and_an_offset():
    read = MODBUS.point_model.model_validate({"register": "sunspec 201-204 18", "type": "int16"})

    assert read.where == Within(Models(201, 204), 18)
    assert read.table == "holding"


@pytest.mark.parametrize(
    ("register", "more", "told"),
    [
        ("sunspec 201-204", {}, "how many registers it lies behind their id"),
        ("sunspec W 18", {}, "how many registers it lies behind their id"),
        ("sunspec 204-201 18", {}, "the lower number first"),
        ("sunspec 0 18", {}, "from 1 to 65534"),
        ("sunspec 65535 18", {}, "from 1 to 65534"),
        ("sunspec 20-204 18", {}, "10 at most"),
        ("sunspec 201-204 107", {}, "beyond the SunSpec model 201-204: its last register has the offset 106"),
        ("sunspec 211-214 125", {"type": "float32"}, "its last register has the offset 125"),
        ("sunspec 1 60", {"type": "string:32"}, "its last register has the offset 67"),
        ("sunspec 201-204 18", {"scale_register": "holding 22"}, "in the same SunSpec model"),
        ("sunspec 201-204 18", {"scale_register": "sunspec 203 22"}, "in the same SunSpec model"),
        ("holding 18", {"scale_register": "sunspec 203 22"}, "in the same SunSpec model"),
        ("sunspec 201-204 18", {"scale_register": "sunspec 201-204 107"}, "beyond the SunSpec model"),
        ("meter 18", {}, "or a SunSpec model and an offset"),
    ],
)
def test_a_wrong_spelling_is_told(register, more, told):
    with pytest.raises(ValidationError, match=told):
        MODBUS.point_model.model_validate({"register": register, "type": "int16"} | more)


def test_an_instance_of_nothing_is_a_mistake():
    plain = device(point("power_w", register="holding 0", type="int16"))

    with pytest.raises(SettingsError, match="`instance` counts SunSpec meters"):
        shared_by(with_address(plain, instance=2), COST)


FAR = point(
    "reactive_energy_import_kvarh",
    type="uint32",
    register="sunspec 201-204 72",
    scale_register="sunspec 201-204 104",
)


def planned(of, cost):
    """Requests as (offset in the meter's model, count)."""
    (scan,) = shared_by(of, cost).scans.values()
    return [(decoder.block.first - 40070, decoder.block.count) for decoder in scan.decoders]


def test_value_and_scale_register_are_read_in_one_request_though_two_are_quicker():
    assert planned(device(FAR), Cost(request=1, register=5)) == [(0, 2), (72, 33)]


def test_a_scale_register_that_one_request_cannot_carry_too_is_read_all_the_same():
    narrow = device(FAR, profile={"max_registers": 20})

    assert planned(narrow, COST) == [(0, 2), (72, 2), (104, 1)]


def test_id_and_length_are_read_with_the_values():
    assert planned(meter(), COST) == [(0, 23)]
