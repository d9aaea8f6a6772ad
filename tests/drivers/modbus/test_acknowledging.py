"""What may be written to a reader of cards, and what confirms that it was."""

import asyncio
from dataclasses import replace

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from drivers.modbus import MODBUS
from drivers.modbus.events import check_hidden
from drivers.modbus.plan import Block
from drivers.modbus.wire import Garbled, Link, Request, Write
from monitor.errors import SettingsError
from monitor.ports import DriverContext
from monitor.simulation.modbus import Unit
from monitor.simulation.readers import Reader
from tests.drivers.modbus.endpoints import endpoint
from tests.drivers.modbus.latched import LATCHED, event
from tests.drivers.modbus.readers import CARDS, device_of
from tests.drivers.modbus.site import CONTEXT, connection, driver_of, point
from tests.servers.libmodbus import libmodbus_server


@pytest.mark.parametrize(
    "written",
    [
        {"credential": {"register": "coil 2", "bytes": 4}},
        {"credential": {"register": "sunspec 1 2", "bytes": 4}},
        {"credential": {"register": "holding 2", "bytes": 0}},
        {"credential": {"register": "holding 2", "bytes": {}}},
        {"credential": {"register": "holding 65535", "bytes": 4}},
        {"credential": {"register": "holding 2", "bytes": {4: [0, 1, 2, 3]}}},
        {"length": {"register": "holding 1"}},
        {"acknowledge": {"register": "coil 1"}},
        {"when": {"register": "coil 1"}, "acknowledge": {"register": "discrete 1"}},
        {"when": {"register": "coil 1"}, "acknowledge": {"register": "coil 1", "value": 2}},
    ],
)
def test_what_contradicts_itself_is_refused(written):
    with pytest.raises(ValidationError):
        event(**written)


@pytest.mark.parametrize(
    "shown",
    [
        point("card", register="holding 2", type="uint32"),
        point("card", register="holding 3", type="uint16"),
        point("card", register="holding 0", type="string:8"),
        point("card", register="holding 2", type="uint16", map={"0": False, "0xA41E": True}),
        point("card", register="holding 3", bit=1),
        point("power_w", register="holding 9", type="int16", scale_register="holding 3"),
    ],
)
def test_a_point_that_would_keep_the_number_is_refused(shown, tmp_path):
    reader = device_of("technotrade-vrd-485", tmp_path)
    wrong = replace(reader, points={**reader.points, shown.name: shown})

    with pytest.raises(SettingsError, match=f"point {shown.name} would keep the credential"):
        MODBUS.create(connection(1502), [wrong], CONTEXT)
    check_hidden(reader)


def test_leave_to_acknowledge_what_has_no_acknowledgement_is_refused(tmp_path):
    reader = device_of("technotrade-vrd-485", tmp_path, acknowledge="true")

    with pytest.raises(SettingsError, match="nothing to `acknowledge`"):
        MODBUS.create(connection(1502), [reader], CONTEXT)


def test_a_context_without_a_journal_knows_no_last_event():
    context = DriverContext(now=lambda: 0, pseudonymise=str, site="house")

    assert asyncio.run(context.last_event("front", "card")) is None


@pytest.mark.parametrize("set_up", [True, False])
@pytest.mark.parametrize("pause", [0.0, 0.01])
@pytest.mark.parametrize("transport", ["rtu", "ascii"])
async def test_an_echo_is_not_taken_for_the_answer_to_a_write(transport, pause, set_up, tmp_path, certificates):
    reader = device_of(LATCHED, tmp_path, acknowledge="true")
    unit = Unit(reader)
    held = Reader(reader, unit)
    served = endpoint(transport, {2: unit}, tmp_path, certificates)
    served.bend = lambda request, answer: (request[:3], pause, request[3:], pause, answer)
    await served.start()
    driver = driver_of(served.written, reader, timeout="5 s", echo=set_up)
    told = []
    try:
        await driver.read("front", "fast")
        held.hold(CARDS[LATCHED])
        unit.may_be_written.clear()
        with capture_logs() as logs:
            for _ in range(8):
                answer = await driver.read("front", "fast")
                told += answer.events
                if answer.kept is not None:
                    answer.kept()
        tried = len(unit.written)
        unit.may_be_written.add(("coil", 1016))
        await driver.read("front", "fast")
    finally:
        await driver.close()
        await served.stop()
        await asyncio.sleep(0)

    assert len(told) == 1
    assert tried > 2
    assert [log["event"] for log in logs] == ["card_not_acknowledged"]
    assert unit.get("coil", 1016, 1) == [0]
    assert driver.traffic("front").errors.keys() == {"refused"}


WRITTEN = {("coil", 16): 0, ("coil", 30): 1, ("holding", 16): 0, ("holding", 18): 0xBEEF}


async def test_libmodbus_takes_what_is_written(libmodbus_program):
    with libmodbus_server(libmodbus_program) as server:
        server.set("coil", 16, [1, 1])
        server.set("holding", 16, [7, 7])
        link = Link(connection(server.port, timeout="5 s").options)
        for place, value in WRITTEN.items():
            await link.ask(Write(1, place, value), tries=1)
        coils = await link.ask(Request(1, Block("coil", 16, 16, ()), 2), tries=1)
        registers = await link.ask(Request(1, Block("holding", 16, 3, ()), 6), tries=1)
        link.close()
        await asyncio.sleep(0)

    assert (coils, registers) == (bytes([0b10, 0b1000000]), bytes.fromhex("00000007beef"))


@pytest.mark.parametrize("answer", [bytes(4), bytes.fromhex("000fff00"), bytes.fromhex("0010ff"), b""])
async def test_an_answer_that_is_no_copy_of_what_was_written_confirms_nothing(answer, tmp_path, certificates):
    reader = device_of(LATCHED, tmp_path)
    served = endpoint("tcp", {2: Unit(reader)}, tmp_path, certificates)
    served.bend = lambda request, _answer: (request[:4] + bytes([0, len(answer) + 2]) + request[6:8] + answer,)
    await served.start()
    link = Link(connection(served.written["port"], timeout="5 s").options)
    try:
        with pytest.raises(Garbled):
            await link.ask(Write(2, ("coil", 16), 1), tries=1)
    finally:
        link.close()
        await served.stop()
        await asyncio.sleep(0)
