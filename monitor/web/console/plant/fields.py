"""What people type into forms, and pages of lists."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from starlette.requests import Request

from monitor.periods import moment_of

__all__ = ["PAGE", "Listed", "listed", "moment", "number", "said"]

T = TypeVar("T")

PAGE: Final = 50
_LAST_PAGE: Final = 10_000
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list: `page` from 1, of `pages`; `total` is how much the list has."""

    rows: Sequence[T]
    page: int
    pages: int
    total: int


def listed(request: Request, rows: Sequence[T], size: int = PAGE) -> Listed[T]:
    """The page of a list that is asked for; the last one for a number beyond it."""
    text = request.query_params.get("page", "1")
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(_LAST_PAGE)) else 1
    pages = max(1, -(-len(rows) // size))
    page = min(max(1, wanted), pages)
    return Listed(rows[(page - 1) * size : page * size], page, pages, len(rows))


def said(form: Mapping[str, Sequence[str]], name: str) -> str:
    """What was said under a name; empty without."""
    return form.get(name, [""])[0][:_LONGEST]


def number(text: str) -> float | None:
    """A number as people type it, with a comma or a point; None where it is none."""
    plain = text.replace(" ", "").replace("\u00a0", "").replace("'", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        found = float(plain)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def moment(text: str, zone: ZoneInfo) -> int | None:
    """`2026-11-27T10:30` on the wall of the site -> UTC ms; None where it is none."""
    day, _, clock = text.replace(" ", "T").partition("T")
    hours, _, minutes = clock.partition(":")
    try:
        minute = int(hours) * 60 + int(minutes[:2])
        found = date.fromisoformat(day)
    except ValueError:
        return None
    return moment_of(found, minute, zone) if 0 <= minute < 1440 and len(day) == 10 else None  # noqa: PLR2004
