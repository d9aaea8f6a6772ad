"""Quiet hours, budgets, grouping and reminders as the site file writes them."""

import pytest

from monitor.calendars import Hours
from monitor.staff import REMINDERS, Budget, Grouping, Notify
from tests.settings.conftest import Load, Mistakes


def wishes(load_text: Load, written: str, person: str = "") -> Notify:
    """What a site file makes of a section `notify` with these lines, and with those in the entry of Ana."""
    people = f"[{{id: ana, channels: {{screen: 'terminal:'}}{person}}}, {{id: ben, channels: {{s: 'terminal:'}}}}]"
    calendars = "calendars: [{id: nights, hours: {days: mon-fri, hours: '21:00-06:00'}}]\n"
    return load_text(f"{calendars}notify:\n  people: {people}\n{written}").site.notify


def test_without_a_word_nobody_has_quiet_hours_and_everybody_is_reminded(load_text: Load) -> None:
    notify = wishes(load_text, "")

    assert (notify.people["ana"].quiet, notify.people["ana"].budget) == (None, Budget())
    assert (notify.grouping, notify.reminders) == (Grouping(wait=30, interval=300, pace=60), REMINDERS)


@pytest.mark.parametrize("taken_back", ["false", "off"])
def test_quiet_hours_are_for_everybody_unless_somebody_takes_them_back(load_text: Load, taken_back: str) -> None:
    notify = wishes(
        load_text, '  quiet: {hours: "22:00-07:00"}\n', f", quiet: {taken_back}, budget: {{day: 10, night: 0}}"
    )
    ben = notify.people["ben"].quiet

    assert notify.people["ana"].quiet is None
    assert notify.people["ana"].budget == Budget(day=10, night=0)
    assert ben is not None
    assert (ben.below, ben.hours.hours) == ("high", (Hours(spans=((1320, 1860),)),))


def test_quiet_hours_can_be_those_of_a_calendar(load_text: Load) -> None:
    ana = wishes(load_text, "", ", quiet: {calendar: nights, below: critical}").people["ana"].quiet

    assert ana is not None
    assert (ana.below, ana.hours.hours) == (
        "critical",
        (Hours(days=frozenset(range(1, 6)), spans=((1260, 1800),)),),
    )


@pytest.mark.parametrize("off", ["off", "false"])
def test_reminders_can_be_turned_off_or_changed(load_text: Load, off: str) -> None:
    assert wishes(load_text, f"  reminders: {off}\n").reminders == {}
    assert wishes(load_text, "  reminders: {critical: off, high: 2 h}\n").reminders == {
        "high": (7200.0,),
        "medium": (28800.0,),
    }
    assert wishes(load_text, "  grouping: {wait: 0 s, pace: 0 s}\n").grouping == Grouping(
        wait=0, interval=300, pace=0
    )


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("  quiet: {below: high}\n", "quiet"),
        ("  quiet: {calendar: nigths}\n", "quiet.calendar"),
        ('  quiet: {hours: "22:00-07:00", below: low}\n', "quiet.below"),
        ("  grouping: {wait: 30}\n", "grouping.wait"),
        ("  reminders: {high: [1 s]}\n", "reminders.high[0]"),
        ("  people: [{id: a, budget: {day: 0}}]\n", "people[0].budget.day"),
        ("  people: [{id: a, budget: 3}]\n", "people[0].budget"),
    ],
)
def test_mistakes_in_what_people_want_are_told(mistakes: Mistakes, written: str, path: str) -> None:
    assert f"notify.{path}" in {finding.path for finding in mistakes(f"notify:\n{written}")}
