"""Scans over simulated lines and networks, and what registers may mean."""

import asyncio
import socket
import struct

import pytest

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.cost import overhead_of
from drivers.modbus.settings import Register
from drivers.modbus.survey.advice import advice_of
from drivers.modbus.survey.bus import OwnBus
from drivers.modbus.survey.hosts import HostScan, parse_hosts
from drivers.modbus.survey.scan import Found, Outcome, Said, Scan, longest, parse_units, patience_of
from drivers.modbus.survey.values import read_as, register_of, source_of, views
from monitor.errors import RequestRefused
from monitor.model import Missing
from monitor.simulation.line import LineSettings
from monitor.simulation.modbus import SimulatedBus
from monitor.simulation.terminal import SimulatedLine
from monitor.simulation.unit import Unit, Wrong
from tests.poller.scripted import until
from tests.servers.ports import free_port

FAST = LineSettings(baudrate=115200)


def faulty(**faults) -> Unit:
    unit = Unit()
    for name, value in faults.items():
        setattr(unit.faults, name, value)
    return unit


def own(path: str, **options) -> OwnBus:
    written = {"transport": "rtu", "port": path, "baudrate": 115200} | options
    return OwnBus(ConnectionModel.model_validate(written), timeout=0.4)


async def scanned(units: dict[int, Unit], ids: list[int], **more) -> Scan:
    async with SimulatedLine(units, FAST) as path, own(path) as bus:
        scan = Scan(bus, ids, **more)
        await scan.run()
    return scan


async def test_whatever_answers_is_a_unit():
    refused = [("holding", 0, 9, 2), ("coil", 0, 9, 1), ("discrete", 0, 9, 0)]
    scan = await scanned({2: Unit(), 5: faulty(refused=refused), 6: faulty(exception=4)}, [1, 2, 3, 4, 5, 6])

    assert [found.unit for found in scan.found] == [2, 5, 6]
    assert {str(outcome) for outcome in scan.found[0].tables.values()} == {"answer"}
    assert {table: str(outcome) for table, outcome in scan.found[1].tables.items()} == {
        "holding": "exception 2",
        "input": "answer",
        "coil": "exception 1",
        "discrete": "silence",
    }
    assert scan.found[1].readable == "input"
    assert scan.found[0].ms >= 20
    assert "no answer" in scan.trouble
    assert scan.asked == 6


async def test_a_unit_that_knows_input_registers_alone_is_found_thoroughly():
    silent = [(table, 0, 65535, 0) for table in ("holding", "coil", "discrete")]
    units = {3: faulty(refused=silent)}

    assert (await scanned(units, [3])).found == []
    silent.pop()
    assert [found.unit for found in (await scanned(units, [3], first=("holding", "input"))).found] == [3]


async def test_a_slow_unit_is_heard_by_the_next_one_and_asked_again():
    slow = Unit()
    slow.turn_around = 0.65
    scan = await scanned({3: slow, 4: Unit()}, [3, 4, 5])

    assert [(found.unit, found.late) for found in scan.found] == [(4, False), (3, True)]
    assert scan.bus.timeout == 0.4
    assert any("slow" in advice for advice in advice_of(scan.found, 3, is_line=True, trouble=""))


async def test_damage_is_told_apart_from_silence():
    often = faulty(wrong=Wrong.CORRUPT, one_in=2)
    scan = await scanned({3: faulty(wrong=Wrong.CORRUPT), 4: Unit(), 5: often}, [3, 4, 5, 6])
    advice = advice_of(scan.found, 4, is_line=True, trouble=scan.trouble)

    assert [(found.unit, found.is_garbled) for found in scan.found] == [(3, True), (4, False), (5, False)]
    assert advice[0].startswith("damaged answers only, from unit 3: two devices may have that id")


def test_damage_everywhere_is_the_line():
    damaged = {"holding": Outcome(Said.GARBLED)}
    found = [Found(unit=unit, tables=damaged, ms=0.0, damaged=3) for unit in (1, 2, 3)]

    assert "another parity" in advice_of(found, 247, is_line=True, trouble="no answer")[0]


def test_nobody_means_something_else_on_a_line_and_in_a_network():
    assert "swap A and B" in advice_of([], 247, is_line=True, trouble="no answer")[0]
    assert "Modbus" in advice_of([], 247, is_line=False, trouble="no answer")[0]
    assert "one client" in advice_of([], 9, is_line=False, trouble="10.0.0.1:502 closed the connection")[0]


