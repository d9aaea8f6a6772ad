"""Binds calendars that rules share, and the hours that rules name or write themselves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.calendars import Schedule
from monitor.documents.finding import Findings
from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.settings.calendar import bind_holidays, bind_hours
from monitor.settings.calendarshape import CalendarKeys, HolidayKeys, HoursKeys
from monitor.settings.model import RuleModel

__all__ = ["bind_calendars", "bind_schedule", "bind_schedules"]

_NOT: Final = "not "


def bind_calendars(binding: Binding, root: Node) -> None:
    """Bind the section `calendars`; those without holidays of their own heed the ones of `access`."""
    seen: dict[str, Node] = {}
    binding.holidays = _holidays_of_access(binding, root)
    for node, path in binding.section(root, "calendars"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
            continue
        seen.setdefault(ident, node)
        binding.calendars[ident] = None
        keys = binding.check(CalendarKeys, node, path)
        if keys is None:
            continue
        off, place = binding.holidays
        if keys.holidays is not None:
            off = keys.holidays
            place = bind_holidays(binding, off, node.get("holidays") or node, join(path, "holidays"))
        hours, where = node.get("hours") or node, join(path, "hours")
        section = f"calendars, {ident}"
        binding.calendars[ident] = bind_hours(binding, keys.hours, off, place, hours, where, section=section)


def _holidays_of_access(binding: Binding, root: Node) -> tuple[HolidayKeys | None, tuple[str, str]]:
    """Those of the section `access`, whose mistakes are told with it."""
    access = root.get("access")
    node = None if access is None else access.get("holidays")
    if node is None:
        return None, ("", "")
    quiet = replace(binding, findings=Findings())
    keys = quiet.check(HolidayKeys, node, "access.holidays")
    return keys, bind_holidays(quiet, keys, node, "access.holidays")


def bind_schedules(
    binding: Binding, node: Node, path: str, params: RuleModel
) -> tuple[Schedule | None, tuple[Schedule, ...]]:
    """The hours in which a rule counts (None: always), and those in which its limits are others."""
    others = []
    listed = node.get("at")
    for number, one in enumerate(getattr(params, "at", ())):
        place = node if listed is None else listed.items[number] if listed.kind == "list" else listed
        where = join(path, "at", number) if listed is not None and listed.kind == "list" else join(path, "at")
        others.append(bind_schedule(binding, one.schedule, place, where))
    mine = bind_schedule(binding, params.schedule, node, path)
    return mine, tuple(each or Schedule(hours=()) for each in others)


def bind_schedule(
    binding: Binding, written: str | Sequence[HoursKeys] | None, parent: Node, path: str, *, key: str = "schedule"
) -> Schedule | None:
    """The hours that a calendar's id or a list of hours means; None: nothing is written, or it is wrong.

    `parent` and `path` are those of the mapping that has them under `key`.
    """
    if written is None:
        return None
    node, where = parent.get(key) or parent, join(path, key)
    if not isinstance(written, str):
        return bind_hours(binding, written, *binding.holidays, node, where)
    name = written.strip()
    is_inverted = name.startswith(_NOT)
    name = name.removeprefix(_NOT).strip()
    if name not in binding.calendars:
        binding.unknown(node, where, name, binding.calendars, "calendar in the section `calendars`")
        return None
    found = binding.calendars[name]
    return None if found is None else replace(found, inverted=is_inverted)
