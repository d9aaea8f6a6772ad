"""`demo` and `simulate`: a site without meters."""

from pathlib import Path
from typing import Annotated, Final

import typer

from monitor.cli.output import print_line

__all__ = ["MOST_DAYS", "add_to"]

MOST_DAYS: Final = 90
"""The longest past; the journal of config/demo.yaml keeps more."""

_Seconds = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="End by itself after a time such as `90s`.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(demo)
    app.command()(simulate)


def demo(  # noqa: PLR0917 - the options of a command
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where it keeps its state; the next demo goes on from there.",
            show_default=False,
        ),
    ] = None,
    duration: _Seconds = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what happened to a JSON file at the end.", show_default=False),
    ] = None,
    influxdb: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Also write to InfluxDB, and whenever this demo goes on: "
            "http://USER:PASSWORD@HOST:8086/DATABASE or …/BUCKET?org=ORG&token=T.",
            show_default=False,
        ),
    ] = None,
    seed_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            min=1,
            max=MOST_DAYS,
            help="First fill in so many days before today, in a folder of its own; with `--for 0s` end then.",
            show_default=False,
        ),
    ] = None,
    caretaker: Annotated[bool, typer.Option(help="A simulated caretaker acknowledges the alarms.")] = True,
) -> None:
    """Run a whole simulated site on this machine: meters, doors, alarms, messages."""
    from monitor.cli.showcase import Showcase

    seconds = _parse(duration)
    if report is not None and seconds is None:
        raise typer.BadParameter("it is written when the demo ends by itself: add --for", param_hint="--report")
    if seconds == 0 and (seed_days is None or report is not None):
        raise typer.BadParameter("`0s` is for --seed-days alone", param_hint="--for")
    folder = state or _users_folder()
    Showcase(
        folder=folder,
        seconds=seconds,
        report=report,
        influxdb=influxdb,
        caretaker=caretaker,
        seed_days=seed_days,
        say=print_line,
    ).run()


def simulate(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A site file whose connections stay on this machine.")
    ],
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What goes wrong, and when; it may be edited meanwhile.", show_default=False
        ),
    ] = None,
    incidents: Annotated[bool, typer.Option(help="Let the demo's incidents happen.")] = False,
    residents: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where it is noted which simulated residents are inside, for the next time.",
            show_default=False,
        ),
    ] = None,
    *,
    month_from: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="A month with stories began at a local time such as `2026-10-28`; meters go on from its end.",
            show_default=False,
        ),
    ] = None,
    duration: _Seconds = None,
) -> None:
    """Serve the devices of a site file on this machine, for whoever has no meter at hand."""
    from monitor.cli.simulating import serve

    serve(
        file,
        faults=faults,
        incidents=incidents,
        residents=residents,
        month_from=month_from,
        seconds=_parse(duration),
        say=print_line,
    )


def _parse(duration: str | None) -> float | None:
    from monitor.fields import seconds

    if duration is None:
        return None
    try:
        return seconds(duration)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error


def _users_folder() -> Path:
    from monitor.cli.places import state_folder

    return state_folder(None).with_name("facility-monitor-demo")
