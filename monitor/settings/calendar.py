"""Binds holidays and weekly hours, wherever a site file has them."""

from collections.abc import Sequence

from monitor.calendars import Hours, Schedule
from monitor.documents.finding import nearest
from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.settings.calendarshape import HolidayKeys, HoursKeys

__all__ = ["bind_holidays", "bind_hours"]

_HOLIDAY = 0


def bind_holidays(binding: Binding, keys: HolidayKeys | None, node: Node, path: str) -> tuple[str, str]:
    """Country and region whose holidays count; both empty where none do, or after telling what is wrong.

    `node` and `path` are those of the mapping `holidays`.
    """
    if keys is None or not (keys.country or keys.region):
        return "", ""
    if not keys.country:
        place, where = node.get("region") or node, join(path, "region")
        binding.findings.error(place, where, "a region is one of a country: write `country` too")
        return "", ""
    import holidays

    countries = tuple(holidays.registry.EntityLoader.get_country_codes(include_aliases=False))
    if keys.country not in countries:
        place, where = node.get("country") or node, join(path, "country")
        message = f"the holidays of `{keys.country[:60]}` are not known"
        allowed = "two letters such as DE, FR or US"
        binding.findings.error(place, where, message, allowed=allowed, hint=nearest(keys.country, countries))
        return "", ""
    regions = getattr(holidays, keys.country).subdivisions  # loads that country alone
    if keys.region and keys.region not in regions:
        place, where = node.get("region") or node, join(path, "region")
        what = f"region of {keys.country} with holidays of its own"
        binding.unknown(place, where, keys.region, regions, what)
    return keys.country, keys.region


def bind_hours(  # noqa: PLR0913, PLR0917 - hours, the holidays they heed, and where both stand
    binding: Binding,
    keys: Sequence[HoursKeys],
    off: HolidayKeys | None,
    place: tuple[str, str],
    node: Node,
    path: str,
    *,
    section: str = "access",
) -> Schedule:
    """The hours as they are asked for; `place` is what `bind_holidays` answered.

    `node` and `path` are those of the hours: of one mapping, or of a list of them. `section`: where their holidays
    can be written.
    """
    hours = []
    for number, one in enumerate(keys):
        item, where = (node.items[number], join(path, number)) if node.kind == "list" else (node, path)
        days = frozenset(day for days in one.days for day in days)
        if _HOLIDAY in days and not (off is not None and off.is_known):
            message = f"nobody knows the holidays: add `holidays: {{country: …}}` to `{section}`"
            binding.findings.error(item.get("days") or item, join(where, "days"), message)
        hours.append(Hours(days=days, spans=tuple(sorted(set(one.hours)))))
    days_off = {} if off is None else dict(off.days)
    return Schedule(hours=tuple(hours), country=place[0], region=place[1], days_off=days_off)
