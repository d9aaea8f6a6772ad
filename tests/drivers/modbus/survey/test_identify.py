"""`identify` against meters that it has not seen: images by the makers' tables, noise, and nothing at all."""

import asyncio
import json
import random
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from drivers.modbus.survey.identify import MOST_REQUESTS, Progress, identify
from drivers.modbus.survey.verdict import Certainty, Identified
from monitor.errors import DeviceUnreachable, RequestRefused
from monitor.wording import verbatim
from tests.drivers.modbus.survey.images import AnswersNo, Image, Network, Unit
from tests.drivers.modbus.survey.meters import METERS, N, _abb, dtsu666, sdm630
from tests.drivers.modbus.survey.models import shipped
from tests.examples import examples

PROFILES = {candidate.id for candidate in shipped()}
DOUBTFUL = {candidate.id for candidate in shipped() if candidate.experimental}
UNSURE = {"kbr-f144", "xintai-water", "pzem-016", "dzg-dvh4013"}
"""Models of which too little is known to be sure by values alone."""
SHORT_LISTS = {"siemens-pac3200"}
"""Models that stand on a short list: variants of one map differ in a few points only."""


async def found(unit: Unit, **wishes: object) -> Identified:
    return await identify(unit, 1, shipped(), **wishes)  # type: ignore[arg-type]


def names(answer: Identified) -> list[str]:
    verdicts = [] if answer.best is None else [answer.best, *(rival.verdict for rival in answer.rivals)]
    return [verdict.candidate.id for verdict in verdicts]


def told(answer: Identified) -> str:
    return "\n".join(reason.text for reason in (answer.best.reasons if answer.best else ()))


# Meters --------------------------------------------------------------------------------------------------


@cache
def _known(model: str) -> tuple[Unit, Identified]:
    """What is found of a meter as it is, and the meter, which knows what it was asked."""
    unit = METERS[model]()
    return unit, asyncio.run(found(unit))


@pytest.mark.parametrize("model", [name for name in METERS if name in PROFILES])
def test_a_meter_is_found_by_what_it_holds(model: str) -> None:
    unit, answer = _known(model)

    fits = names(answer) if model in SHORT_LISTS else names(answer)[:1]
    assert model in fits, (names(answer), told(answer))
    assert len(unit.asked) <= MOST_REQUESTS
    assert len(unit.asked) == answer.seen.requests


@pytest.mark.parametrize("model", [name for name in METERS if name in PROFILES])
def test_what_is_sure_is_right_and_what_is_doubtful_is_never_sure(model: str) -> None:
    _, answer = _known(model)

    profile = model.partition("/")[0]
    if profile in UNSURE or model in DOUBTFUL:
        assert answer.certainty in {Certainty.LIKELY, Certainty.POSSIBLE}
    elif {name.partition("/")[0] for name in names(answer)} == {profile} and len(names(answer)) > 1:
        assert answer.certainty in {Certainty.SURE, Certainty.LIKELY}
    else:
        assert answer.certainty is Certainty.SURE, (names(answer), told(answer))


@pytest.mark.parametrize("elsewhere", ["zero", "refused"])
@pytest.mark.parametrize("model", [name for name in METERS if name in PROFILES])
async def test_a_meter_is_found_whatever_it_does_with_other_registers(model: str, elsewhere: str) -> None:
    unit = METERS[model]()
    for image in unit.tables.values():
        if image is not None:
            image.elsewhere = elsewhere

    answer = await found(unit)

    assert model.partition("/")[0] in {name.partition("/")[0] for name in names(answer)[:1]}, told(answer)


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("model", [name for name in METERS if name in PROFILES])
async def test_a_meter_whose_addresses_are_all_one_off_is_possible_at_most(model: str, by: int) -> None:
    unit = METERS[model]()
    for image in {id(each): each for each in unit.tables.values() if each is not None}.values():
        image.words = {at + by: word for at, word in image.words.items() if 0 <= at + by <= 0xFFFF}
    unit.single = {at + by: word for at, word in unit.single.items()}

    answer = await found(unit)

    assert answer.certainty in {Certainty.NONE, Certainty.POSSIBLE}, (names(answer), told(answer))


async def test_whole_numbers_are_not_taken_for_floats_at_the_same_addresses() -> None:
    floats, whole = await found(METERS["eastron-sdm630"]()), await found(METERS["eltako-dsz15"]())

    assert not any(name.startswith("eltako") for name in names(floats))
    assert names(whole) == ["eltako-dsz15"]
    assert "229.8, 231.4, 230.6 V from input 0 on as float32 ABCD" in told(floats)
    assert "229.8, 231.4, 230.6 V from input 0 on as uint32 ABCD" in told(whole)


async def test_a_mark_tells_models_with_the_same_registers_apart() -> None:
    three, one, other = await found(_abb("B23 ")), await found(_abb("B21 ", phases=1)), await found(_abb("C11 "))

    assert (names(three)[0], three.certainty) == ("abb-b23", Certainty.SURE)
    assert (names(one)[0], one.certainty) == ("abb-b21", Certainty.SURE)
    assert (names(other)[0], other.certainty) == ("abb-b23/a-series", Certainty.LIKELY)


