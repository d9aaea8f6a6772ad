"""Says the phrases of reports in a language, and writes numbers, money and times for people."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from monitor.reports import chinese, english
from monitor.reports.report import Cell, Column, Phrase, Report
from monitor.schema import unit_sign

__all__ = ["LANGUAGES", "UNKNOWN", "cell_text", "heading", "number", "say", "span", "word"]

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {"en": english.WORDS, "zh": chinese.WORDS}
LANGUAGES: Final = tuple(_WORDS)

_WORDS_OF_FACTS: Final = {"class": "class_", "cause": "", "per": "", "utility": "utility_"}
"""Facts that are words themselves, and what their keys begin with."""
UNKNOWN: Final = "\u2013"
"""What stands where nothing is known: a dash."""
_NARROW: Final = "\u202f"


def word(key: str, language: str) -> str:
    """What a key says in a language (an unknown one: English); a proper name stays as it is."""
    return _WORDS.get(language, english.WORDS).get(key, key)


def say(phrase: Phrase, language: str) -> str:
    """Say a phrase. What people and devices named stays as it is, also with braces in it."""
    facts = dict(phrase.facts)
    for name, begin in _WORDS_OF_FACTS.items():
        if name in facts:
            facts[name] = word(begin + facts[name], language)
    if phrase.key in {"sum_class", "sum_class_mains"}:
        facts["class"] = word(f"class_{facts['what']}", language)
    return word(phrase.key, language).format(**facts)


def span(report: Report, language: str) -> str:
    """The days that a report is about."""
    period = report.period
    key = "page_day" if period.first == period.last else "page_period"
    facts = {"first": period.first.isoformat(), "last": period.last.isoformat()}
    return say(Phrase(key, facts), language)


def heading(column: Column, language: str) -> str:
    """The heading of a column, with its unit."""
    unit = unit_sign(column.unit)
    return f"{word(column.name, language)} ({unit})" if unit and unit != "%" else word(column.name, language)


def number(value: float | Decimal, digits: int, mark: str = _NARROW) -> str:
    """A number with so many digits behind the point, thousands apart."""
    text = f"{value:,.{digits}f}".replace(",", mark)
    is_zero = not text.strip(f"-0.{mark}")
    return text.lstrip("-") if is_zero else text.replace("-", "\u2212")


def cell_text(cell: Cell, column: Column, language: str, zone: ZoneInfo, mark: str = _NARROW) -> str:
    """A cell as people read it: a dash for what is not known."""
    if cell is None:
        return UNKNOWN
    if column.kind == "time" and isinstance(cell, int):
        return datetime.fromtimestamp(cell / 1000, zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, str):
        return _text(cell, column, language)
    if column.name == "change":
        return f"{'+' if cell > 0 else ''}{number(cell, column.digits, mark)} %"
    if column.kind == "percent":
        return f"{_floor(float(cell), column.digits, mark)} %"
    return number(cell, max(column.digits, _places(cell)) if column.name == "price" else column.digits, mark)


def _text(cell: str, column: Column, language: str) -> str:
    if column.kind == "line" and cell.startswith("line_"):
        return word(cell, language)
    if column.kind == "word":
        key = f"{column.name}_{cell}"
        return word(key, language) if key in english.WORDS else cell
    if column.kind == "unit":
        return word(f"unit_{cell}", language) if f"unit_{cell}" in english.WORDS else unit_sign(cell)
    return cell


def _floor(value: float, digits: int, mark: str) -> str:
    """A share in percent: what is not all of it is never rounded to 100."""
    most = 100 - 10.0**-digits
    return number(min(value, most) if value < 100 else value, digits, mark)  # noqa: PLR2004 - percent


def _places(value: Cell) -> int:
    return -int(value.as_tuple().exponent) if isinstance(value, Decimal) else 0