async def tcp(units: dict[int, Unit], ids: list[int]) -> Scan:
    endpoint = SimulatedBus(units)
    port = await endpoint.start()
    options = ConnectionModel.model_validate({"transport": "tcp", "host": "127.0.0.1", "port": port})
    async with OwnBus(options, timeout=0.3) as bus:
        scan = Scan(bus, ids)
        await scan.run()
    await endpoint.stop()
    return scan


async def test_units_that_a_gateway_does_not_reach_are_absent():
    units = {unit: faulty(exception=11 if unit % 2 else 10) for unit in range(1, 8)} | {4: Unit()}
    scan = await tcp(units, list(range(1, 8)))

    assert [found.unit for found in scan.found] == [4]


async def test_an_endpoint_that_answers_to_every_id_is_one_device():
    scan = await tcp(dict.fromkeys(range(1, 21), Unit()), list(range(1, 21)))

    assert len(scan.found) == 20
    assert "every id answers" in advice_of(scan.found, scan.asked, is_line=False, trouble="")[0]


async def test_a_scan_that_is_cancelled_keeps_what_it_found_and_leaves_the_port():
    async with SimulatedLine({1: Unit()}, FAST) as path:
        async with own(path) as bus:
            scan = Scan(bus, range(1, 248))
            running = asyncio.create_task(scan.run())
            await until(lambda: scan.asked >= 2)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        async with own(path) as again:
            read = list(await again.read(1, "holding", 0, 1))

    assert [found.unit for found in scan.found] == [1]
    assert running.cancelled()
    assert read == [0]


async def test_a_port_that_is_not_there_ends_a_scan():
    async with own("/nowhere/ttyUSB7") as bus:
        with pytest.raises(RequestRefused, match="there is no such port"):
            await Scan(bus, [1, 2]).run()


async def test_a_port_that_another_program_has_is_told():
    async with SimulatedLine({1: Unit()}, FAST) as path, own(path) as holder, own(path) as late:
        await holder.read(1, "holding", 0, 1)
        with pytest.raises(RequestRefused, match="another program has the port"):
            await late.read(1, "holding", 0, 1)


def test_all_ids_of_a_usual_line_take_about_a_minute():
    options = ConnectionModel.model_validate({"transport": "rtu", "port": "/dev/ttyUSB0", "baudrate": 9600})
    seconds = longest(247, timeout=patience_of(is_line=True), overhead=overhead_of(options))

    assert 45 < seconds < 62
    assert longest(247, timeout=0.2, overhead=0.02, share=0.2) == pytest.approx(5 * 247 * 0.22)


async def test_what_is_reckoned_is_what_it_takes():
    loop = asyncio.get_running_loop()
    async with SimulatedLine({}, FAST) as path, own(path) as bus:
        began = loop.time()
        await Scan(bus, range(1, 6)).run()
        took = loop.time() - began
        reckoned = longest(5, timeout=0.4, overhead=overhead_of(bus.options))

    assert took >= 0.9 * reckoned


@pytest.mark.parametrize(
    ("text", "ids"), [("7", [7]), ("1-3,40", [1, 2, 3, 40]), (" 5 - 6 , 5", [5, 6]), ("0,255", [0, 255])]
)
def test_unit_ids(text, ids):
    assert parse_units(text) == ids


@pytest.mark.parametrize("text", ["", "a", "3-1", "256", "1-", "-1", "1,,2", "1000"])
def test_what_is_no_unit_id_is_refused(text):
    with pytest.raises(RequestRefused):
        parse_units(text)


# Networks ------------------------------------------------------------------------------------------------


async def test_addresses_that_speak_modbus_are_found():
    port = free_port()
    speaks, gateway = SimulatedBus({1: Unit(), 9: Unit()}), SimulatedBus({20: Unit()})
    await speaks.start(host="127.0.0.3", port=port)
    await gateway.start(host="127.0.0.12", port=port)
    scan = HostScan(parse_hosts("127.0.0.0/28"), port=port, timeout=0.3)
    await scan.run()
    wanted = HostScan(["127.0.0.12"], port=port, timeout=0.3, units=[19, 20])
    await wanted.run()
    await speaks.stop()
    await gateway.stop()

    assert scan.asked == 14
    assert [(found.host, [unit.unit for unit in found.units]) for found in scan.found] == [
        ("127.0.0.3", [1]),
        ("127.0.0.12", []),
    ]
    assert "no answer" in scan.found[1].trouble
    assert [unit.unit for unit in wanted.found[0].units] == [20]


