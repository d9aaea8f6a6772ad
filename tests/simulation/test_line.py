"""The simulated line: read by masters that are not ours, in the time that a real line takes."""

import asyncio
import fcntl
import os
import time
import tty
from pathlib import Path

import pytest
from pymodbus.framer.ascii import FramerAscii
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU

from monitor.errors import SettingsError
from monitor.simulation.line import LineSettings
from monitor.simulation.modbus import SimulatedBus, SimulatedDatagrams
from monitor.simulation.terminal import SimulatedConverter, SimulatedLine
from monitor.simulation.unit import Unit, Wrong
from tests.servers.masters import compile_client, libmodbus_client, mbpoll

QUICK = LineSettings(baudrate=115200, turn_around=0.002)
REFUSED = "error Illegal data address"
BUSY = "error Slave device or server is busy"
TIMED_OUT = "error Connection timed out"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_client(tmp_path_factory.mktemp("libmodbus"))


def filled(start: int) -> Unit:
    """A unit with 200 registers in each table of registers, and bits."""
    unit = Unit()
    unit.set("holding", 0, range(start, start + 200))
    unit.set("input", 0, range(start + 1000, start + 1200))
    unit.set("coil", 0, [1, 0, 1])
    unit.set("discrete", 0, [0, 1, 1])
    return unit


def units() -> dict[int, Unit]:
    return {1: filled(100), 7: filled(700)}


