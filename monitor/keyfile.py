"""A key of the state folder: made at the first start, whole or not at all, and readable by nobody else."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from monitor.errors import SettingsError

__all__ = ["KEY_BYTES", "open_key"]

KEY_BYTES: Final = 32


def open_key(path: Path, what: str, *, lost: str) -> bytes:
    """Read the key at `path`, made when there is none. `what` it is, and what to do when it is `lost`, in words.

    Raises SettingsError when others may read it, when it is no key, or when it cannot be read or made.
    """
    try:
        if not path.exists():
            _make(path)
        return _read(path, what, lost)
    except OSError as error:
        raise SettingsError(f"{what}, {path}, cannot be used: {error.strerror}") from error


def _make(path: Path) -> None:
    """Write a new key beside its place and link it there: whoever comes second uses the first one's key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, what: str, lost: str) -> bytes:
    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        key = file.read(KEY_BYTES + 1)
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise SettingsError(f"others can read {what}: run `chmod 600 {path}`")
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{path} is not a key of {KEY_BYTES} bytes; {lost}")
    return key
