"""A report as plain facts: what was worked out, in numbers and phrases, for every language and form.

Texts are phrases: a key and its facts; `monitor.reports.words` says them. Times are UTC ms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from monitor.periods import Period

__all__ = ["KINDS", "Cell", "Chart", "Column", "Headline", "Phrase", "Report", "Row", "Section", "Series"]

KINDS: Final = ("usage", "cost", "coverage", "balance", "access", "equipment", "supply", "alarms", "notifications")

Cell = str | int | float | Decimal | None
"""What a table holds; None is not known, and never zero."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Something to be said in the reader's language: a key of `monitor.reports.words`, and what goes into it."""

    key: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: `name` is a key of the words, `unit` that of all its cells.

    `kind`: text, number, percent (0 to 100), money (Decimal, `unit` is the currency), time (UTC ms), day (ISO),
    unit, line (of an invoice: a proper name, or a key of the words that begins with `line_`) or word (a key of the
    words that begins with the name of the column). `digits` behind the point. `align`: left or right.
    """

    name: str
    unit: str = ""
    kind: str = "text"
    digits: int = 0
    align: str = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: one cell for each column. `notes`: numbers (from 1) of the report's footnotes that belong to it.

    `level`: empty for a meter, `apart` for what is never added (virtual meters), `sum` or `total`. `said`: what
    stands in the first cell of a sum.
    """

    cells: tuple[Cell, ...]
    device: str = ""
    level: str = ""
    said: Phrase | None = None
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table: the rows of one class, tenant or currency, and their sums."""

    title: Phrase
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of a chart, one for each label (None: not known).

    `name` is proper, unless it `is_word`; `where` stands before it.
    """

    name: str
    values: tuple[float | None, ...]
    is_word: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a picture shows. `kind`: bars, columns (stacked, along time), heat, balance, stack (lying) or calendar.

    `labels`: ISO days, months or hours, or names. `estimated`: numbers of the labels whose values are estimated.
    """

    kind: str
    title: Phrase
    unit: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    estimated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A number that stands at the top, in `unit`, with `digits` behind the point; None: not known.

    `before`: the same a year before, `change` the difference in percent of it; None where that is not known.
    """

    name: Phrase
    value: Cell
    unit: str
    digits: int = 0
    before: Cell = None
    change: float | None = None
    remark: Phrase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a report says.

    `language` is that of the site. `period` is what was asked for, `until` the end of what is reported (UTC ms;
    less than `period.end` while it runs). `details`: the long rows that files hold instead of `sections` (each
    day of each meter). `footnotes`: about single rows; `notes`: about the whole. `is_complete`: the period is
    over, and all of it is known.
    """

    kind: str
    site: str
    site_name: str
    timezone: str
    language: str
    period: Period
    generated: int
    until: int
    is_complete: bool
    headlines: tuple[Headline, ...] = ()
    charts: tuple[Chart, ...] = ()
    sections: tuple[Section, ...] = ()
    details: tuple[Section, ...] = ()
    footnotes: tuple[Phrase, ...] = ()
    notes: tuple[Phrase, ...] = ()

    @property
    def title(self) -> Phrase:
        """What kind of report it is."""
        return Phrase(f"title_{self.kind}")

    def as_json(self) -> dict[str, Any]:
        """Make it ready for JSON: money is text, so that no cent is lost; each phrase is also said in English."""
        found: dict[str, Any] = _plain(self)
        return found

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "Report":
        """Make it again of what `as_json` answered."""
        period = data["period"]
        return cls(
            **{
                name: data[name]
                for name in ("kind", "site", "site_name", "timezone", "language", "generated", "until")
            },
            is_complete=data["is_complete"],
            period=Period(
                period["name"],
                date.fromisoformat(period["first"]),
                date.fromisoformat(period["last"]),
                period["start"],
                period["end"],
            ),
            headlines=tuple(_headline(each) for each in data["headlines"]),
            charts=tuple(_chart(each) for each in data["charts"]),
            sections=tuple(_section(each) for each in data["sections"]),
            details=tuple(_section(each) for each in data["details"]),
            footnotes=tuple(_phrase(each) for each in data["footnotes"]),
            notes=tuple(_phrase(each) for each in data["notes"]),
        )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Phrase):
        from monitor.reports.words import say

        return {"key": value.key, "facts": dict(value.facts), "text": say(value, "en")}
    return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}


def _phrase(data: Mapping[str, Any]) -> Phrase:
    return Phrase(data["key"], dict(data["facts"]))


def _said(data: Mapping[str, Any] | None) -> Phrase | None:
    return None if data is None else _phrase(data)


def _headline(data: Mapping[str, Any]) -> Headline:
    is_money = isinstance(data["value"], str)
    value, before = (
        Decimal(each) if is_money and each is not None else each for each in (data["value"], data["before"])
    )
    told = dict(data) | {"name": _phrase(data["name"]), "remark": _said(data["remark"])}
    return Headline(**told | {"value": value, "before": before})


def _chart(data: Mapping[str, Any]) -> Chart:
    series = tuple(
        Series(each["name"], tuple(each["values"]), each["is_word"], each["where"]) for each in data["series"]
    )
    given = {"title": _phrase(data["title"]), "labels": tuple(data["labels"]), "series": series}
    return Chart(**dict(data) | given | {"estimated": tuple(data["estimated"])})


def _section(data: Mapping[str, Any]) -> Section:
    columns = tuple(Column(**each) for each in data["columns"])
    rows, totals = (tuple(_row(each, columns) for each in data[part]) for part in ("rows", "totals"))
    return Section(title=_phrase(data["title"]), columns=columns, rows=rows, totals=totals)


def _row(data: Mapping[str, Any], columns: tuple[Column, ...]) -> Row:
    cells = tuple(
        Decimal(cell) if column.kind == "money" and cell is not None else cell
        for cell, column in zip(data["cells"], columns, strict=True)
    )
    return Row(**dict(data) | {"cells": cells, "said": _said(data["said"]), "notes": tuple(data["notes"])})
