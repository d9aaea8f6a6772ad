"""What goes wrong between the two ends, by transport: never a wrong value, and the next read is right."""

import asyncio
import time

import pytest

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.wire import Link
from monitor.model import Missing
from monitor.simulation.modbus import Unit
from tests.drivers.modbus.endpoints import TRANSPORTS, Terminal
from tests.drivers.modbus.site import device, driver_of, point

LINES = ("rtu", "ascii", "rtu-over-tcp")
NUMBERED = ("tcp", "tls", "udp")
STREAMS = ("tcp", "tls", "rtu-over-tcp")
VALUES = {"power_l1_w": 1.5, "power_l2_w": 2.5}


def meter(name="meter", unit=1):
    """Two blocks of the same size, so that the answer to one could be taken for that to the other."""
    points = [point(f"power_l{n}_w", register=f"input {n * 100}", type="float32") for n in (1, 2)]
    return device(*points, name=name, unit=unit, profile={"gap": 0})


def filled(of, values=VALUES):
    unit = Unit(of)
    for name, value in values.items():
        unit.put(name, value)
    return unit


async def wired(on, transport, **options):
    """Answer an endpoint with the meter, and a driver for it."""
    of = meter()
    endpoint = await on(transport, {1: filled(of)})
    return endpoint, driver_of(endpoint.written, of, **options)


# How answers are bent: the frame as it should be, and what is sent instead ---------------------------------


def wrong_checksum(_request, answer):
    if answer.startswith(b":"):
        return (answer[:-4] + (b"00" if answer[-4:-2] != b"00" else b"01") + answer[-2:],)
    return (answer[:-1] + bytes([answer[-1] ^ 0x55]),)


def flipped_bit(_request, answer):
    at = 9 if answer.startswith(b":") else 4
    return (answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :],)


def truncated(_request, answer):
    return (answer[: len(answer) // 2],)


def without_its_end(_request, answer):
    return (answer[:-2],)


def from_another_unit(transport):
    def bend(_request, answer):
        if transport == "ascii":
            frame = bytearray.fromhex(answer[1:-4].decode())
            frame[0] += 1
            return (b":" + (frame + bytes([-sum(frame) & 0xFF])).hex().upper().encode() + b"\r\n",)
        if transport in LINES:
            from pymodbus.framer import FramerRTU

            frame = bytes([answer[0] + 1]) + answer[1:-2]
            return (frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big"),)
        return (answer[:6] + bytes([answer[6] + 1]) + answer[7:],)

    return bend


def of_another_transaction(_request, answer):
    return (bytes([answer[0], answer[1] + 1]) + answer[2:],)


def oversize(_request, answer):
    if answer.startswith(b":"):
        return (b":" + b"0104" * 600,)
    return (answer[:2] + b"\xff" * 600,)


async def _bad_then_good(endpoint, modbus, bend):
    right = endpoint.bend
    await modbus.read("meter", "fast")
    endpoint.bend = bend
    bad = await modbus.read("meter", "fast")
    endpoint.bend = right
    good = await modbus.read("meter", "fast")
    return bad, good


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="A wrong CRC or LRC is never a value, is counted as `checksum`, and the next read is right.",
)
@pytest.mark.parametrize("bend", [wrong_checksum, flipped_bit])
@pytest.mark.parametrize("transport", LINES)
async def test_a_wrong_checksum_is_never_a_value_and_the_next_read_is_right(on, transport, bend):
    endpoint, modbus = await wired(on, transport, timeout="10 s")

    bad, good = await _bad_then_good(endpoint, modbus, bend)  # a complete answer is not waited for once more

    assert bad.values == {}
    assert bad.missing == dict.fromkeys(VALUES, Missing.TIMEOUT)
    assert "wrong checksum" in bad.error
    assert good.values == VALUES
    assert modbus.traffic("meter").errors == {"checksum": 1}
    await modbus.close()


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="A frame that is cut off or never ends is no value on any transport, and the next read is right.",
)
@pytest.mark.parametrize("bend", [truncated, without_its_end, oversize])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_half_a_frame_or_too_much_is_never_a_value_and_the_next_read_is_right(on, transport, bend):
    endpoint, modbus = await wired(on, transport)

    bad, good = await _bad_then_good(endpoint, modbus, bend)

    assert bad.values == {}
    assert good.values == VALUES
    assert modbus.traffic("meter").errors["garbled"] >= 1
    await modbus.close()


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="An answer of another unit is never a value on any transport, and is counted as `foreign`.",
)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_answer_of_another_unit_is_never_a_value_and_the_next_read_is_right(on, transport):
    endpoint, modbus = await wired(on, transport)

    bad, good = await _bad_then_good(endpoint, modbus, from_another_unit(transport))

    assert bad.values == {}
    assert good.values == VALUES
    assert modbus.traffic("meter").errors["foreign"] >= 1
    assert "Unit 2 answers what unit 1 is asked" in modbus.advice("meter")
    await modbus.close()


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="An answer to another request is never a value, and is counted as `foreign`.",
)
@pytest.mark.parametrize("transport", NUMBERED)
async def test_an_answer_to_another_request_is_never_a_value_and_the_next_read_is_right(on, transport):
    endpoint, modbus = await wired(on, transport)

    bad, good = await _bad_then_good(endpoint, modbus, of_another_transaction)

    assert bad.values == {}
    assert good.values == VALUES
    assert modbus.traffic("meter").errors["foreign"] >= 1
    await modbus.close()


