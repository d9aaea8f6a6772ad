"""`rules`: what is judged, and trying rules out."""

import typer

from monitor.cli.rulelook import list_rules
from monitor.cli.rulesbacktest import rules_backtest
from monitor.cli.rulespropose import rules_propose
from monitor.cli.ruletests import rules_test

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Rules: list them, test them with tapes, try them, and changes of them, on what was recorded.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("list")(list_rules)
    group.command("test")(rules_test)
    group.command("backtest")(rules_backtest)
    group.command("propose")(rules_propose)
    app.add_typer(group, name="rules")
