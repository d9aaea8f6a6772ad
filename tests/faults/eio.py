"""A disk that fails for some files while a test says so: `eio.c`, preloaded into a program."""

import errno
from pathlib import Path

from tests.faults.power import compile_library

__all__ = ["FailingDisk"]

_SOURCE = Path(__file__).with_name("eio.c")


class FailingDisk:
    """The disk below a folder, for a program that is started with `environ`."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._when = folder.parent / f"{folder.name}.fails"
        self.environ = {
            "LD_PRELOAD": str(library),
            "EIO_FOLDER": str(folder),
            "EIO_WHEN": str(self._when),
        }

    @staticmethod
    def compile(folder: Path) -> Path:
        """Compile the library into a folder; answer it."""
        return compile_library(folder, _SOURCE)

    def fail(self, calls: str, name: str, error: int = errno.EIO) -> None:
        """Let calls fail for the files whose names begin so ("": all): r reads, w writes, s fsync, n new names."""
        ready = self._when.with_suffix(".ready")
        ready.write_text(f"{calls} {error} {name}\n")
        ready.replace(self._when)

    def mend(self) -> None:
        """Let nothing fail any more."""
        self._when.unlink(missing_ok=True)
