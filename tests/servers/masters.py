"""Modbus masters that are not ours: `mbpoll` of Debian, and a small C program on libmodbus."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["LibmodbusClient", "compile_client", "libmodbus_client", "mbpoll"]

_SOURCE = Path(__file__).with_name("libmodbus_client.c")


def compile_client(folder: Path) -> Path:
    """Compile the client into a folder; answer the program."""
    program = folder / "libmodbus_client"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-o", str(program), str(_SOURCE), "-lmodbus"]
    subprocess.run(command, check=True, timeout=60)
    return program


class LibmodbusClient:
    """A running client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self, unit: int, table: str, address: int, count: int) -> list[int] | str:
        """What the master read, or the error that it tells of."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{unit} {table} {address} {count}\n".encode())
        line = (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode().strip()
        return line if line.startswith("error") else [int(word) for word in line.split()]


@asynccontextmanager
async def libmodbus_client(program: Path, *where: str) -> AsyncIterator[LibmodbusClient]:
    """Run the compiled client until the block ends; `where`: tcp and a port, or rtu, a path and a baud rate."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(str(program), *where, stdin=pipe, stdout=pipe)
    try:
        yield LibmodbusClient(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def mbpoll(*words: str) -> dict[int, int]:
    """Run `mbpoll` once; what it shows by reference number (which counts from 1)."""
    process = await asyncio.create_subprocess_exec(
        "mbpoll", "-1", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, said
    return {int(number): int(value) for number, value in re.findall(r"^\[(\d+)\]:\s+(-?\d+)", said, re.MULTILINE)}
