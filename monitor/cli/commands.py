"""The commands and their options."""

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Watches over a building's meters, doors and equipment.")


@app.callback()
def _root() -> None:
    """Watches over a building's meters, doors and equipment."""