async def test_a_scan_of_a_network_that_is_cancelled_leaves_no_connection():
    silent = SimulatedBus({})
    port = await silent.start(host="0.0.0.0")
    scan = HostScan(parse_hosts("127.0.0.0/27"), port=port, timeout=9)
    running = asyncio.create_task(scan.run())
    await until(lambda: silent.connections == 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: not silent.connections)
    await silent.stop()

    assert running.cancelled()
    assert scan.asked == 0


async def test_a_gateway_that_reaches_none_of_the_usual_units_speaks_modbus():
    gateway = SimulatedBus({unit: faulty(exception=11) for unit in (0, 1, 255)})
    scan = HostScan(["127.0.0.1"], port=await gateway.start(), timeout=0.5)
    await scan.run()
    await gateway.stop()

    assert [(found.is_gateway, found.is_modbus, found.units) for found in scan.found] == [(True, True, ())]


async def test_what_speaks_something_else_is_no_modbus():
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, family=socket.AF_INET)
    scan = HostScan(["127.0.0.1"], port=server.sockets[0].getsockname()[1], timeout=0.3)
    await scan.run()
    server.close()
    await server.wait_closed()

    assert [found.host for found in scan.found] == ["127.0.0.1"]
    assert not scan.found[0].is_modbus


@pytest.mark.parametrize(
    ("text", "first", "count"),
    [
        ("10.0.0.0/24", "10.0.0.1", 254),
        ("192.168.4.0/22", "192.168.4.1", 1022),
        ("10.0.0.5-40", "10.0.0.5", 36),
        ("10.0.0.250-10.0.1.5", "10.0.0.250", 12),
        ("10.0.0.7,10.0.0.7, 10.0.0.9", "10.0.0.7", 2),
    ],
)
def test_ranges_of_addresses(text, first, count):
    hosts = parse_hosts(text)

    assert (hosts[0], len(hosts)) == (first, count)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0/21", "at most 1024"),
        ("10.0.0.0/23,10.1.0.0/23,10.2.0.0/23", "at most 1024"),
        ("10.0.0.9-5", "lower address first"),
        ("8.8.8.0/30", "no private address"),
        ("meter.local", "no range of addresses"),
        ("10.0.0.0/33", "no range"),
    ],
)
def test_other_ranges_are_refused(text, why):
    with pytest.raises(RequestRefused, match=why):
        parse_hosts(text)


def test_public_addresses_have_to_be_forced():
    assert parse_hosts("8.8.8.8", force=True) == ["8.8.8.8"]


# What registers mean -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "packing"),
    [("ABCD", (0, 1, 2, 3)), ("CDAB", (2, 3, 0, 1)), ("BADC", (1, 0, 3, 2)), ("DCBA", (3, 2, 1, 0))],
)
def test_each_order_has_its_bytes(order, packing):
    value = struct.pack(">f", 230.5)
    sent = bytes(value[at] for at in packing)
    (reading,) = read_as(source_of(Register("input", 7), "float32"), 7, struct.unpack(">2H", sent))

    assert reading.values[order] == 230.5
    assert reading.address == 7


def test_types_of_one_register_and_texts():
    at = Register("holding", 10)

    assert [one.values["ABCD"] for one in read_as(source_of(at, "int16"), 10, [0xFFFF, 2])] == [-1, 2]
    assert read_as(source_of(at, "bcd16"), 10, [0x0A11])[0].values["ABCD"] is Missing.UNDECODABLE
    text = read_as(source_of(at, "string:4"), 10, [0x4D45, 0x5445])[0]
    assert (text.values["ABCD"], text.values["BADC"]) == ("METE", "EMET")
    assert read_as(source_of(Register("coil", 3), "bool"), 3, [1])[0].values == {"ABCD": True}


def test_contents_of_no_known_type_are_shown_as_each():
    found = views(Register("holding", 100), [0x4366, 0x8000])

    assert [(each.address, each.type) for each in found] == [
        (100, "uint16"),
        (100, "int16"),
        (100, "float32"),
        (100, "int32"),
        (100, "uint32"),
        (101, "uint16"),
        (101, "int16"),
    ]
    assert found[2].values["ABCD"] == 230.5


@pytest.mark.parametrize("text", ["holding", "40001", "sunspec 1 50", "holding 70000", ""])
def test_what_is_no_register_is_refused(text):
    with pytest.raises(RequestRefused):
        register_of(text)
