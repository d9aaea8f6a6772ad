"""A wall clock that a test sets, for one daemon alone: `wallclock.c` preloaded into it, the machine's untouched.

Only the wall clock is moved: a stepped clock looks like that, from inside. Debian's libfaketime can do
much more, at a price: a daemon under it took ten times the processor's time that it takes under this.
"""

import struct
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.faults.power import compile_library

__all__ = ["KernelClock", "WallClock", "together"]


class WallClock:
    """The wall clock of a process that is started with `environ`; `step` and `set` work while it runs."""

    def __init__(self, folder: Path, timezone: str = "Europe/Berlin") -> None:
        self._file = folder / "wall-clock"
        self._zone = ZoneInfo(timezone)
        self._ahead = 0.0
        self.step(0.0)
        self.environ = {
            "LD_PRELOAD": str(compile_library(folder, Path(__file__).with_name("wallclock.c"))),
            "WALL_CLOCK": str(self._file),
            "TZ": "UTC",
        }
        """What a process needs in its environment to live by this clock."""

    def step(self, seconds: float) -> None:
        """Move the clock by so many seconds, from where it is."""
        self._ahead += seconds
        self._write()

    def set(self, local: str) -> None:
        """Set the clock to a local time of the site (`2026-10-25 02:59:50`; UTC with `Z`); it runs on."""
        naive = datetime.fromisoformat(local)
        at = naive if naive.tzinfo is not None else naive.replace(tzinfo=self._zone)
        self._ahead = at.timestamp() - datetime.now().timestamp()  # noqa: DTZ005 - only the difference counts
        self._write()

    def now(self) -> float:
        """Seconds since 1970, by this clock."""
        return datetime.now().timestamp() + self._ahead  # noqa: DTZ005 - as above

    def _write(self) -> None:
        # In place: the process has the file in its memory.
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", round(self._ahead * 1e9)))


class KernelClock:
    """What the kernel says of the clock to a process that is started with `environ`: synchronised, or not yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "clock-unsynchronised"

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs in its environment to be told so."""
        library = compile_library(self._folder, Path(__file__).with_name("adjtimex.c"))
        return {"LD_PRELOAD": str(library), "CLOCK_UNSYNCHRONISED": str(self._file)}

    def synchronise(self) -> None:
        """From now on the clock is synchronised."""
        self._file.unlink()

    def unsynchronise(self) -> None:
        """From now on nobody knows whether the clock is right."""
        self._file.touch()


def together(*environs: dict[str, str]) -> dict[str, str]:
    """The environments in one: everything that they preload is preloaded."""
    joined: dict[str, str] = {}
    for environ in environs:
        joined |= environ
    return joined | {"LD_PRELOAD": ":".join(environ["LD_PRELOAD"] for environ in environs)}
