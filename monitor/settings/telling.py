"""Binds how much people want to hear, and when: quiet hours, budgets, grouping and reminders."""

from collections.abc import Mapping

from monitor.calendars import Schedule
from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.settings.calendar import bind_hours
from monitor.settings.calendarshape import HoursKeys
from monitor.settings.tellingshape import BudgetKeys, GroupingKeys, QuietKeys, RemindersKeys
from monitor.staff import REMINDERS, Budget, Grouping, Quiet

__all__ = ["bind_budget", "bind_grouping", "bind_quiet", "bind_reminders"]


def bind_quiet(binding: Binding, parent: Node, path: str, usual: Quiet | None) -> Quiet | None:
    """The quiet hours that an entry writes; without any, or a mistake in them, the `usual` ones.

    `quiet: false` (or `off`) takes them back.
    """
    node = parent.get("quiet")
    if node is None:
        return usual
    if node.kind == "scalar" and (node.scalar is False or node.scalar == "off"):
        return None
    where = join(path, "quiet")
    keys = binding.check(QuietKeys, node, where)
    if keys is None:
        return usual
    hours = _hours(binding, keys, node, where)
    return usual if hours is None else Quiet(hours=hours, below=keys.below)


def _hours(binding: Binding, keys: QuietKeys, node: Node, path: str) -> Schedule | None:
    if keys.calendar is None:
        hours = HoursKeys.model_construct(days=keys.days, hours=keys.hours)  # checked already
        return bind_hours(binding, [hours], *binding.holidays, node, path)
    if keys.calendar not in binding.calendars:
        place, where = node.get("calendar") or node, join(path, "calendar")
        what = "calendar in the section `calendars`"
        binding.unknown(place, where, keys.calendar, binding.calendars, what)
        return None
    return binding.calendars[keys.calendar]


def bind_budget(binding: Binding, parent: Node, path: str) -> Budget:
    """How many messages somebody wants."""
    node = parent.get("budget")
    keys = None if node is None else binding.check(BudgetKeys, node, join(path, "budget"))
    return Budget() if keys is None else Budget(day=keys.day, night=keys.night)


def bind_grouping(binding: Binding, parent: Node) -> Grouping:
    """What is told in one message."""
    node = parent.get("grouping")
    keys = None if node is None else binding.check(GroupingKeys, node, "notify.grouping")
    return Grouping() if keys is None else Grouping(wait=keys.wait, interval=keys.interval, pace=keys.pace)


def bind_reminders(binding: Binding, parent: Node) -> Mapping[str, tuple[float, ...]]:
    """Severity -> seconds between reminders; without a word the usual ones, `off`: none."""
    node = parent.get("reminders")
    if node is None:
        return REMINDERS
    if node.kind == "scalar" and (node.scalar is False or node.scalar == "off"):
        return {}
    keys = binding.check(RemindersKeys, node, "notify.reminders")
    return REMINDERS if keys is None else keys.by_severity