@pytest.mark.parametrize(
    "noise", [b"\0", b"\xff\xfe", b"\x01\x03", b"\x01\x04\x04", b"\x00\x81\x55", b":01", b"\r\n"]
)
@pytest.mark.parametrize("transport", LINES)
async def test_noise_before_a_frame_costs_nothing(on, transport, noise):
    endpoint, modbus = await wired(on, transport, timeout="5 s")
    endpoint.bend = lambda _request, answer: (noise, 0.002, answer[:3], 0.002, answer[3:])

    answer = await modbus.read("meter", "fast")

    assert answer.values == VALUES
    await modbus.close()


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("transport", [each for each in TRANSPORTS if each != "udp"])
async def test_an_answer_in_pieces_is_put_together(on, transport, size):
    endpoint, modbus = await wired(on, transport, timeout="20 s")
    endpoint.bend = lambda _request, answer: [
        piece for at in range(0, len(answer), size) for piece in (answer[at : at + size], 0.001)
    ]

    answer = await modbus.read("meter", "fast")

    assert answer.values == VALUES
    await modbus.close()


@pytest.mark.fault(
    "hostile bytes",
    part="Modbus",
    outcome="A line on which bytes come without end costs its time-outs, no memory, and is read once it is quiet.",
)
@pytest.mark.parametrize("silence", ["100 ms", "0 s"])
@pytest.mark.parametrize("transport", ["rtu", "ascii"])
async def test_garbage_without_end_is_survived_bounded_and_counted(on, transport, silence):
    """With a rest, nothing can be asked; without one, the question is lost among the bytes."""
    endpoint, modbus = await wired(on, transport, timeout="200 ms", silence=silence)
    endpoint.units[1].faults.silent = True

    async def babble():
        while True:
            endpoint.say(bytes([0x55, 0x3A, 1, 4, 0xF0, 0x0D, 0x0A]) * 20)
            await asyncio.sleep(0.001)

    babbling = asyncio.create_task(babble())
    answers = []
    async with asyncio.timeout(60):
        while modbus.traffic("meter").errors.get("garbled", 0) < 3:
            answers.append(await modbus.read("meter", "fast"))
    held = len(modbus._links._links[0]._channel.recv_buffer)
    babbling.cancel()
    endpoint.units[1].faults.silent = False
    await asyncio.sleep(0.02)
    after = [await modbus.read("meter", "fast") for _ in range(2)]

    assert not any(answer.values for answer in answers)
    assert held <= 1200
    # On a busy machine the babble may rest for a whole time-out.
    assert modbus.traffic("meter").errors.keys() <= {"garbled", "checksum", "foreign", "timeout"}
    assert after[-1].values == VALUES
    await modbus.close()


# Echo -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("set_up", [True, False])
@pytest.mark.parametrize("pause", [0.0, 0.01])
@pytest.mark.parametrize("transport", ["rtu", "ascii"])
async def test_an_adapter_that_echoes_is_understood_and_told_when_it_is_not_set(on, transport, pause, set_up):
    endpoint, modbus = await wired(on, transport, timeout="5 s", echo=set_up)
    endpoint.bend = lambda request, answer: (request[:3], pause, request[3:], pause, answer)

    answers = [await modbus.read("meter", "fast") for _ in range(3)]

    assert [answer.values for answer in answers] == [VALUES] * 3
    assert modbus.traffic("meter").errors == {}
    assert ("set `echo: true`" in modbus.advice("meter")) == (not set_up)
    await modbus.close()


async def test_an_echo_that_looks_like_an_answer_is_none(tmp_path):
    """A request for 20 coils from 0x300 on is byte for byte a right answer to itself."""
    of = device(*(point(f"open_{n}", register=f"coil {0x300 + n}") for n in range(20)), profile={"gap": 20})
    endpoint = Terminal({1: Unit(of)}, tmp_path)
    await endpoint.start()
    modbus = driver_of(endpoint.written, of, timeout="300 ms")
    endpoint.bend = lambda request, _answer: (request,)

    answer = await modbus.read("meter", "fast")

    assert answer.values == {}
    assert not answer.answered
    assert [frame[:6] for frame in endpoint.heard] == [b"\x01\x01\x03\x00\x00\x14"]
    await modbus.close()
    await endpoint.stop()


