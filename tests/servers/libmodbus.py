"""A Modbus server that is not ours: a small C program on libmodbus, compiled when it is first needed."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.servers.ports import free_port, wait_for_port

_SOURCE = Path(__file__).with_name("libmodbus_server.c")


class LibmodbusServer:
    """A running server; it answers every unit with the same registers, and on a serial line its own alone.

    `port` of a server on a serial line is 0.
    """

    def __init__(self, port: int, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.port = port
        self._stdin: IO[str] = process.stdin
        self._stdout: IO[str] = process.stdout

    def set(self, table: str, address: int, words: Sequence[int]) -> None:
        """Set registers (or bits) from an address on; returns when the server has them."""
        print(table, address, *words, file=self._stdin, flush=True)
        answer = self._stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError(f"the libmodbus server answered {answer!r}")


def compile_server(folder: Path) -> Path:
    """Compile the server into a folder; answer the program."""
    program = folder / "libmodbus_server"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-o", str(program), str(_SOURCE), "-lmodbus"]
    subprocess.run(command, check=True, timeout=60)
    return program


@contextmanager
def libmodbus_server(program: Path) -> Iterator[LibmodbusServer]:
    """Run the compiled server on a free port of 127.0.0.1 until the block ends."""
    port = free_port()
    command = [str(program), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_for_port(port)
            yield LibmodbusServer(port, process)
        finally:
            process.kill()


@contextmanager
def libmodbus_line(program: Path, device: Path, unit: int) -> Iterator[LibmodbusServer]:
    """Run the compiled server as one unit of the serial line at a device until the block ends."""
    command = [str(program), str(device), str(unit)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield LibmodbusServer(0, process)
        finally:
            process.kill()
