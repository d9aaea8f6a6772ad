"""Serial ports: what reaches pyserial, adapters that vanish and return, and ports that cannot be had."""

import asyncio
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import serial
import structlog

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.serialport import open_port, reason
from monitor.simulation.modbus import Unit
from tests.drivers.modbus.endpoints import Terminal
from tests.drivers.modbus.site import device, driver_of, point

METER = device(point("power_w", register="input 0", type="float32"))


def options(path="/dev/ttyUSB0", **written):
    return ConnectionModel.model_validate({"transport": "rtu", "port": str(path)} | written)


def watched(monkeypatch):
    """Answer the list of the ports that are to be opened; none is."""
    opened = []

    def note(port):
        opened.append(port)

    monkeypatch.setattr(serial.Serial, "open", note)
    monkeypatch.setattr(serial.Serial, "set_low_latency_mode", lambda *_settings: None)
    return opened


async def answered(modbus):
    """Read until there is an answer, for a minute."""
    async with asyncio.timeout(60):
        while True:
            answer = await modbus.read("meter", "fast")
            if answer.answered:
                return answer
            await asyncio.sleep(0.02)


def files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
async def terminal(tmp_path):
    unit = Unit(METER)
    unit.put("power_w", 1.5)
    terminal = Terminal({1: unit}, tmp_path)
    await terminal.start()
    yield terminal
    await terminal.stop()


# What reaches pyserial ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, (9600, 8, "N", 1)),
        ({"baudrate": 19200, "parity": "even", "stopbits": 2}, (19200, 8, "E", 2)),
        ({"baudrate": 300, "parity": "odd"}, (300, 8, "O", 1)),
        ({"transport": "ascii"}, (9600, 7, "E", 1)),
        ({"transport": "ascii", "databits": 8, "parity": "none", "stopbits": 2}, (9600, 8, "N", 2)),
    ],
)
async def test_speed_and_characters_reach_the_port_and_nobody_else_may_have_it(monkeypatch, written, expected):
    """A pseudo-terminal has no parity, so the port is looked at when it would be opened."""
    opened = watched(monkeypatch)

    await open_port(options(**written))

    (port,) = opened
    assert (port.baudrate, port.bytesize, port.parity, port.stopbits) == expected
    assert port.port == "/dev/ttyUSB0"
    assert port.exclusive
    assert port.rs485_mode is None


async def test_switching_by_rts_reaches_the_port(monkeypatch):
    opened = watched(monkeypatch)
    rs485 = {"rts_on_send": False, "rts_after_send": True, "delay_before_send": "2 ms", "delay_after_send": "3 ms"}

    await open_port(options(rs485=rs485, echo=True))

    mode = opened[0].rs485_mode
    assert (mode.rts_level_for_tx, mode.rts_level_for_rx, mode.loopback) == (False, True, True)
    assert (mode.delay_before_tx, mode.delay_before_rx) == pytest.approx((0.002, 0.003))


async def test_a_port_that_cannot_switch_says_to_leave_it_out(terminal):
    modbus = driver_of(terminal.written, METER, rs485={})

    answer = await modbus.read("meter", "fast")

    assert "leave out `rs485`" in answer.error
    await modbus.close()


def test_a_port_that_does_not_know_the_parity_says_so():
    """What glibc answers for a parity that did not come into force; some pseudo-terminals take any."""
    refused = termios.error(22, "Invalid argument")

    assert reason(refused, options(parity="even")) == "the port does not do 9600 baud, 8E1"


# Ports that come and go -----------------------------------------------------------------------------------


@pytest.mark.fault(
    "USB adapter unplugged or hung",
    part="Modbus",
    outcome="The readings say that the port is gone and what to do, once in the log; plugged in again, also under "
    "another number, it is read within two cycles.",
)
async def test_an_adapter_that_vanishes_and_returns_is_read_within_two_cycles(terminal):
    modbus = driver_of(terminal.written, METER)

    with structlog.testing.capture_logs() as logs:
        before = await modbus.read("meter", "fast")
        await terminal.stop()
        away = [await modbus.read("meter", "fast") for _ in range(4)]
        await terminal.start()
        back = [await modbus.read("meter", "fast") for _ in range(2)]

    assert before.values == back[-1].values == {"power_w": 1.5}
    assert [answer.values for answer in away] == [{}] * 4
    assert "is the adapter plugged in?" in away[-1].error
    assert modbus.traffic("meter").errors["no_connection"] >= 3
    assert [line["event"] for line in logs] == ["connection lost", "connection is back"]
    await modbus.close()


