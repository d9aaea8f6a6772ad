"""Draws docs/demo.svg: what `facility-monitor demo` really prints, shortened. Run by `make picture`."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
TARGET = Path(__file__).with_name("demo.svg")
SHOWN = re.compile(
    r"\[(HIGH|ACKNOWLEDGED|CLEARED)\] Undervoltage"
    r"|\[HIGH\] (Door forced|The house)|\[MEDIUM\] (Door held|The standby)"
)
"""Titles of the messages that are drawn: one from its beginning to its end, and one of each other kind."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def record() -> str:
    """Run the demo on a pseudo-terminal and answer what it printed, colours and all."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    environ = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        command = [sys.executable, "-m", "monitor", "demo", "--state", folder, "--for", "75s"]
        with subprocess.Popen(command, stdout=child, stderr=child, stdin=child, env=environ):  # noqa: S603 - ourselves
            os.close(child)
            said = b""
            while chunk := _read(parent):
                said += chunk
    return said.decode().replace(folder, "FOLDER").replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def shortened(lines: list[str]) -> Iterator[str]:
    """Leave out messages that are like others, and what meters show."""
    is_shown, is_left_out = True, False
    for line in lines:
        plain = COLOUR.sub("", line)
        if plain.startswith("╭"):
            is_shown = bool(SHOWN.search(plain))
        elif not plain.startswith(("│", "╰")):
            is_shown = bool(re.search("now: |over: the booster|event |by the |^ {10}", plain))
        if is_shown:
            yield from ["          ⋮"] if is_left_out and plain.startswith("╭") else []
            yield line
        is_left_out = not is_shown


def main() -> None:
    """Record, shorten to what a reader needs, draw."""
    lines = record().split("\n")
    first = next(number for number, line in enumerate(lines) if "now:" in line)
    console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"))  # noqa: SIM115 - for a moment
    console.print(Text.from_ansi("\n".join(shortened(lines[first:]))))
    svg = console.export_svg(title="facility-monitor demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # a picture loads nothing from elsewhere
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    TARGET.write_text(re.sub(r"(?m)[ \t]+$", "", svg), encoding="utf-8")


main()
