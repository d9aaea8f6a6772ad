"""The roll call for people: at the terminal, as CSV, and as a page to print and tick off."""

import csv
import io
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from monitor.cli.output import clean, local_time, print_line, print_table

__all__ = ["csv_of", "html_of", "print_table_of"]

_HEADINGS: Final = ("zone", "who", "since", "came by")
_TEMPLATES: Final = Path(__file__).parent / "templates"
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "lang": "en",
        "title": "Roll call",
        "people": "{} people",
        "person": "1 person",
        "who": "who",
        "since": "since",
        "by": "came by",
        "nobody": "somebody without a card",
        "limits": "Who came or went by a door without a reader, or behind somebody else, is not counted.",
    },
    "zh": {
        "lang": "zh-Hans",
        "title": "点名表",
        "people": "共 {} 人",
        "person": "共 1 人",
        "who": "人员",
        "since": "进入时间",
        "by": "经由",
        "nobody": "无卡人员",
        "limits": "经由没有读卡器的门出入，或尾随他人出入的人员不在统计之内。",  # noqa: RUF001 - Chinese has a comma of its own
    },
}


def _names(found: Mapping[str, Any]) -> Mapping[str, str]:
    return {each["zone"]: each["name"] for each in found["zones"]}


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    zone = found["timezone"]
    names = _names(found)
    for each in found["present"]:
        since = local_time(each["since"], zone)
        yield names.get(each["zone"], each["zone"]), each["name"] or each["credential"], since, each["reader"]


def _total(found: Mapping[str, Any]) -> int:
    others: Mapping[str, int] = found["others"]
    return len(found["present"]) + sum(others.values())


def print_table_of(found: Mapping[str, Any]) -> None:
    """Print who is in, for the terminal."""
    total, names = _total(found), _names(found)
    people = "1 person" if total == 1 else f"{total} people"
    print_line(f"{found['site_name']}, {local_time(found['time'], found['timezone'])}: {people}")
    if found["present"]:
        print_table(_HEADINGS, _rows(found))
    for zone, count in found["others"].items():
        if count:
            print_line(clean(f"and {count} in {names.get(zone, zone)} without a card of their own"))


def csv_of(found: Mapping[str, Any]) -> str:
    """Write who is in, for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    for row in _rows(found):
        # A spreadsheet would take a name that begins so for a formula.
        writer.writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" else cell for cell in row])
    for zone, count in found["others"].items():
        if count:
            writer.writerow((_names(found).get(zone, zone), f"{count} without a card", "", ""))
    return text.getvalue()


def html_of(found: Mapping[str, Any]) -> str:
    """Write who is in, on a page to print: zone by zone, with a box to tick for each."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    clock = partial(local_time, zone=found["timezone"])
    words = _WORDS.get(found["language"], _WORDS["en"])
    return pages.get_template("rollcall.html").render(call=found, words=words, total=_total(found), clock=clock)
