"""Reports as CSV (RFC 4180) for spreadsheets and programs: one header, plain numbers, ISO times, no sums.

The columns have their units in their names, in English in every language, so that a program finds them.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from monitor.reports.report import Cell, Column, Report, Section

__all__ = ["csv_file", "safe_text"]

_NAMES: Final = {"%": "pct", "m3/h": "m3h"}
_DIGITS: Final = 6
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_file(report: Report) -> str:
    """Write the rows of a report: those of meters, days or invoice lines; sums are left to whoever reads it."""
    sections = report.details or report.sections
    zone = ZoneInfo(report.timezone)
    heads = _heads(report, sections)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    for section in sections:
        names = [_name(column) for column in section.columns]
        for row in section.rows:
            cells = {
                name: _plain(cell, column, zone)
                for name, cell, column in zip(names, row.cells, section.columns, strict=True)
            }
            cells |= {"period": report.period.name}
            if "device" in heads:
                cells["device"] = row.device
            if "class" in heads and "class" not in cells:
                cells["class"] = section.title.key.removeprefix("class_")
            if "apart" in heads:
                cells["apart"] = "1" if row.level == "apart" else "0"
            writer.writerow([cells.get(head, "") for head in heads])
    return out.getvalue()


def _heads(report: Report, sections: Sequence[Section]) -> list[str]:
    heads = ["period"]
    if report.kind == "usage":
        heads += ["class", "device", "apart"]
    for section in sections:
        heads += [name for name in map(_name, section.columns) if name not in heads]
    return heads


def _name(column: Column) -> str:
    unit = _NAMES.get(column.unit, column.unit).lower()
    return f"{column.name}_{unit}" if unit else column.name


def _plain(cell: Cell, column: Column, zone: ZoneInfo) -> str:
    if cell is None:
        return ""
    if column.kind == "time" and isinstance(cell, int):
        return datetime.fromtimestamp(cell / 1000, zone).isoformat(timespec="seconds")
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, float):
        return f"{round(cell, _DIGITS) + 0.0:.{_DIGITS}f}".rstrip("0").rstrip(".")
    return safe_text(cell) if isinstance(cell, str) else str(cell)


def safe_text(text: str) -> str:
    """A text for a cell: one that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULAS) else text
