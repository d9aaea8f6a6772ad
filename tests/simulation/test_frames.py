"""What comes over a line or a network may be anything: it gives requests, or nothing, and never another error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer.ascii import FramerAscii
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU

from monitor.simulation.frames import Frames, Unreadable
from monitor.simulation.unit import Unit
from tests.examples import examples

FRAMERS = {"mbap": FramerSocket, "rtu": FramerRTU, "ascii": FramerAscii}
FORMS = sorted(FRAMERS)


def heard(form: str, *pieces: bytes) -> list[tuple[int, int]]:
    """Hand over pieces; the unit and function code of each request, each of them answered."""
    frames = Frames(form)
    units = {unit: Unit() for unit in range(256)}
    buffer = bytearray()
    found = []
    for piece in pieces:
        buffer += piece
        try:
            for request in frames.requests(buffer):
                said = frames.answer(units, request)
                assert said is None or said.frame
                found.append((request.dev_id, request.function_code))
        except Unreadable:
            buffer.clear()
        assert len(buffer) <= 2048
    return found


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=examples(50))
@given(pieces=st.lists(st.binary(max_size=300), max_size=8))
def test_any_bytes_are_survived(form: str, pieces: list[bytes]) -> None:
    heard(form, *pieces)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=examples(50))
@given(content=st.binary(min_size=1, max_size=260), unit=st.integers(0, 255))
def test_any_content_in_a_sound_frame_is_answered_or_left(form: str, content: bytes, unit: int) -> None:
    heard(form, FRAMERS[form](DecodePDU(True)).encode(content, unit, 7))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (bytes([3, 0, 0, 0, 126]), 3),
        (bytes([3, 0, 0, 0, 0]), 3),
        (bytes([1, 0, 0, 0x07, 0xD1]), 3),
        (bytes([4, 0xFF, 0xFF, 0, 2]), 2),
        (bytes([6, 0, 0, 0, 2]), 1),
        (bytes([5, 0, 0, 0xFF, 0]), 1),
        (bytes([16, 0, 0, 0, 1, 2, 0, 7]), 1),
    ],
)
def test_what_a_meter_refuses_is_refused(form: str, content: bytes, code: int) -> None:
    framer = FRAMERS[form](DecodePDU(True))
    frames = Frames(form)
    (request,) = frames.requests(bytearray(framer.encode(content, 9, 7)))

    said = frames.answer({9: Unit()}, request)

    assert said is not None
    assert framer.decode(said.frame)[3] == bytes([content[0] | 0x80, code])


def test_a_frame_of_another_protocol_ends_the_connection() -> None:
    with pytest.raises(Unreadable):
        list(Frames("mbap").requests(bytearray(b"GET / HTTP/1.1\r\n\r\n")))
