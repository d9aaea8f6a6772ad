"""RTU against libmodbus on a serial line: a server that shares no code with us or with pymodbus."""

import asyncio
import os
import tty
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.modbus.encode import contents
from drivers.modbus.layout import Field
from tests.drivers.modbus.site import device, driver_of, point
from tests.drivers.modbus.test_roundtrip import CASES, every_case, same
from tests.servers.libmodbus import libmodbus_line


class Wires:
    """Two wires between pseudo-terminals: what one of them says, all others hear."""

    def __init__(self, ends: int) -> None:
        self._masters, self._slaves = [], []
        for _ in range(ends):
            master, slave = os.openpty()
            tty.setraw(slave)
            self._masters.append(master)
            self._slaves.append(slave)
        self.paths = [Path(os.ttyname(slave)) for slave in self._slaves]
        loop = asyncio.get_running_loop()
        for master in self._masters:
            loop.add_reader(master, self._pass_on, master, [each for each in self._masters if each != master])

    def _pass_on(self, source: int, targets: list[int]) -> None:
        data = os.read(source, 4096)
        for target in targets:
            os.write(target, data)

    def cut(self) -> None:
        for master, slave in zip(self._masters, self._slaves, strict=True):
            asyncio.get_running_loop().remove_reader(master)
            os.close(slave)
            os.close(master)


@pytest.fixture
async def line(libmodbus_program):
    """The path of a line with libmodbus servers as units 1 and 2, and the servers by unit."""
    wires = Wires(3)
    with ExitStack() as stack:
        servers = {
            unit: stack.enter_context(libmodbus_line(libmodbus_program, wires.paths[unit], unit))
            for unit in (1, 2)
        }
        yield {"transport": "rtu", "port": str(wires.paths[0]), "baudrate": 115200}, servers
    wires.cut()


def sample(kind):
    if kind == "bool":
        return True
    if kind.startswith("string"):
        return "Meter 7b"
    return 77.5 if kind.startswith("float") else 77


async def test_every_type_in_every_order_comes_back_over_a_serial_line(line):
    written, servers = line
    meter = every_case()
    values = {f"p{number}": sample(kind) for number, (kind, _) in enumerate(CASES)} | {
        "coil": True,
        "contact": True,
    }
    for name, value in values.items():
        of = Field.of(meter.points[name], None)
        servers[1].set(of.span.table, of.span.first, contents(of, value))
    modbus = driver_of(written, meter, timeout="10 s")

    answer = await modbus.read("meter", "fast")

    await modbus.close()
    assert answer.missing == {}
    assert [name for name in values if not same(answer.values[name], values[name])] == []


async def test_two_units_of_a_line_are_told_apart_and_a_third_is_silent(line):
    """The silent one is asked last: libmodbus takes the next request for the answer that it has missed."""
    written, servers = line
    meters = [
        device(point("count", register="holding 5", type="uint16"), name=f"meter-{unit}", unit=unit)
        for unit in (1, 2, 3)
    ]
    for unit, server in servers.items():
        server.set("holding", 5, [unit * 11])
    modbus = driver_of(written, *meters, timeout="2 s")

    answers = [await modbus.read(meter.id, "fast") for meter in meters[:2] + meters]

    assert [answer.values.get("count") for answer in answers] == [11, 22, 11, 22, None]
    assert modbus.traffic("meter-1").errors == {}
    assert modbus.traffic("meter-3").errors == {"timeout": 1}
    assert "Not a byte came from unit 3, and others on the line answer" in modbus.advice("meter-3")
    await modbus.close()


async def test_an_address_that_is_not_there_is_a_refusal_on_a_line_too(line):
    written, _ = line
    meter = device(point("count", register="holding 65535", type="uint16"))
    modbus = driver_of(written, meter, timeout="5 s")

    answer = await modbus.read("meter", "fast")

    assert answer.answered
    await modbus.close()
