"""Options that more than one command has."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Json", "SocketPath", "StateFolder"]

SocketPath = Annotated[
    Path | None, typer.Option("--socket", help="The daemon's socket.", metavar="PATH", show_default=False)
]
StateFolder = Annotated[
    Path | None,
    typer.Option("--state", help="The daemon's state folder.", metavar="FOLDER", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
