"""Counts a text in the bytes of files, as a program of its own: it reads JSON, and answers JSON.

A process that closes a file gives up all its locks on it (fcntl(2)), those of SQLite's connections, too; another
process would then take a database in use for its own. So nobody who has databases open reads their bytes.
"""

import json
import sys
from pathlib import Path

__all__ = ["holds"]

_CHUNK = 1024 * 1024


def holds(path: Path, text: str) -> int:
    """How often a text stands in the bytes of a file, deleted or not; 0 when it is not there. Raises OSError.

    Not for a database that this process has open.
    """
    needle, count, kept = text.encode(), 0, b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                kept += chunk
                count += kept.count(needle)
                kept = kept[-(len(needle) - 1) :]
    except FileNotFoundError:
        return 0
    return count


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump({path: holds(Path(path), asked["text"]) for path in asked["paths"]}, sys.stdout)