class Master:
    """The other end of a terminal, as raw bytes."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.file)
        self._heard = bytearray()
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.file, self._read)

    def _read(self) -> None:
        self._heard += os.read(self.file, 4096)
        self._came.set()

    def say(self, frame: bytes) -> None:
        os.write(self.file, frame)

    async def hear(self, count: int) -> bytes:
        """The next bytes, as many as that."""
        async with asyncio.timeout(60):
            while len(self._heard) < count:
                self._came.clear()
                await self._came.wait()
        said = bytes(self._heard[:count])
        del self._heard[:count]
        return said

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.file)
        os.close(self.file)


def request(unit: int, count: int, address: int = 0) -> bytes:
    """Ask for holding registers, over RTU."""
    content = bytes([3, *address.to_bytes(2, "big"), *count.to_bytes(2, "big")])
    return FramerRTU(DecodePDU(False)).encode(content, unit, 0)


async def test_libmodbus_reads_every_table_over_tcp_and_on_the_line(program: Path) -> None:
    bus = SimulatedBus(units())
    port = await bus.start()
    line = SimulatedLine(units(), QUICK)
    async with line as path:
        for where in (("tcp", str(port)), ("rtu", path, "115200")):
            async with libmodbus_client(program, *where) as master:
                assert await master.read(7, "holding", 10, 3) == [710, 711, 712]
                assert await master.read(1, "input", 0, 125) == list(range(1100, 1225))
                assert await master.read(1, "coil", 0, 3) == [1, 0, 1]
                assert await master.read(7, "discrete", 0, 3) == [0, 1, 1]
    await bus.stop()


async def test_mbpoll_reads_over_tcp_and_on_the_line() -> None:
    bus = SimulatedBus(units())
    port = await bus.start()
    async with SimulatedLine(units(), QUICK) as path:
        over_tcp = await mbpoll(
            "-m", "tcp", "-p", str(port), "-a", "7", "-t", "4", "-r", "3", "-c", "2", "127.0.0.1"
        )
        on_line = await mbpoll(
            *("-m", "rtu", "-b", "115200", "-P", "none", "-a", "7", "-t", "3", "-r", "3", "-c", "2", path)
        )
    await bus.stop()

    assert over_tcp == {3: 702, 4: 703}
    assert on_line == {3: 1702, 4: 1703}


async def test_faults_reach_a_master_that_is_not_ours(program: Path) -> None:
    line = SimulatedLine(units(), QUICK)
    faults = line.units[1].faults
    async with line as path, libmodbus_client(program, "rtu", path, "115200") as master:
        faults.refused.append(("holding", 50, 60, 2))
        refused = await master.read(1, "holding", 59, 2)
        beside = await master.read(1, "holding", 61, 2)
        faults.busy = True
        busy = await master.read(1, "holding", 0, 1)
        faults.busy, faults.wrong = False, Wrong.CORRUPT
        corrupt = await master.read(1, "holding", 0, 1)
        other = await master.read(7, "holding", 0, 1)
        faults.wrong, faults.silent = None, True
        silent = await master.read(1, "holding", 0, 1)

    assert (refused, beside, busy) == (REFUSED, [161, 162], BUSY)
    assert corrupt == "error Invalid CRC"
    assert other == [700]
    assert silent == TIMED_OUT


async def test_a_transaction_never_takes_less_than_its_bytes_and_on_an_idle_machine_hardly_more() -> None:
    line = SimulatedLine({1: filled(0)}, LineSettings(baudrate=9600, turn_around=0.01))
    character = 10 / 9600
    expected = (8 + 45) * character + 0.01
    async with line as path:
        master = Master(path)
        took: list[float] = []
        while not took or (min(took) > expected * 1.1 and len(took) < 400):  # until the machine is idle for once
            began = time.perf_counter()
            master.say(request(1, 20))
            await master.hear(45)
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)
        master.close()

    count = len(took)
    assert min(took) == pytest.approx(expected, rel=0.1)
    assert min(took) >= expected - 0.0005
    assert line.line.statistics.requests == line.line.statistics.answers == count
    assert line.line.statistics.busy == pytest.approx(count * (8 + 45) * character)
    assert (line.line.statistics.request_bytes, line.line.statistics.answer_bytes) == (count * 8, count * 45)


async def test_two_who_speak_at_once_garble_each_other() -> None:
    line = SimulatedLine(units(), LineSettings(baudrate=9600, turn_around=0.005))
    async with line as path:
        master = Master(path)
        line.units[1].turn_around = 0.1  # it answers while the master has lost patience and asks the other one
        master.say(request(1, 20))
        await asyncio.sleep(0.13)
        master.say(request(7, 20))
        heard = await master.hear(45)
        line.units[1].turn_around = None
        await asyncio.sleep(0.1)
        master.say(request(7, 1))
        sound = await master.hear(7)
        master.close()

    assert not FramerRTU.check_CRC(heard[:-2], int.from_bytes(heard[-2:], "big"))
    assert line.line.statistics.collisions == 2
    assert sound[:5] == bytes([7, 3, 2, *(700).to_bytes(2, "big")])


async def test_the_adapter_with_an_echo_hears_what_it_says() -> None:
    line = SimulatedLine(units(), LineSettings(baudrate=115200, turn_around=0.002, echo=True))
    async with line as path:
        master = Master(path)
        asked = request(7, 1)
        master.say(asked)
        heard = await master.hear(len(asked) + 7)
        master.close()

    assert heard[:8] == asked
    assert heard[8:13] == bytes([7, 3, 2, *(700).to_bytes(2, "big")])


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("baudrate", [9600, 19200, 38400])
async def test_the_bytes_of_an_answer_keep_their_order(baudrate: int, count: int) -> None:
    async with SimulatedLine(units(), LineSettings(baudrate=baudrate, turn_around=0.002)) as path:
        master = Master(path)
        master.say(request(7, count))
        heard = await master.hear(5 + 2 * count)
        master.close()

    assert heard[:3] == bytes([7, 3, 2 * count])
    assert FramerRTU.check_CRC(heard[:-2], int.from_bytes(heard[-2:], "big"))


async def test_ascii_is_spoken_on_the_line() -> None:
    framer = FramerAscii(DecodePDU(False))
    line = SimulatedLine(units(), LineSettings(form="ascii", baudrate=115200, turn_around=0.002))
    async with line as path:
        master = Master(path)
        master.say(b":garbage\r\n" + framer.encode(bytes([3, 0, 5, 0, 2]), 7, 0))
        heard = await master.hear(19)
        master.close()

    assert framer.decode(heard)[3] == bytes([3, 4, *(705).to_bytes(2, "big"), *(706).to_bytes(2, "big")])


async def test_a_request_in_pieces_and_one_behind_noise_are_heard() -> None:
    line = SimulatedLine(units(), QUICK)
    async with line as path:
        master = Master(path)
        whole = request(7, 1)
        master.say(whole[:3])
        await asyncio.sleep(0.001)
        master.say(whole[3:])
        first = await master.hear(7)
        master.say(b"\xff\x77\x77\x77\x77\x77")
        await asyncio.sleep(0.2)  # noise, then rest: the line begins anew
        master.say(whole)
        second = await master.hear(7)
        master.close()

    assert first == second


async def test_a_converter_passes_the_lines_bytes_on() -> None:
    converter = SimulatedConverter(units(), QUICK)
    port = await converter.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    writer.write(request(7, 2))
    heard = await asyncio.wait_for(reader.readexactly(9), 60)
    converter.forget_connections()
    writer.write(request(7, 2))
    again, other = await asyncio.open_connection("127.0.0.1", port)
    other.write(request(1, 1))
    fresh = await asyncio.wait_for(again.readexactly(7), 60)

    assert heard[:3] == bytes([7, 3, 4])
    assert fresh[:5] == bytes([1, 3, 2, 0, 100])
    assert converter.line.statistics.requests == 2, "nobody listened to the forgotten connection"
    writer.close()
    other.close()
    await converter.stop()


async def test_datagrams_are_answered() -> None:
    endpoint = SimulatedDatagrams(units())
    port = await endpoint.start()
    came: asyncio.Queue[bytes] = asyncio.Queue()

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            del addr
            came.put_nowait(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Client, remote_addr=("127.0.0.1", port)
    )
    transport.sendto(b"no frame at all")
    transport.sendto(bytes([0, 9, 0, 0, 0, 6, 7, 3, 0, 0, 0, 1]))
    answer = await asyncio.wait_for(came.get(), 60)
    transport.close()
    await endpoint.stop()

    assert answer == bytes([0, 9, 0, 0, 0, 5, 7, 3, 2, *(700).to_bytes(2, "big")])


# The link --------------------------------------------------------------------------------------------------


async def test_the_link_is_made_taken_over_and_taken_away(tmp_path: Path) -> None:
    link = tmp_path / "meters"
    async with SimulatedLine(units(), link=link) as path:
        assert path == str(link)
        assert link.is_char_device()
        left = os.readlink(link)  # noqa: PTH115 - Path would lose the spelling
    assert not link.is_symlink()

    link.symlink_to(left)  # as after a power cut
    async with SimulatedLine(units(), link=link):
        assert link.exists()
    assert not link.is_symlink()


@pytest.mark.parametrize("what", ["file", "folder", "foreign link", "dangling link"])
async def test_nothing_that_is_there_already_is_touched(tmp_path: Path, what: str) -> None:
    link = tmp_path / "meters"
    if what == "file":
        link.write_text("precious")
    elif what == "folder":
        link.mkdir()
    else:
        link.symlink_to("/dev/null" if what == "foreign link" else tmp_path / "nothing")
    before = link.lstat().st_ino

    with pytest.raises(SettingsError, match="is there already"):
        await SimulatedLine(units(), link=link).start()

    assert link.lstat().st_ino == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/dev/ttyUSB77", "real devices"),
        ("/dev/shm/line", "real devices"),
        ("/dev/serial/by-id/usb-77", "real devices"),
        ("/proc/self/line", "real devices"),
        ("/tmp/no/such/folder/line", "no folder"),
    ],
)
async def test_a_line_is_never_put_among_real_devices(path: str, says: str) -> None:
    link = Path(path)

    with pytest.raises(SettingsError, match=says):
        await SimulatedLine(units(), link=link).start()

    assert not os.path.lexists(path)  # noqa: ASYNC240 - nothing else runs


async def test_another_program_may_lock_the_line() -> None:
    async with SimulatedLine(units(), QUICK) as path:
        master = Master(path)
        fcntl.flock(master.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        master.close()
