"""What commands print: JSON for programs, tables with local times and units for people."""

import json
import struct
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from monitor.schema import point_unit, unit_sign

__all__ = [
    "clean",
    "lasting",
    "local_time",
    "number",
    "print_json",
    "print_line",
    "print_table",
    "quantity",
    "since",
    "with_unit",
]

_FLOAT32 = struct.Struct("f")
_LARGEST_FLOAT32 = 3.4e38
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_RULE = "─"
_LONGEST_RULE = 120


def print_json(data: object) -> None:
    """Print an answer as indented JSON."""
    print_line(json.dumps(data, indent=2, ensure_ascii=False))


def print_line(text: str = "") -> None:
    """Print a line, at once: somebody may follow it through a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as wide as the terminal; as wide as it needs to be where there is none."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=10_000)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == headings[0])
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        text = line.rstrip()
        print_line(text[:_LONGEST_RULE] if set(text) == {_RULE} else text)


def clean(text: object) -> str:
    """What a device or a person wrote, without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in ("" if text is None else str(text)))


def local_time(ms: int | None, zone: str) -> str:
    """A moment in the site's zone, to the second."""
    if ms is None:
        return "-"
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def lasting(seconds: float) -> str:
    """How long, in the two largest units: `1 h 5 min`."""
    left, words = round(seconds), list[str]()
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def since(ms: int | None, now: int) -> str:
    """How long ago, in the largest sensible unit."""
    if ms is None:
        return "never"
    seconds = max(0, (now - ms) // 1000)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def quantity(name: str, value: Any) -> str:
    """A value with the unit that its point's name promises."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return with_unit(number(value) if isinstance(value, float) else str(value), point_unit(name))


def with_unit(text: str, unit: str | None) -> str:
    """A number and its unit, as people write it."""
    return f"{text} {unit_sign(unit)}" if unit else text


def number(value: float) -> str:
    """A number as it was meant: most meters send 32-bit floats, whose 5.7 is 5.699999809265137 in 64 bits."""
    if not isfinite(value) or abs(value) > _LARGEST_FLOAT32 or _FLOAT32.unpack(_FLOAT32.pack(value))[0] != value:
        return f"{value:.12g}"
    value = value or 0.0  # and not -0
    digits = (f"{value:.{precision}g}" for precision in range(6, 10))
    return next((text for text in digits if _FLOAT32.unpack(_FLOAT32.pack(float(text)))[0] == value), f"{value:g}")