async def test_an_adapter_that_vanishes_in_a_request_ends_it_at_once(terminal):
    modbus = driver_of(terminal.written, METER, timeout="50 s")
    terminal.units[1].faults.silent = True
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.1)

    await terminal.stop()
    async with asyncio.timeout(20):
        answer = await reading

    assert "closed the connection (the adapter is gone: plug it in again)" in answer.error
    assert modbus.traffic("meter").errors == {"closed": 1}
    await modbus.close()


async def test_a_link_that_leads_elsewhere_is_followed(terminal, tmp_path):
    """The old port stays there and says nothing; the adapter has come back under another number."""
    modbus = driver_of(terminal.written, METER)
    await modbus.read("meter", "fast")
    (tmp_path / "other").mkdir()
    other = Terminal(terminal.units, tmp_path / "other")
    await other.start()
    terminal.bend = lambda *_frames: ()
    path = terminal.path
    path.unlink()
    path.symlink_to(other.path.readlink())

    answers = [await modbus.read("meter", "fast") for _ in range(2)]

    assert answers[-1].values == {"power_w": 1.5}
    assert len(other.heard) == 1
    await modbus.close()
    await other.stop()


async def test_a_port_that_another_program_has_says_so_and_is_opened_once_it_is_free(terminal):
    modbus = driver_of(terminal.written, METER)
    with serial.Serial(str(terminal.path), exclusive=True):
        busy = await modbus.read("meter", "fast")

    answer = await modbus.read("meter", "fast")

    assert "another program has the port" in busy.error
    assert answer.values == {"power_w": 1.5}
    await modbus.close()


async def test_nobody_else_gets_the_port_while_it_is_read(terminal):
    modbus = driver_of(terminal.written, METER)
    await modbus.read("meter", "fast")

    with pytest.raises(serial.SerialException, match="exclusively"):
        serial.Serial(str(terminal.path), exclusive=True)

    await modbus.close()
    serial.Serial(str(terminal.path), exclusive=True).close()


async def test_what_is_no_serial_port_says_so(tmp_path):
    file = tmp_path / "file"
    file.touch()
    modbus = driver_of({"transport": "rtu", "port": str(file)}, METER)

    answer = await modbus.read("meter", "fast")

    assert "that is no serial port" in answer.error
    assert "cannot be opened" in modbus.advice("meter")
    await modbus.close()


def test_a_port_that_is_not_allowed_names_the_group():
    assert "group dialout" in reason(PermissionError(13, "Permission denied"), options())


# Drivers that block ---------------------------------------------------------------------------------------


@pytest.fixture
def stuck(monkeypatch):
    """Opening a port takes until the event is set."""
    free = threading.Event()
    really = serial.Serial.open

    def open_when_free(port):
        free.wait(60)
        really(port)

    monkeypatch.setattr(serial.Serial, "open", open_when_free)
    yield free
    free.set()


@pytest.mark.fault(
    "USB adapter unplugged or hung",
    part="Modbus",
    outcome="Opening a port may hang in its driver: other connections go on, one try is under way at most, and "
    "what opens at last too late is closed again.",
)
async def test_a_port_that_hangs_while_it_is_opened_stops_nothing_else(terminal, stuck):
    modbus = driver_of(terminal.written, METER)
    ticks = 0
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    while not reading.done():
        await asyncio.sleep(0.01)
        ticks += 1
    again = await modbus.read("meter", "fast")
    stuck.set()
    answer = await answered(modbus)

    assert ticks > 5
    assert "within 0.4 s" in (await reading).error
    assert "has not come back since the last try" in again.error
    assert answer.values == {"power_w": 1.5}
    await modbus.close()


async def test_a_read_cancelled_while_the_port_opens_leaves_nothing_open(terminal, stuck):
    modbus = driver_of(terminal.written, METER, timeout="30 s")
    reading = asyncio.create_task(modbus.read("meter", "fast"))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    took = time.monotonic() - began
    stuck.set()
    answer = await answered(modbus)

    assert took < 1
    assert answer.values == {"power_w": 1.5}
    assert terminal.connections == 1
    await modbus.close()


async def test_a_closed_port_leaves_no_file_open(terminal):
    modbus = driver_of(terminal.written, METER)
    before = files()
    for _ in range(5):
        await modbus.read("meter", "fast")
        await modbus.close()

    assert files() == before


async def test_an_answer_to_a_long_request_comes_whole(terminal):
    of = device(*(point(f"power_{n}_w", register=f"input {2 * n}", type="float32") for n in range(62)))
    terminal.units[1] = unit = Unit(of)
    for n in range(62):
        unit.put(f"power_{n}_w", float(n))
    modbus = driver_of(terminal.written, of, timeout="10 s")

    answer = await modbus.read("meter", "fast")

    assert answer.values == {f"power_{n}_w": float(n) for n in range(62)}
    assert len(terminal.heard) == 1
    await modbus.close()