# Late answers ---------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "wrong or late answer",
    part="Modbus",
    outcome="On a line, where nothing is numbered, an answer that was given up is never taken for that to another "
    "request of the same size: the unit is asked nothing else while it can come.",
)
@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("late", [0.25, 0.35])
@pytest.mark.parametrize("transport", LINES)
async def test_a_late_answer_is_never_taken_for_another_request(on, transport, late, retries):
    endpoint, modbus = await wired(on, transport, timeout="200 ms", retries=retries)
    assert (await modbus.read("meter", "fast")).values == VALUES
    endpoint.bend = lambda _request, answer: (late, answer)
    answers = [await modbus.read("meter", "fast")]
    endpoint.bend = lambda _request, answer: (answer,)
    answers += [await modbus.read("meter", "fast") for _ in range(3)]

    for answer in answers:
        assert answer.values.items() <= VALUES.items()
    assert answers[-1].values == VALUES
    await modbus.close()


async def test_a_repeated_request_takes_the_late_answer_and_the_next_one_waits_for_the_second(on):
    endpoint, modbus = await wired(on, "rtu", timeout="300 ms", retries=1)
    endpoint.bend = lambda _request, answer: (0.4, answer)
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.35)  # the first was given up, and sent again
    endpoint.bend = lambda _request, answer: (answer,)

    answer = await reading

    assert answer.values == VALUES
    assert len(endpoint.heard) == 3
    await modbus.close()


async def test_another_unit_does_not_wait_for_a_late_answer(on):
    meters = [meter(), meter("other", 2)]
    endpoint = await on("rtu", {1: filled(meters[0]), 2: filled(meters[1])})
    modbus = driver_of(endpoint.written, *meters, timeout="5 s")
    endpoint.units[1].faults.silent = True
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.05)
    reading.cancel()
    await asyncio.wait([reading])
    began = time.monotonic()

    answer = await modbus.read("other", "fast")

    assert answer.values == VALUES
    assert time.monotonic() - began < 4.5
    await modbus.close()


async def test_an_answer_on_time_gives_the_line_free_at_once(on):
    _, modbus = await wired(on, "rtu", timeout="30 s")

    async with asyncio.timeout(20):
        answers = [await modbus.read("meter", "fast") for _ in range(20)]

    assert [answer.values for answer in answers] == [VALUES] * 20
    await modbus.close()


# Connections ----------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "half-open connection",
    part="Modbus",
    outcome="A converter that was restarted is read again within two cycles, over TCP, TLS and with RTU frames.",
)
@pytest.mark.parametrize("transport", STREAMS)
async def test_a_half_open_connection_is_left_within_two_reads(on, transport):
    endpoint, modbus = await wired(on, transport)
    assert (await modbus.read("meter", "fast")).values == VALUES
    endpoint.forget_connections()

    answers = [await modbus.read("meter", "fast") for _ in range(2)]

    assert answers[-1].values == VALUES
    await modbus.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_cancelled_read_ends_within_a_second(on, transport):
    endpoint, modbus = await wired(on, transport, timeout="30 s")
    await modbus.read("meter", "fast")
    endpoint.units[1].faults.silent = True
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    reading.cancel()
    await asyncio.wait([reading], timeout=20)
    took = time.monotonic() - began

    assert reading.cancelled()
    assert took < 1
    await modbus.close()


@pytest.mark.parametrize("transport", ["tls", "udp", "rtu-over-tcp", "rtu"])
async def test_fifty_connections_stop_within_five_seconds(on, tmp_path, transport):
    of = meter()
    if transport == "rtu":
        endpoints = []
        for n in range(50):
            (tmp_path / str(n)).mkdir()
            endpoints.append(Terminal({1: filled(of)}, tmp_path / str(n)))
            await endpoints[-1].start()
    else:
        endpoints = [await on(transport, {1: filled(of)})] * 50
    drivers = [driver_of(each.written, of, timeout="60 s") for each in endpoints]
    answers = await asyncio.gather(*(each.read("meter", "fast") for each in drivers))
    for each in endpoints:
        each.units[1].faults.silent = True
    reading = [asyncio.create_task(each.read("meter", "fast")) for each in drivers]
    await asyncio.sleep(0.2)

    began = time.monotonic()
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    for each in drivers:
        await each.close()
    took = time.monotonic() - began

    assert [answer.values for answer in answers] == [VALUES] * 50
    assert took < 5
    for each in endpoints if transport == "rtu" else ():
        await each.stop()