async def test_a_mark_is_sure_without_voltage() -> None:
    dead = Network((0.0,) * 3, (0.0,) * 3, (1.0,) * 3, 0.0)

    answer = await found(_abb("B23 ", dead))

    assert (names(answer)[0], answer.certainty) == ("abb-b23", Certainty.SURE)


@pytest.mark.parametrize("scale", [1.0, 10.0])
async def test_the_variant_whose_scale_makes_sense_is_taken(scale: float) -> None:
    answer = await found(dtsu666(scale))

    assert names(answer)[0] == ("chint-dtsu666/tenths" if scale == 10 else "chint-dtsu666/plain")
    assert answer.certainty is Certainty.LIKELY
    assert not any(name.startswith("chint-dtsu666/plain") for name in names(answer)) or scale == 1


async def test_one_phase_of_a_three_phase_meter_leaves_the_model_open_or_finds_it() -> None:
    one = Network((230.1, 0.0, 0.0), (4.5, 0.0, 0.0), (0.97, 1.0, 1.0))
    image = Image(dict.fromkeys((*range(80), *range(200, 256), *range(334, 396)), 0))
    image.put(0, "f", *one.u, *one.i, *one.p, *one.s, *one.q, 0.97, 0.0, 0.0)
    image.put(52, "f", one.ptot).put(56, "f", one.stot).put(60, "f", one.qtot, one.pftot).put(
        70, "f", one.hz, 12.5
    )

    answer = await found(Unit(input_=image))

    assert any(name.startswith("eastron") for name in names(answer)), told(answer)
    assert answer.certainty is not Certainty.SURE or names(answer)[0].startswith("eastron-sdm120")


async def test_an_unloaded_meter_is_not_sure_by_its_voltages() -> None:
    idle = Network(amps=(0.0, 0.0, 0.0))
    image = Image(elsewhere="zero").put(2500, "f", *idle.u).put(2584, "f", idle.hz)

    answer = await found(Unit(input_=image))

    assert names(answer)[0].startswith("finder")
    assert answer.certainty in {Certainty.LIKELY, Certainty.POSSIBLE}


async def test_another_network_is_found_when_it_is_named() -> None:
    far = Network((66.4, 66.6, 66.2), (1.0, 1.25, 1.5))
    image = Image(elsewhere="zero").put(2500, "f", *far.u).put(2516, "f", *far.i)
    image.put(2530, "f", *far.p, far.ptot).put(2546, "f", *far.s).put(2584, "f", far.hz)

    unnamed = await found(Unit(input_=image))
    named = await found(Unit(input_=image), nominal=(66.0,))

    assert unnamed.best is None
    assert names(named)[0] == "finder-7m38"


async def test_a_device_with_its_words_the_other_way_round_is_possible_at_most() -> None:
    image = Image(elsewhere="zero").put(2500, "f", *N.u, order="CDAB").put(2516, "f", *N.i, order="CDAB")
    image.put(2530, "f", *N.p, N.ptot, order="CDAB").put(2546, "f", *N.s, order="CDAB")
    image.put(2584, "f", N.hz, order="CDAB")

    answer = await found(Unit(input_=image))

    assert answer.best is not None
    assert names(answer)[0] == "finder-7m38"
    assert answer.best.order == "CDAB"
    assert answer.certainty is Certainty.POSSIBLE


class _Falls(Unit):
    """Counts down: what seems to be energy is none."""

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        words = list(await super().read(unit, table, first, count))
        if first <= 72 < first + count:
            left = 500.0 - len(self.asked)
            words[72 - first : 74 - first] = struct.unpack(">2H", struct.pack(">f", left))
        return words


async def test_a_counter_that_falls_is_none() -> None:
    image = sdm630().tables["input"]

    answer = await found(_Falls(input_=image))

    assert "was more a moment before" in told(answer)
    assert answer.certainty is not Certainty.NONE


def _golden(device: str) -> Image:
    """What a manual or a log says that such a device answered."""
    vectors = json.loads((Path(__file__).parents[3] / "devices/golden.json").read_text())
    image = Image(elsewhere="refused")
    for vector in vectors:
        if vector["device"].startswith(device):
            image.words.update(enumerate((int(word, 16) for word in vector["words"]), vector["address"]))
    assert image.words
    return image


async def test_the_answers_in_a_manual_are_told_by_their_mark() -> None:
    image = _golden("ABB A43")
    for first, last in ((0x5000, 0x5040), (0x5460, 0x5484), (0x5B00, 0x5B40)):
        for address in range(first, last):
            image.words.setdefault(address, 0xFFFF)

    answer = await found(Unit(holding=image.text(0x8960, "B24 ", 2)))

    assert (names(answer)[0], answer.certainty) == ("abb-b23", Certainty.SURE)


