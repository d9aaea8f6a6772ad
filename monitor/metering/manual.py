"""A list of registers that somebody read: a CSV file, checked as a whole before any line of it is entered."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.errors import RequestRefused
from monitor.figures import UsageBook
from monitor.metering.checks import Asked, Meant, meant
from monitor.metering.commands import entered
from monitor.metering.written import amount, moment
from monitor.model import Command, Reading
from monitor.site import Site
from monitor.wording import Sentence, joined, verbatim

__all__ = ["enter_list"]

_NEEDED: Final = ("device", "time", "register")
_COLUMNS: Final = (*_NEEDED, "point", "reason")
_MOST: Final = 50
"""Mistakes that are told at once: more is a wrong file."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: Mapping[str, str]


def enter_list(book: UsageBook, site: Site, text: str, *, by: str, now: int) -> list[tuple[Command, Reading]]:
    """Make the commands and readings of a list, oldest first; `now` is UTC ms.

    The first line names the columns: device, time (local), register, and if wanted point and reason, separated by
    commas, semicolons or tabs. Raises RequestRefused that tells every mistake with its line.
    """
    comma, lines, mistakes = _read(text)
    wanted: list[tuple[int, int, Meant, float]] = []
    for line in lines:
        try:
            asked = Asked(
                device=line.cells["device"],
                point=line.cells.get("point", ""),
                by=by,
                reason=line.cells.get("reason", ""),
                now=now,
            )
            it = meant(book, site, asked)
            at = moment(line.cells["time"], site.timezone, now)
            wanted.append((at, line.number, it, amount(line.cells["register"], it.register.unit, comma=comma)))
        except (ValueError, RequestRefused) as mistake:
            mistakes[line.number] = (
                mistake.sentence if isinstance(mistake, RequestRefused) else verbatim(str(mistake))
            )
    made = _in_order(wanted, mistakes)
    if mistakes:
        told = [
            Sentence("line {number}: {told}", number=number, told=mistakes[number]) for number in sorted(mistakes)
        ]
        more = [Sentence("and {count} more", count=len(told) - _MOST)] if len(told) > _MOST else []
        listed = joined([Sentence("nothing was entered:"), *told[:_MOST], *more], lines=True)
        raise RequestRefused(listed)
    if not made:
        raise RequestRefused(Sentence("nothing was entered: below the columns the list has no line"))
    return made


def _read(text: str) -> tuple[bool, list[_Line], dict[int, Sentence]]:
    """The lines by column, mistakes by line, and whether a comma is the decimal sign."""
    rows = text.removeprefix("\ufeff").splitlines()
    heading = rows[0] if rows else ""
    separator = next((sign for sign in (";", "\t") if sign in heading), ",")
    names = [name.strip().lower() for name in heading.split(separator)]
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) < len(names) or not set(names) <= set(_COLUMNS):
        raise RequestRefused(
            Sentence(
                "nothing was entered: the first line names the columns: device, time, register, and "
                "if you like point and reason; it is `{heading}`",
                heading=heading[:80],
            )
        )
    lines, mistakes = list[_Line](), dict[int, Sentence]()
    for number, row in enumerate(rows[1:], start=2):
        cells = next(csv.reader([row], delimiter=separator), [])
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            mistakes[number] = Sentence(
                "it has {count} columns and not {wanted}", count=len(cells), wanted=len(names)
            )
            continue
        lines.append(_Line(number, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}))
    return separator != ",", lines, mistakes


def _in_order(
    wanted: Sequence[tuple[int, int, Meant, float]], mistakes: dict[int, Sentence]
) -> list[tuple[Command, Reading]]:
    """Check each line against the one before it in time, of the same counter."""
    made: list[tuple[Command, Reading]] = []
    last: dict[tuple[str, str], Meant] = {}
    for at, number, it, value in sorted(wanted, key=lambda each: each[:2]):
        key = it.device.id, it.register.point
        before = last.get(key, it).register
        try:
            made.append(entered(replace(it, register=before), value, at))
        except RequestRefused as mistake:
            mistakes[number] = mistake.sentence
        else:
            first = at if before.first is None else before.first
            last[key] = replace(it, register=replace(before, register=value, time=at, first=first))
    return made