async def test_blocks_of_a_slow_device_are_read_side_by_side_once_it_has_answered(on):
    of = device(
        *(point(f"power_{n}_w", register=f"input {n * 10}", type="float32") for n in range(41)), profile={"gap": 0}
    )
    unit = filled(of, {f"power_{n}_w": float(n) for n in range(41)})
    unit.faults.delay = 0.05
    endpoint = await on("tcp", {1: unit})
    modbus = driver_of(endpoint.written, of, timeout="20 s", connections=8)
    await modbus.read("meter", "fast")
    began = time.monotonic()

    answer = await modbus.read("meter", "fast")
    took = time.monotonic() - began

    assert answer.values == {f"power_{n}_w": float(n) for n in range(41)}
    assert endpoint.connections == 8
    assert took < 41 * 0.05 / 2  # one connection takes 41 rounds of 50 ms, and eight take six
    await modbus.close()


async def test_a_dead_device_costs_one_time_out_with_eight_connections_too(on):
    endpoint, modbus = await wired(on, "tcp", connections=8)
    await modbus.read("meter", "fast")
    endpoint.units[1].faults.silent = True
    endpoint.heard.clear()

    answer = await modbus.read("meter", "fast")

    assert not answer.answered
    assert len(endpoint.heard) == 1
    await modbus.close()


async def test_helping_makes_no_other_device_wait(on):
    """Four connections: the device with many blocks gives back what it borrowed as soon as somebody waits."""
    many = device(
        *(point(f"power_{n}_w", register=f"input {n * 10}", type="float32") for n in range(40)),
        name="many",
        profile={"gap": 0},
    )
    few = [meter(f"meter-{n}", n) for n in range(2, 5)]
    units = {1: Unit(many)} | {each.address.unit: filled(each) for each in few}
    units[1].faults.delay = 0.05
    endpoint = await on("tcp", units)
    modbus = driver_of(endpoint.written, many, *few, timeout="20 s", connections=4)
    reading = asyncio.create_task(modbus.read("many", "fast"))
    await asyncio.sleep(0.17)

    answers = await asyncio.gather(*(modbus.read(each.id, "fast") for each in few))
    first = reading.done()

    assert [answer.values for answer in answers] == [VALUES] * 3
    assert not first
    assert len((await reading).values) == 40
    await modbus.close()


async def test_a_cancelled_read_over_several_connections_leaves_all_of_them_usable(on):
    of = device(
        *(point(f"power_{n}_w", register=f"input {n * 10}", type="float32") for n in range(20)), profile={"gap": 0}
    )
    unit = Unit(of)
    unit.faults.delay = 0.05
    endpoint = await on("tcp", {1: unit})
    modbus = driver_of(endpoint.written, of, timeout="20 s", connections=4)
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.12)
    reading.cancel()
    await asyncio.wait([reading], timeout=20)

    answers = [await modbus.read("meter", "fast") for _ in range(2)]

    assert reading.cancelled()
    assert [len(answer.values) for answer in answers] == [20, 20]
    assert len(modbus._links._idle) == 4
    await modbus.close()


# Time on a line -------------------------------------------------------------------------------------------


async def test_frames_rest_and_answers_have_the_time_of_their_bytes(on):
    """At 300 baud a request and its answer take 567 ms, and 3.5 characters 117."""
    endpoint, modbus = await wired(on, "rtu", timeout="100 ms", baudrate=300)
    endpoint.bend = lambda _request, answer: (0.5, answer)
    began = time.monotonic()

    answer = await modbus.read("meter", "fast")
    took = time.monotonic() - began

    assert answer.values == VALUES
    assert took >= 2 * 0.5 + 3.5 * 10 / 300
    await modbus.close()


def test_the_time_of_the_bytes_counts_start_parity_and_stop_bits():
    from drivers.modbus.layout import Span
    from drivers.modbus.line import LineDuty
    from drivers.modbus.plan import Block
    from drivers.modbus.wire import Request

    written = {"transport": "rtu", "port": "/dev/ttyUSB0", "baudrate": 9600, "parity": "even"}
    request = Request(1, Block.around([Span("input", 0, 60)]), 120)

    rtu = LineDuty(ConnectionModel.model_validate(written))
    text = LineDuty(ConnectionModel.model_validate(written | {"transport": "ascii", "databits": 7}))

    assert rtu.airtime(request) == pytest.approx((8 + 125) * 11 / 9600)
    assert rtu.deadline(request) == pytest.approx(1 + (8 + 125) * 11 / 9600)
    assert text.airtime(request) == pytest.approx((17 + 251) * 10 / 9600)


async def test_a_line_that_is_never_used_opens_nothing(tmp_path):
    link = Link(ConnectionModel.model_validate({"transport": "rtu", "port": str(tmp_path / "none")}))

    link.close()

    assert link._channel is None
