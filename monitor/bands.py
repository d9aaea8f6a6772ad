"""Which price applies when: seasons, weekdays, holidays and hours of a tariff, over the local calendar. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from monitor.calendars import public_holidays
from monitor.periods import DAY, begin_of, local_day, offsets
from monitor.tariff import Band, Tariff

__all__ = ["is_holiday", "stretches"]

_ONE_DAY: Final = timedelta(days=1)
_MINUTE_MS: Final = 60_000
_EPOCH: Final = date(1970, 1, 1)
_HOLIDAY: Final = 0
_DAYS_KEPT: Final = 4096


def stretches(tariff: Tariff, start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[int, int, int, int]]:
    """Cut [start, end) (UTC ms) where terms or band change: begin, end, the place of the terms, and of the band.

    Joined where neither changes. Times before the first terms are left out.
    """
    held: tuple[int, int, int, int] | None = None
    for begin, until, terms, band in _pieces(tariff, start, end, zone):
        if held and held[1:] == (begin, terms, band):
            held = held[0], until, terms, band
            continue
        if held:
            yield held
        held = begin, until, terms, band
    if held:
        yield held


def _pieces(tariff: Tariff, start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[int, int, int, int]]:
    since = [terms.since for terms in tariff.terms]
    day = local_day(start, zone)
    while start < end:
        number = bisect_right(since, day) - 1
        bands = tariff.terms[number].bands if number >= 0 else ()
        cuts = _cuts(bands, _kind(tariff, day), day.month, day.day) if bands else ()
        for begin, until, shift in _clock(day, zone):
            for first, last, band in cuts:
                # What the clock shows again, or no more, belongs to the day's first or last cut.
                at = max(begin, start) if first == 0 else max(begin, start, first - shift)
                to = min(until, end) if last == DAY else min(until, end, last - shift)
                if at < to:
                    yield at, to, number, band
        day += _ONE_DAY
        start = max(start, begin_of(day, zone))


@lru_cache(maxsize=_DAYS_KEPT)
def _clock(day: date, zone: ZoneInfo) -> tuple[tuple[int, int, int], ...]:
    """The stretches of a local day in which the clock is not set: begin, end (UTC ms), and local ms minus UTC ms.

    Local ms are counted from 00:00 by the clock on the wall, which shows some of them twice or not at all.
    """
    midnight = (day - _EPOCH).days * DAY
    found = offsets(begin_of(day, zone), begin_of(day + _ONE_DAY, zone), zone)
    return tuple((begin, until, offset - midnight) for begin, until, offset in found)


@lru_cache(maxsize=_DAYS_KEPT)
def _cuts(bands: tuple[Band, ...], kind: int, month: int, day: int) -> tuple[tuple[int, int, int], ...]:
    """The bands of a day, without a gap: begin and end in local ms of the day, and the band's place."""
    fitting = [
        band for band in bands if (not band.days or kind in band.days) and _is_in_season(band, (month, day))
    ]
    edges = {min(max(edge, 0), 1440) for band in fitting for span in band.hours for edge in span}
    cuts: list[tuple[int, int, int]] = []
    minutes = sorted({0, 1440} | edges)
    for first, last in pairwise(minutes):
        band = next((band for band in fitting if _is_in_hours(band, first)), bands[-1])
        place = bands.index(band)
        if cuts and cuts[-1][2] == place:
            cuts[-1] = (cuts[-1][0], last * _MINUTE_MS, place)
        else:
            cuts.append((first * _MINUTE_MS, last * _MINUTE_MS, place))
    return tuple(cuts)


def _is_in_season(band: Band, day: tuple[int, int]) -> bool:
    """A season that ends on the 28th of February has the 29th too: no day falls between two seasons."""
    return not band.seasons or any(
        first <= day <= _season_end(last) if first <= last else (day >= first or day <= _season_end(last))
        for first, last in band.seasons
    )


def _season_end(day: tuple[int, int]) -> tuple[int, int]:
    return (2, 29) if day == (2, 28) else day


def _is_in_hours(band: Band, minute: int) -> bool:
    """Hours that end before they begin go on after midnight: of the day itself, at its begin."""
    return not band.hours or any(
        first <= minute < last if first <= last else (minute >= first or minute < last)
        for first, last in band.hours
    )


# Holidays ------------------------------------------------------------------------------------------------


def is_holiday(tariff: Tariff, day: date) -> bool:
    """Whether a local day is a public holiday of the tariff's country and region, or one of its own days off."""
    return day in tariff.days_off or bool(
        tariff.country and day in public_holidays(tariff.country, tariff.region, day.year)
    )


def _kind(tariff: Tariff, day: date) -> int:
    return _HOLIDAY if is_holiday(tariff, day) else day.isoweekday()
