"""Draws docs/demo.svg: what `facility-monitor demo` really prints at first. Run by `make picture`."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
TARGET = Path(__file__).with_name("demo.svg")


def record() -> str:
    """Run the demo on a pseudo-terminal and answer what it printed, colours and all."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    environ = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        command = [sys.executable, "-m", "monitor", "demo", "--state", folder, "--for", "38s"]
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


def main() -> None:
    """Record, shorten to what a reader needs, draw."""
    lines = record().split("\n")
    first = next(number for number, line in enumerate(lines) if "now:" in line)
    console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"))  # noqa: SIM115 - for a moment
    console.print(Text.from_ansi("\n".join(lines[max(0, first - 1) : first + 71])))
    svg = console.export_svg(title="facility-monitor demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # a picture loads nothing from elsewhere
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    TARGET.write_text(re.sub(r"(?m)[ \t]+$", "", svg), encoding="utf-8")


main()
