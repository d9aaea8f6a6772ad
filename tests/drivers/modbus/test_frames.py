"""Where frames begin and end among other bytes."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from drivers.modbus.frames import Ascii, Mbap, Rtu, crc

DECODER = DecodePDU(is_server=False)
FRAMERS = {Mbap: FramerSocket, Rtu: FramerRTU, Ascii: FramerAscii}
CONTENT = bytes.fromhex("04 42f6e979".replace(" ", ""))


def framed(kind, *, unit=1, code=4, content=CONTENT, transaction=7):
    return FRAMERS[kind](DECODER).encode(bytes([code]) + content, unit, transaction)


def framer(kind, *, code=4, size=4):
    made = kind()
    made.expected = SimpleNamespace(code=code, head=size, size=size)
    return made


def test_the_checksum_is_that_of_the_specification():
    assert crc(bytes.fromhex("02074112")) == 0  # Modbus over Serial Line 1.02, 6.2.2


@pytest.mark.parametrize("kind", FRAMERS)
def test_a_frame_is_found_whatever_comes_behind_it(kind):
    frame = framed(kind)

    used, answer = framer(kind).handleFrame(frame + b"\x01\x02", 1, 7)

    assert used == len(frame)
    assert (answer.dev_id, answer.function_code, answer.payload) == (1, 4, CONTENT)


@pytest.mark.parametrize("kind", FRAMERS)
def test_half_a_frame_is_waited_for(kind):
    frame = framed(kind)

    for at in range(1, len(frame)):
        assert framer(kind).handleFrame(frame[:at], 1, 7) == (0, None)


@pytest.mark.parametrize("kind", FRAMERS)
def test_a_frame_of_somebody_else_is_passed_over_and_noted(kind):
    made = framer(kind)

    used, answer = made.handleFrame(framed(kind, unit=9) + framed(kind), 1, 7)

    assert used == len(framed(kind, unit=9)) + len(framed(kind))
    assert answer.dev_id == 1
    assert (made.noted, made.foreign) == (["foreign"], 9)


@pytest.mark.parametrize("kind", FRAMERS)
def test_an_exception_is_an_answer(kind):
    _, answer = framer(kind).handleFrame(framed(kind, code=0x84, content=b"\x02"), 1, 7)

    assert (answer.function_code, answer.payload) == (0x84, b"\x02")


WRITTEN = bytes.fromhex("0010ff00")


@pytest.mark.parametrize("kind", FRAMERS)
def test_the_answer_to_a_write_is_found_among_other_bytes(kind):
    made = kind()
    made.expected = SimpleNamespace(code=5, head=WRITTEN[0], size=3)
    other = framed(kind, unit=9, code=5, content=WRITTEN)
    frame = framed(kind, code=5, content=WRITTEN)

    halves = [made.handleFrame(frame[:at], 1, 7)[1] for at in range(1, len(frame))]
    used, answer = made.handleFrame(other + frame + b"\x01", 1, 7)
    _, refused = made.handleFrame(framed(kind, code=0x85, content=b"\x04"), 1, 7)

    assert set(halves) == {None}
    assert (used, answer.function_code, answer.payload) == (len(other + frame), 5, WRITTEN)
    assert (refused.function_code, refused.payload) == (0x85, b"\x04")


def test_a_write_of_another_master_is_no_answer_to_a_read():
    made = framer(Rtu)
    written = framed(Rtu, code=5, content=WRITTEN)

    used, answer = made.handleFrame(written + framed(Rtu), 1, 7)

    assert (used, answer.function_code, answer.payload) == (len(written + framed(Rtu)), 4, CONTENT)
    assert made.noted == ["garbled"]


@pytest.mark.parametrize("kind", [Rtu, Ascii])
def test_a_wrong_checksum_ends_the_waiting(kind):
    made = framer(kind)
    frame = framed(kind)
    at = len(frame) - 3 if kind is Ascii else len(frame) - 1

    _, answer = made.handleFrame(frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :], 1, 7)

    assert answer.function_code == 0
    assert made.noted == ["checksum"]


def test_another_master_is_noticed():
    made = framer(Rtu)
    asked = FramerRTU(DECODER).encode(bytes.fromhex("0300050002"), 3, 0)

    made.handleFrame(asked + framed(Rtu), 1, 0)

    assert made.master
    assert "foreign" in made.noted


@pytest.mark.parametrize("kind", FRAMERS)
@given(data=st.binary(max_size=600), unit=st.integers(0, 255))
def test_whatever_comes_nothing_is_raised_and_never_more_taken_than_there_is(kind, data, unit):
    used, _ = framer(kind).handleFrame(data, unit, 1)

    assert 0 <= used <= len(data)


@given(noise=st.binary(max_size=40))
def test_a_frame_behind_noise_is_found_or_waited_for_and_never_another_one(noise):
    _, answer = framer(Rtu).handleFrame(noise + framed(Rtu), 1, 0)

    assert answer is None or answer.function_code == 0 or answer.payload == CONTENT or crc(noise[-9:]) == 0
