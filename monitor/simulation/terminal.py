"""Simulated serial lines to open: on a pseudo-terminal of this machine, or behind a converter of TCP."""

import asyncio
import contextlib
import fcntl
import os
import pty
import termios
import tty
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from monitor.errors import SettingsError
from monitor.simulation.endpoint import Endpoint, Peer
from monitor.simulation.line import Line, LineSettings
from monitor.simulation.unit import Unit

__all__ = ["SimulatedConverter", "SimulatedLine"]

_OURS: Final = "/dev/./pts/"
"""How the target of a link of ours begins: another spelling of /dev/pts, by which it is known again."""
_SYSTEM: Final = ("/dev", "/proc", "/sys")
_READ: Final = 4096


class SimulatedLine:
    """A serial line whose master opens a pseudo-terminal; as a context manager it gives the path.

    With `link`, that path is a symbolic link to the terminal, so that it is the same each time. With `heeds_speed`
    nobody on the line understands a master that set the terminal to another speed; parity a terminal has none.
    """

    def __init__(
        self,
        units: Mapping[int, Unit],
        settings: LineSettings | None = None,
        *,
        link: Path | None = None,
        heeds_speed: bool = False,
    ) -> None:
        self.line = Line(units, self._deliver, settings or LineSettings())
        speed = f"B{self.line.settings.baudrate}"
        self._speed: int | None = getattr(termios, speed, None) if heeds_speed else None
        self.half_open = False
        """While true, nothing is heard on the line."""
        self._link = link
        self._ends: tuple[int, int] | None = None
        self._target = ""

    @property
    def units(self) -> dict[int, Unit]:
        """The units on the line; more may be put on it at any time."""
        return self.line.units

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> str:
        """Make the terminal and the link; answer the path to open.

        Raises SettingsError for a link that must not be made, OSError when this machine has no terminals left.
        """
        if self._link is not None:
            _must_be_free(self._link)
        ends = pty.openpty()
        try:
            for end in ends:
                tty.setraw(end)
            os.set_blocking(ends[0], False)
            name = os.ttyname(ends[1])
            fcntl.lockf(ends[1], fcntl.LOCK_EX | fcntl.LOCK_NB)  # of the kind that masters do not use
            self._target = name.replace("/dev/pts/", _OURS, 1)
            if self._link is not None:
                _point(self._link, self._target)
        except BaseException:
            for end in ends:
                os.close(end)
            raise
        self._ends = ends  # the slave stays open, so that the master may close and open it again
        asyncio.get_running_loop().add_reader(ends[0], self._read, ends[0])
        return name if self._link is None else str(self._link)

    async def stop(self) -> None:
        """Take the link and the terminal away; it may be started again."""
        ends, self._ends = self._ends, None
        if ends is None:
            return
        asyncio.get_running_loop().remove_reader(ends[0])
        self.line.quiet()
        if self._link is not None and _target(self._link) == self._target:
            self._link.unlink()
        for end in ends:
            os.close(end)

    @property
    def is_up(self) -> bool:
        """Whether the terminal is there."""
        return self._ends is not None

    def _read(self, end: int) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(end, _READ)
            if data and not self.half_open and self._is_understood(end):
                self.line.hear(data)

    def _is_understood(self, end: int) -> bool:
        """Whether the master set the terminal to the speed of the line (4: its speed to send)."""
        return self._speed is None or termios.tcgetattr(end)[4] == self._speed

    def _deliver(self, data: bytes) -> None:
        if self._ends is not None:
            with contextlib.suppress(BlockingIOError):  # nobody reads: as on a line, what nobody hears is lost
                os.write(self._ends[0], data)


class SimulatedConverter(Endpoint):
    """A serial line behind a converter that passes bytes on as they are (`transport: rtu-over-tcp`).

    Whoever is connected hears all that is said on the line.
    """

    def __init__(self, units: Mapping[int, Unit], settings: LineSettings | None = None) -> None:
        super().__init__()
        self.line = Line(units, self._deliver, settings or LineSettings())

    @property
    def units(self) -> dict[int, Unit]:
        """The units on the line; more may be put on it at any time."""
        return self.line.units

    async def stop(self) -> None:
        """Close the endpoint and its connections; it may be started again."""
        self.line.quiet()
        await super().stop()

    def received(self, peer: Peer, data: bytes) -> None:
        """Put on the line what came over the network."""
        del peer
        self.line.hear(data)

    def _deliver(self, data: bytes) -> None:
        if not self.half_open:
            for peer in tuple(self.peers):
                peer.send(data)


def _must_be_free(link: Path) -> None:
    """Refuse a path where a link of ours has no business."""
    folder = link.parent
    real = os.path.realpath(folder)
    if any(real == place or real.startswith(f"{place}/") for place in _SYSTEM):
        raise SettingsError(
            f"{link}: a simulated line is never put below {real}, where real devices are; "
            f"write a path in a folder of yours"
        )
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise SettingsError(f"{link}: there is no folder {folder} that you may write to")
    if os.path.lexists(link) and not _target(link).startswith(_OURS):
        raise SettingsError(f"{link} is there already, and is no simulated line; it stays as it is")
    if _is_served(link):
        raise SettingsError(f"{link} is served by another simulator already")


def _is_served(link: Path) -> bool:
    """Whether a simulator that lives has locked the terminal that a link leads to."""
    try:
        end = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False  # nothing is there: its simulator has ended without a word
    try:
        fcntl.lockf(end, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(end)
    return False


def _target(link: Path) -> str:
    """Where a link leads to, as it is spelt; empty for what is none."""
    return os.readlink(link) if link.is_symlink() else ""  # noqa: PTH115 - Path would lose the spelling


def _point(link: Path, target: str) -> None:
    """Make the link, in the place of an older one of ours."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        fresh.symlink_to(target)
        fresh.replace(link)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise SettingsError(f"{link} cannot be made: {error.strerror}") from error