async def test_three_numbers_in_a_manual_are_possible_at_most() -> None:
    answer = await found(Unit(input_=_golden("KBR")))

    assert names(answer) == ["kbr-f144"]
    assert answer.certainty is Certainty.POSSIBLE


# Nothing of the kind -------------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", ["zero", "refused"])
async def test_nothing_is_found_where_nothing_is(elsewhere: str) -> None:
    unit = Unit(input_=Image(elsewhere=elsewhere), holding=Image(elsewhere=elsewhere))

    answer = await found(unit)

    assert (answer.certainty, answer.best) == (Certainty.NONE, None)
    assert len(unit.asked) <= MOST_REQUESTS


@pytest.mark.parametrize("seed", range(examples(4)))
async def test_noise_is_no_meter(seed: int) -> None:
    noise = Image(elsewhere="random")
    answer = await found(Unit(input_=noise, holding=noise, seed=seed))

    assert answer.certainty in {Certainty.NONE, Certainty.POSSIBLE}, told(answer)
    assert len(names(answer)) <= 3


def _inverter(seed: int) -> Image:
    """Whole numbers as a device has them that is no meter: temperatures, states, voltages somewhere."""
    chance = random.Random(seed)
    image = Image(elsewhere="refused" if seed % 2 else "zero")
    for first in range(0, 50000, 500):
        for address in range(first, first + chance.randrange(20, 200)):
            image.words[address] = chance.choice(
                (0, 0, 1, 3, 100, 231, 400, 2304, 2312, 4998, 5000, 350, 6500, 42)
            )
    return image


@pytest.mark.parametrize("seed", range(examples(4)))
async def test_an_inverter_is_no_meter(seed: int) -> None:
    image = _inverter(seed)

    answer = await found(Unit(holding=image, input_=image))

    assert answer.certainty in {Certainty.NONE, Certainty.POSSIBLE}, (names(answer), told(answer))
    assert answer.words


@pytest.mark.parametrize("seed", range(4))
async def test_a_meter_between_noise_is_found(seed: int) -> None:
    image = METERS["camillebauer-aplus"]().tables["holding"]
    assert image is not None
    image.elsewhere = "random"

    answer = await found(Unit(holding=image, seed=seed))

    assert "camillebauer-aplus" in names(answer)


async def test_nobody_is_asked_eight_times() -> None:
    unit = Unit(silent_elsewhere=True)

    answer = await found(unit)

    assert answer.certainty is Certainty.SILENT
    assert len(unit.asked) == 8


async def test_a_device_that_is_silent_to_what_it_does_not_know_is_found() -> None:
    image = METERS["eltako-dsz15"]().tables["input"]

    answer = await found(Unit(input_=image, silent_elsewhere=True))

    assert names(answer) == ["eltako-dsz15"]


# How it asks ---------------------------------------------------------------------------------------------


async def test_a_device_is_not_asked_what_its_model_must_not_be_asked() -> None:
    unit = sdm630()

    await found(unit)

    led = [(table, first, first + count) for table, first, count in unit.asked][1:]
    assert not [each for each in led if each[0] == "input" and each[1] < 200 and each[2] > 80]


async def test_only_so_many_requests_are_sent_and_the_answer_says_that_it_stopped() -> None:
    unit = Unit(input_=Image(elsewhere="zero"), holding=Image(elsewhere="zero"))

    answer = await found(unit, most=5)

    assert len(unit.asked) == 5
    assert not answer.complete


async def test_it_tells_how_far_it_is() -> None:
    said: list[Progress] = []

    await found(METERS["eltako-dsz15"](), tell=said.append)

    assert [each.requests for each in said][:3] == [0, 1, 2]
    assert said[-1].leading == "Eltako DSZ15DZMOD" or said[-1].leading.startswith("Eltako")


class _Busy(Unit):
    """Is busy at the first request."""

    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        if not self.asked:
            self.asked.append((table, first, count))
            raise AnswersNo(6)
        return await super().read(unit, table, first, count)


async def test_a_busy_device_is_asked_again() -> None:
    answer = await found(_Busy(input_=METERS["eltako-dsz15"]().tables["input"]))

    assert names(answer) == ["eltako-dsz15"]


class _Taken(Unit):
    async def read(self, *_: object) -> Sequence[int]:
        raise RequestRefused(verbatim("somebody else has the bus"))


async def test_a_bus_that_cannot_be_had_is_told() -> None:
    with pytest.raises(RequestRefused, match="somebody else"):
        await found(_Taken())


class _Gateway(Unit):
    async def read(self, unit: int, table: str, first: int, count: int) -> Sequence[int]:
        self.asked.append((table, first, count + unit - 1))
        raise AnswersNo(11) if len(self.asked) % 2 else DeviceUnreachable("no answer")


async def test_a_gateway_that_says_that_nobody_answers_is_silence() -> None:
    answer = await found(_Gateway())

    assert answer.certainty is Certainty.SILENT
