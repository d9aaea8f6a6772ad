"""Where an export goes: a file that is there as a whole or not at all, or standard output."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Final

from monitor.errors import RequestRefused
from monitor.wording import Sentence

__all__ = ["STANDARD_OUTPUT", "open_target"]

STANDARD_OUTPUT: Final = Path("-")
_LONGEST_PREFIX: Final = 100


@contextlib.contextmanager
def open_target(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """Write to a file that only its owner may read, put in place at the end; `-` is standard output.

    Raises RequestRefused when it exists and is not to be replaced (`force`), or cannot be written.
    """
    if path == STANDARD_OUTPUT:
        with _standard_output() as out:
            yield out
        return
    _look_at(path, force=force)
    beside = None
    try:
        prefix = f".{path.name[:_LONGEST_PREFIX]}."
        with NamedTemporaryFile(dir=path.parent, prefix=prefix, delete=False) as beside:  # mode 0600
            yield beside
            beside.flush()
            os.fsync(beside.fileno())
        if force:
            Path(beside.name).replace(path)
        else:
            _put(Path(beside.name), path)
    except OSError as error:
        raise RequestRefused(
            Sentence("{file} cannot be written: {error}", file=str(path), error=str(error.strerror or error))
        ) from error
    finally:
        if beside is not None:
            Path(beside.name).unlink(missing_ok=True)


@contextlib.contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # Or what is left would fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever reads has enough
            raise
        raise RequestRefused(
            Sentence(
                "standard output cannot be written: {error}; what is there is not whole",
                error=str(error.strerror or error),
            )
        ) from error


def _look_at(path: Path, *, force: bool) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise RequestRefused(
            Sentence("{file} cannot be written: {error}", file=str(path), error=str(error.strerror or error))
        ) from error
    if not stat.S_ISREG(mode):
        raise RequestRefused(
            Sentence("{file} is not a file: say another name, or - for standard output", file=str(path))
        )
    if not force:
        raise RequestRefused(
            Sentence("{file} is there already: say another name, or --force to replace it", file=str(path))
        )


def _put(beside: Path, path: Path) -> None:
    """Give it its name, and not over what came meanwhile."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:  # a stick with FAT has no links
        with path.open("xb"):
            beside.replace(path)
