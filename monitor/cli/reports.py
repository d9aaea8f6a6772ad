"""`report`: what a period came to, of meters, doors, equipment, the supply and alarms."""

import json
import os
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from monitor.cli.options import Buildings, Classes, Devices, Json, SocketPath, StateFolder
from monitor.cli.output import print_line, print_table
from monitor.reports.report import Report

__all__ = ["add_to", "print_report", "save"]

_PATIENCE = 120.0
"""Seconds that the daemon may take: a year of many meters is much to add up."""


class Kind(StrEnum):
    """The reports there are."""

    USAGE = "usage"
    COST = "cost"
    COVERAGE = "coverage"
    BALANCE = "balance"
    ACCESS = "access"
    EQUIPMENT = "equipment"
    SUPPLY = "supply"
    ALARMS = "alarms"
    NOTIFICATIONS = "notifications"


class Form(StrEnum):
    """The forms that a report can have."""

    TABLE = "table"
    CSV = "csv"
    HTML = "html"
    JSON = "json"


class Language(StrEnum):
    """The languages that a page can have."""

    ENGLISH = "en"
    CHINESE = "zh"


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(report)


def report(  # noqa: PLR0917 - options of a command are many
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="What it is about.")],
    period: Annotated[
        str,
        typer.Option(
            metavar="PERIOD",
            help="2026, 2026-11, 2026-W48, 2026-11-27, FROM..TO, last-month, this-year and the like.",
        ),
    ] = "last-month",
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.TABLE,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it to this file, over the one there.", show_default=False),
    ] = None,
    device: Devices = None,
    device_class: Classes = None,
    building: Buildings = None,
    tenant: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only devices of this tenant.", show_default=False)
    ] = None,
    language: Annotated[
        Language | None, typer.Option(help="Of html and table; else that of the site.", show_default=False)
    ] = None,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Report what a period came to.

    usage: what was used. cost: what it cost. coverage: how complete the data are. balance: what no sub-meter
    measured. access: what happened at the doors, without names. equipment: running hours, services, batteries.
    supply: when buildings had no electricity, water, gas or heat. alarms: whether there are more than people
    can heed. notifications: who was told of what, and who was woken for it.
    """
    from monitor.cli.client import Client

    form = Form.JSON if as_json else form
    if form is Form.TABLE and out is not None:
        raise typer.BadParameter("a table is for the terminal: say --format csv, html or json with --out")
    chosen = {"device": device, "class": device_class, "building": building, "tenant": tenant}
    query = {name: value for name, value in chosen.items() if value}
    answer = Client(socket, state).get("reports", kind.value, timeout=_PATIENCE, period=period, **query)
    made = Report.of_json(answer)
    spoken = language or made.language
    if form is Form.TABLE:
        print_report(made, spoken)
        return
    text = _written(made, form, spoken)
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        save(out, text)
        print_line(f"written to {out}")


def _written(made: Report, form: Form, language: str) -> str:
    if form is Form.CSV:
        from monitor.reports.csvfile import csv_file

        return csv_file(made)
    if form is Form.HTML:
        from monitor.reports.html import html

        return html([made], language=language)
    return json.dumps(made.as_json(), indent=2, ensure_ascii=False) + "\n"


def save(file: Path, text: str, *, is_private: bool = False) -> None:
    """Put a file in place as a whole: whoever reads it meets the old one or the new one.

    `is_private`: only its owner may read it.
    """
    beside = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=file.parent, prefix=f".{file.name}.", delete=False
        ) as beside:
            beside.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(beside.name).chmod(0o600 if is_private else 0o666 & ~mask)
        Path(beside.name).replace(file)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from error
    finally:
        if beside is not None:
            Path(beside.name).unlink(missing_ok=True)


def print_report(made: Report, language: str) -> None:
    """Write the report for the terminal: headlines, tables, notes."""
    from monitor.reports.words import cell_text, heading, say, span, word

    zone = ZoneInfo(made.timezone)
    state = word("complete" if made.is_complete else "incomplete", language)
    print_line(f"{made.site_name}: {say(made.title, language)}, {span(made, language)} ({state})")
    for section in made.sections:
        print_line()
        print_line(say(section.title, language))
        rows = []
        for row in (*section.rows, *section.totals):
            texts = [
                cell_text(cell, column, language, zone, mark="")
                for cell, column in zip(row.cells, section.columns, strict=True)
            ]
            if row.level in {"sum", "total"}:
                texts = ["" if cell is None else text for cell, text in zip(row.cells, texts, strict=True)]
            marks = "".join(f" [{number}]" for number in row.notes)
            texts[0] = (say(row.said, language) if row.said else texts[0]) + marks
            rows.append(texts)
        print_table([heading(column, language) for column in section.columns], rows)
    if made.footnotes or made.notes:
        print_line()
    for number, note in enumerate(made.footnotes, 1):
        print_line(f"[{number}] {say(note, language)}")
    for note in made.notes:
        print_line(f"- {say(note, language)}")
