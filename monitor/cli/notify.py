"""`notify`: who is told of alarms, and why; who is on call, who stands in; and how people are reached."""

import typer

from monitor.cli.channels import add_channels
from monitor.cli.duty import on_call, override
from monitor.cli.notifyexplain import explain

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Who is told of alarms and why, who is on call, and whether the channels work.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command()(explain)
    group.command("on-call")(on_call)
    group.command()(override)
    add_channels(group)
    app.add_typer(group, name="notify")
