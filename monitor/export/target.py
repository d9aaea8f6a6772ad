"""Where an export goes: a file that is there as a whole or not at all, or standard output."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from monitor.errors import RequestRefused

__all__ = ["STANDARD_OUTPUT", "open_target"]

STANDARD_OUTPUT = Path("-")


@contextlib.contextmanager
def open_target(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """Write to a file that only its owner may read, put in place at the end; `-` is standard output.

    Raises RequestRefused when it exists and is not to be replaced (`force`), or cannot be written.
    """
    if path == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not force:
        raise RequestRefused(f"{path} is there already: say another name, or --force to replace it")
    beside = None
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:  # mode 0600
            yield beside
            beside.flush()
            os.fsync(beside.fileno())
        if force:
            Path(beside.name).replace(path)
        else:
            os.link(beside.name, path)  # and not over what came meanwhile
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise RequestRefused(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if beside is not None:
            Path(beside.name).unlink(missing_ok=True)
