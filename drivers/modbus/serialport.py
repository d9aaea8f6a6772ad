"""A serial port of this machine: opened in a thread (a driver may block), missed when its adapter vanishes."""

import asyncio
import errno
import os
import termios
import threading
from contextlib import suppress
from typing import Any, Final

import serial
from pymodbus.transport.serialtransport import SerialTransport
from serial.rs485 import RS485Settings

from drivers.modbus.connection import ConnectionModel

__all__ = ["PortTransport", "open_port", "reason"]

_PARITIES: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_BUFFER: Final = 4096
_MOST_EMPTY: Final = 3
_GONE: Final = "the adapter is gone: plug it in again"
_BUSY: Final = "another program has the port: find it with `fuser -v` and stop it"
_NOT_ALLOWED: Final = "permission denied: the monitor's user has to be in the group dialout"
_REASONS: Final = {
    errno.ENOENT: "there is no such port: is the adapter plugged in? `ls -l /dev/serial/by-id` shows what is",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EBUSY: _BUSY,
    errno.EAGAIN: _BUSY,
    errno.EIO: _GONE,
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
}

_opening: set[str] = set()


class PortTransport(SerialTransport):
    """pymodbus's transport around a port that is open already."""

    def __init__(self, protocol: Any, port: serial.Serial) -> None:
        asyncio.Transport.__init__(self)
        self.async_loop = asyncio.get_running_loop()
        self.intern_protocol: Any = protocol
        self.sync_serial = port
        self.intern_write_buffer: list[bytes] = []
        self.poll_task = None
        self._file: int = port.fileno()
        self._empty = 0
        self.async_loop.add_reader(self._file, self.intern_read_ready)
        protocol.connection_made(self)

    @property
    def moved(self) -> bool:
        """Whether the path leads to another port by now: an adapter that was plugged in again."""
        port = self.sync_serial
        try:
            return port is None or os.stat(str(port.port)).st_rdev != os.fstat(self._file).st_rdev  # noqa: PTH116
        except OSError:
            return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write; what the port does not take at once follows when it can."""
        if self.sync_serial is not None:
            self.intern_write_buffer.append(bytes(data))
            self.intern_write_ready()

    def intern_write_ready(self) -> None:
        """Write what waits."""
        data = b"".join(self.intern_write_buffer)
        try:
            written = os.write(self._file, data)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError as error:
            self.close(error)
            return
        self.intern_write_buffer[:] = [data[written:]] if written < len(data) else []
        if self.intern_write_buffer:
            self.async_loop.add_writer(self._file, self.intern_write_ready)
        else:
            self.async_loop.remove_writer(self._file)

    def intern_read_ready(self) -> None:
        """Hand on what has come. A port that is ready again and again and has nothing is gone."""
        try:
            data = os.read(self._file, _BUFFER)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.close(error)
            return
        if data:
            self._empty = 0
            self.intern_protocol.data_received(data)
            return
        self._empty += 1
        if self._empty >= _MOST_EMPTY:
            self.close(OSError(errno.EIO, os.strerror(errno.EIO)))

    def close(self, exc: Exception | None = None) -> None:
        """Close at once: what was not sent yet would keep the kernel waiting."""
        if self.sync_serial is not None:
            with suppress(OSError, termios.error):
                self.sync_serial.reset_output_buffer()
            super().close(exc)


async def open_port(options: ConnectionModel) -> serial.Serial:
    """Open the port as the settings say; OSError, ValueError or termios.error when that cannot be.

    A cancelled call leaves nothing open. While the driver of the port hangs, further calls are refused.
    """
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[serial.Serial] = loop.create_future()
    port = _configured(options)

    def hand_over(error: Exception | None) -> None:
        if opened.done():
            port.close()
        elif error is not None:
            opened.set_exception(error)
        else:
            opened.set_result(port)

    def work() -> None:
        failed: Exception | None = None
        try:
            port.open()
            with suppress(ValueError, OSError):  # ports without this setting are quick by themselves
                port.set_low_latency_mode(True)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the port has to hear it
            failed = error
        _opening.discard(options.path)
        try:
            loop.call_soon_threadsafe(hand_over, failed)
        except RuntimeError:  # the loop has ended meanwhile
            port.close()

    if options.path in _opening:
        raise OSError("the port's driver has not come back since the last try: unplug the adapter")
    _opening.add(options.path)
    threading.Thread(target=work, name=f"open {options.path}", daemon=True).start()
    return await opened


def _configured(options: ConnectionModel) -> serial.Serial:
    line, rs485 = options.line, options.rs485
    port = serial.Serial(
        None,
        baudrate=line.baudrate,
        bytesize=line.databits,
        parity=_PARITIES[line.parity],
        stopbits=line.stopbits,
        timeout=0,
        write_timeout=0,
        exclusive=True,
    )
    port.port = options.path
    if rs485 is not None:
        port.rs485_mode = RS485Settings(
            rts_level_for_tx=rs485.rts_on_send,
            rts_level_for_rx=rs485.rts_after_send,
            loopback=options.echo,
            delay_before_tx=rs485.delay_before_send,
            delay_before_rx=rs485.delay_after_send,
        )
    return port


def reason(error: Any, options: ConnectionModel) -> str:
    """Why a port could not be opened or is lost, and what to do about it."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    if number in _REASONS:
        return _REASONS[number]
    if "RS485" in str(error):
        return "the port's driver cannot switch RS-485: leave out `rs485`, a USB adapter switches by itself"
    if number == errno.EINVAL or isinstance(error, ValueError):
        return f"the port does not do {options.line}"
    if number == errno.ENOTTY or "Could not configure" in str(error):
        return "that is no serial port"
    return os.strerror(number) if number else str(error) or type(error).__name__
