"""How often Python looks for cycles of objects: entries have none, and looking takes as long as reading them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["look_seldom", "looking_seldom"]

_DAEMON: Final = (10_000, 20, 20)
_ENTRIES: Final = (50_000, 50, 100)


def look_seldom() -> None:
    """Look less often from now on: it took a fifth of the daemon's main thread."""
    gc.set_threshold(*_DAEMON)


@contextmanager
def looking_seldom() -> Iterator[None]:
    """Look even less often while many entries are read or made."""
    before = gc.get_threshold()
    gc.set_threshold(*_ENTRIES)
    try:
        yield
    finally:
        gc.set_threshold(*before)
