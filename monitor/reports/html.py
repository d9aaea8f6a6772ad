"""Reports as one page that needs nothing else: for screens, telephones and paper."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from monitor.reports.pictures import draw
from monitor.reports.report import Cell, Headline, Report, Section
from monitor.reports.words import LANGUAGES, cell_text, heading, number, say, span, word
from monitor.schema import unit_sign

__all__ = ["html"]

_PLAIN: Final = ("balance_share", "mostly", "most_at", "first_is", "utility_at", "utility_of_site")
"""Remarks that warn of nothing."""
_TEMPLATES: Final = Path(__file__).parent / "templates"


def html(reports: Sequence[Report], *, language: str = "en") -> str:
    """Write a page about reports of one site; pictures are drawn in another process, for at most a minute.

    An unknown language is English. Call it in a thread where nothing may wait.
    """
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    charts = [chart for report in reports for chart in report.charts]
    pictures = iter(draw(charts, spoken))
    drawn = [[(say(chart.title, spoken), next(pictures)) for chart in report.charts] for report in reports]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            reports=list(zip(reports, drawn, strict=True)),
            language=spoken,
            css=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
            say=lambda phrase: say(phrase, spoken),
            word=lambda key, **facts: word(key, spoken).format(**facts),
            heading=lambda column: heading(column, spoken),
            cell=lambda cell, column, report: cell_text(cell, column, spoken, ZoneInfo(report.timezone)),
            headline=lambda each: _headline(each, spoken),
            days=lambda report: span(report, spoken),
            made=_made,
            across=_across,
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["base64"] = lambda data: b64encode(data).decode()
    return made


def _across(section: Section) -> int:
    """How many columns stand at the left with texts: a sum is named across them."""
    return next((at for at, column in enumerate(section.columns) if column.align == "right"), 1) or 1


def _made(report: Report) -> str:
    return datetime.fromtimestamp(report.generated / 1000, ZoneInfo(report.timezone)).strftime("%Y-%m-%d %H:%M")


def _headline(each: Headline, language: str) -> dict[str, Any]:
    """A number at the top, written for people."""

    def told(value: Cell) -> str:
        return "" if value is None or isinstance(value, str) else number(value, each.digits)

    sign = "" if each.change is None else ("+" if each.change > 0 else "")
    return {
        "name": say(each.name, language),
        "value": told(each.value) if each.value is not None else word("not_known", language),
        "is_known": each.value is not None,
        "unit": unit_sign(each.unit),
        "before": told(each.before),
        "change": "" if each.change is None else f"{sign}{number(each.change, 1)} %",
        "is_plain": each.remark is not None and each.remark.key in _PLAIN,
        "remark": "" if each.remark is None else say(each.remark, language),
    }
