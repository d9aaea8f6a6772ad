"""The shape of a report in JSON: `monitor.reports.report.Report` as programs see it. Times are UTC ms."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

__all__ = ["Kind", "ReportOut"]

Kind = Literal["usage", "cost", "coverage", "balance", "access", "equipment", "supply", "alarms", "notifications"]

Cell = str | int | float | None
"""What a table holds. Money is text with a point, so that no cent is lost; null is not known, and never zero."""


class PeriodOut(BaseModel):
    """A span of local days: `first` and `last` are both included; `start` and `end` in UTC ms, end excluded."""

    name: str
    first: date
    last: date
    start: int
    end: int


class PhraseOut(BaseModel):
    """Something that is said: a key with what goes into it, and how it reads in English."""

    key: str
    facts: dict[str, str]
    text: str


class HeadlineOut(BaseModel):
    """A number that stands at the top, in `unit`, with `digits` behind the point.

    `before`: the same a year before; `change`: the difference in percent of it.
    """

    name: PhraseOut
    value: Cell
    unit: str
    digits: int
    before: Cell
    change: float | None
    remark: PhraseOut | None


class SeriesOut(BaseModel):
    """Numbers of a chart, one for each label. `name` is proper, unless it `is_word`; `where` stands before it."""

    name: str
    values: list[float | None]
    is_word: bool
    where: str


class ChartOut(BaseModel):
    """What a picture shows. `labels`: ISO days, months or hours, or names; `estimated`: numbers of labels."""

    kind: Literal["bars", "columns", "heat", "balance", "stack", "calendar"]
    title: PhraseOut
    unit: str
    labels: list[str]
    series: list[SeriesOut]
    estimated: list[int]


class ColumnOut(BaseModel):
    """A column: what its cells are, and their `unit` (of money: the currency), with `digits` behind the point.

    `percent` is 0 to 100, `time` UTC ms, `day` ISO; `line` and `word` are names, or keys of words.
    """

    name: str
    unit: str
    kind: Literal["text", "number", "percent", "money", "time", "day", "unit", "line", "word"]
    digits: int
    align: Literal["left", "right"]


class RowOut(BaseModel):
    """A row: one cell for each column; `notes`: numbers (from 1) of the footnotes that belong to it.

    `level`: empty for one thing (its `device`), `apart` for what is never added, `sum` or `total`; `said`: what
    stands in the first cell of a sum.
    """

    cells: list[Cell]
    device: str
    level: Literal["", "apart", "sum", "total"]
    said: PhraseOut | None
    notes: list[int]


class SectionOut(BaseModel):
    """A table: its rows, and their sums."""

    title: PhraseOut
    columns: list[ColumnOut]
    rows: list[RowOut]
    totals: list[RowOut]


class ReportOut(BaseModel):
    """A report. `until`: the end of what is reported (UTC ms; before the end of the period while it runs).

    `details`: the long rows that files hold instead of `sections`; `footnotes`: about single rows; `notes`: about
    the whole; `is_complete`: the period is over, and all of it is known.
    """

    kind: Kind
    site: str
    site_name: str
    timezone: str
    language: str
    period: PeriodOut
    generated: int
    until: int
    is_complete: bool
    headlines: list[HeadlineOut]
    charts: list[ChartOut]
    sections: list[SectionOut]
    details: list[SectionOut]
    footnotes: list[PhraseOut]
    notes: list[PhraseOut]
