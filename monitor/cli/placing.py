"""Puts a new site file and its secrets in their places: never over anything that is there."""

import contextlib
import filecmp
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from monitor.errors import RequestRefused
from monitor.settings.loading import SHIPPED
from monitor.wording import Sentence

__all__ = ["place_secrets", "place_site", "refuse_if_taken", "replace_file"]

_SITE_MODE = 0o640
_FOLDER_MODE = 0o700
_SECRET_MODE = 0o600


def refuse_if_taken(file: Path) -> None:
    """Raise RequestRefused when a file cannot be written there, before anybody is asked anything.

    The annotated sample, as it was shipped and installed, may be replaced: nobody has written anything into it.
    """
    try:
        if os.path.lexists(file) and not _is_sample(file):
            raise RequestRefused(
                Sentence("{file} is there already and is never overwritten: name another file", file=str(file))
            )
        if not file.parent.is_dir():
            raise RequestRefused(Sentence("there is no folder {folder}", folder=str(file.parent)))
    except PermissionError as error:
        raise RequestRefused(
            Sentence("{file} cannot be written: {error}; try with sudo", file=str(file), error=str(error.strerror))
        ) from error
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise RequestRefused(
            Sentence("{folder} cannot be written to: try with sudo, or name another file", folder=str(file.parent))
        )


def place_site(file: Path, text: str) -> None:
    """Write the whole file at once. It belongs to the group of its folder, as which the service reads it."""
    with _translated(file), _beside(file, text.encode(), _SITE_MODE) as made:
        if os.path.lexists(file) and _is_sample(file):
            made.replace(file)
        else:
            os.link(made, file)


@contextlib.contextmanager
def replace_file(file: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Replace a file at once by one with this content; whoever raises while he looks at that one leaves the old.

    A link is followed: the file it names is replaced. Raises RequestRefused when that cannot be done.
    """
    place = file.resolve()
    with _translated(file), _beside(place, content, mode) as made:
        known = place.stat()
        if os.geteuid() == 0:
            os.chown(made, known.st_uid, known.st_gid)
        yield made
        made.replace(place)


def place_secrets(folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """Write each secret into a file that only its owner can read; answers the names that were there already."""
    kept = []
    with _translated(folder):
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    for name, secret in secrets.items():
        file = folder / name
        try:
            with _translated(file), _beside(file, secret.encode() + b"\n", _SECRET_MODE) as made:
                os.link(made, file)
        except RequestRefused:
            if not os.path.lexists(file):
                raise
            kept.append(name)
    return kept


@contextlib.contextmanager
def _beside(file: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A finished file in the same folder, which is gone again when it was not moved."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    made = Path(name)
    try:
        with open(handle, "wb") as out:  # noqa: PTH123 - a descriptor has no path
            if os.geteuid() == 0:
                os.fchown(handle, -1, file.parent.stat().st_gid)
            os.fchmod(handle, mode)
            out.write(content)
            out.flush()
            os.fsync(handle)
        yield made
    finally:
        made.unlink(missing_ok=True)


@contextlib.contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RequestRefused(
            Sentence("{file} cannot be written: {error}", file=str(file), error=str(error.strerror))
        ) from error


def _is_sample(file: Path) -> bool:
    return file.is_file() and filecmp.cmp(file, SHIPPED / "facility.yaml", shallow=False)
