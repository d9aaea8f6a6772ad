"""When the monitor did not run: from when to when, and whether somebody had stopped it or it was cut off.

An ordered stop leaves a file with its time in the state folder, which the next start takes away. Without it the
monitor was killed, failed, or had no power, and the newest stamp of the journal is the last that is known of it.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Downtime", "last_downtime", "note_stop"]

_MARK = "stopped"
_WHOLE = re.compile(rb"(\d{1,15})\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downtime:
    """One time without the monitor, UTC ms; `after` is stopped or cut_off."""

    since: int
    until: int
    after: str

    @property
    def seconds(self) -> float | None:
        """How long it lasted; None where the clock was set back meanwhile, so that nobody knows."""
        return (self.until - self.since) / 1000 if self.until >= self.since else None

    def as_json(self) -> Mapping[str, int | float | str | None]:
        """Facts for `status`; described in docs/status.md."""
        return {"since": self.since, "until": self.until, "seconds": self.seconds, "after": self.after}


def note_stop(folder: Path, now: int) -> None:
    """Note that the monitor was told to end, at `now`; where that cannot be written, it will count as cut off."""
    with contextlib.suppress(OSError):
        mark = folder / _MARK
        mark.touch(mode=0o600)
        mark.write_text(f"{now}\n", "ascii")
        _sync(mark)
        _sync(folder)


def last_downtime(folder: Path, recorded: int, now: int) -> Downtime | None:
    """What ended just now, by the journal's newest stamp; None when the monitor has not run before.

    Takes the note of the last stop away, so that it counts once.
    """
    mark = folder / _MARK
    stopped = None
    with contextlib.suppress(OSError):
        stopped = _WHOLE.fullmatch(mark.read_bytes())
    with contextlib.suppress(OSError):
        mark.unlink()
        _sync(folder)
    if not recorded:
        return None
    if stopped is not None:
        return Downtime(since=int(stopped[1]), until=now, after="stopped")
    return Downtime(since=recorded, until=now, after="cut_off")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
