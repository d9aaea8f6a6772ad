"""`alarms performance`: whether there are more alarms, and more messages, than people can heed."""

from typing import Annotated

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import print_json

__all__ = ["performance"]

_PATIENCE = 120.0


def performance(
    period: Annotated[
        str,
        typer.Option(metavar="PERIOD", help="2026-11, 2026-W48, FROM..TO, last-month and the like; until now."),
    ] = "this-month",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Tell how well alarms did as alarms: how many, how fast, which sources, and how many messages to whom."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    if as_json:
        print_json(client.get("alarms", "performance", timeout=_PATIENCE, period=period))
        return
    from monitor.cli.reports import print_report
    from monitor.reports.report import Report

    print_report(Report.of_json(client.get("reports", "alarms", timeout=_PATIENCE, period=period)), "en")
