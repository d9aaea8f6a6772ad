"""Periods that routes are asked for."""

from typing import Final

from fastapi import HTTPException

from monitor.periods import DAY, Period, parse
from monitor.web.parts import Parts

__all__ = ["period_of"]

_MOST_DAYS: Final = 3660


def period_of(parts: Parts, text: str) -> Period:
    """Read a period of the site's zone. What is none, or longer than ten years, is refused with 422."""
    try:
        period = parse(text, parts.site.timezone, parts.now())
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if period.end - period.start > _MOST_DAYS * DAY:
        raise HTTPException(422, "the period is longer than ten years: ask for a shorter one")
    return period
