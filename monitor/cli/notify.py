"""`notify`: how people are reached."""

import typer

from monitor.cli.channels import add_channels

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="How people are told: their channels, and whether they work.", rich_markup_mode=None)
    add_channels(group)
    app.add_typer(group, name="notify", no_args_is_help=True)
