"""Hours in which rules count, and calendars that give them names."""

import pytest

from monitor.fields import Quantity
from tests.settings.conftest import Load, Mistakes
from tests.settings.test_rules import DEVICES, _rule

CALENDARS = """\
calendars:
  - {id: office-hours, hours: {days: mon-fri, hours: "07:00-19:00"}, holidays: {country: DE}}
  - {id: nights, hours: [{hours: "22:00-06:00"}]}
"""
OFFLINE = "{id: r, kind: offline, devices: {id: main}, schedule: "
MONDAY_NOON = 1_767_610_800_000  # 2026-01-05 12:00 in Berlin


@pytest.mark.parametrize(
    ("written", "at_noon", "at_night"),
    [
        ("office-hours", True, False),
        ("not office-hours", False, True),
        ("nights", False, True),
        ('{days: mon, hours: "11:00-13:00"}', True, False),
        ('[{hours: "11:00-13:00"}, {hours: "00:00-01:00"}]', True, True),
    ],
)
def test_a_rule_has_its_hours(load_text: Load, written: str, at_noon: bool, at_night: bool) -> None:  # noqa: FBT001
    site = load_text(f"{CALENDARS}{DEVICES}  - {OFFLINE}{written}}}\n").site
    schedule = site.rules["r"].schedule

    assert schedule is not None
    assert schedule.is_on(MONDAY_NOON, site.timezone) is at_noon
    assert schedule.is_on(MONDAY_NOON - 12 * 3_600_000, site.timezone) is at_night


def test_a_calendar_that_is_edited_edits_its_rules(load_text: Load) -> None:
    text = f"{CALENDARS}{DEVICES}  - {OFFLINE}nights}}\n"
    first = load_text(text).site.rules["r"].version

    assert load_text(text).site.rules["r"].version == first
    assert load_text(text.replace("22:00", "23:00")).site.rules["r"].version != first


def test_limits_of_some_hours_are_turned_into_the_unit_too(load_text: Load) -> None:
    rule = _rule(
        load_text,
        "{id: r, kind: range, point: flow_m3h, low: 1 m3/h, high: 9 m3/h,"
        ' at: {schedule: {hours: "22:00-06:00"}, low: 10 L/h, high: 1 m3/h}}',
    )

    assert rule.params.at[0].low == Quantity(0.01, "m3/h")
    assert len(rule.at) == 1


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        (f"{OFFLINE}office-hour}}", "rules[0].schedule", "office-hours"),
        (f"{OFFLINE}not nigths}}", "rules[0].schedule", "nights"),
        (f"{OFFLINE}{{day: mon}}}}", "rules[0].schedule.day", "days"),
        (f"{OFFLINE}{{days: mno}}}}", "rules[0].schedule.days", ""),
        (f"{OFFLINE}[{{hours: 7-9}}]}}", "rules[0].schedule[0].hours", ""),
        (f"{OFFLINE}{{days: holidays}}}}", "rules[0].schedule.days", ""),
        (
            (
                "{id: r, kind: range, point: power_w, low: 1 W, high: 2 W,"
                " at: [{schedule: night, low: 1 W, high: 3 W}]}"
            ),
            "rules[0].at[0].schedule",
            "nights",
        ),
        (
            (
                "{id: r, kind: range, point: power_w, low: 1 W, high: 2 W,"
                " at: [{schedule: nights, low: 1 V, high: 3 W}]}"
            ),
            "rules[0].at[0].low",
            "",
        ),
        (
            "{id: r, kind: threshold, point: power_w, above: 1 W, at: [{schedule: nights, below: 1 W}]}",
            "rules[0]",
            "",
        ),
    ],
)
def test_hours_that_are_wrong_are_told_once(mistakes: Mistakes, text: str, path: str, hint: str) -> None:
    (finding,) = mistakes(f"{CALENDARS}{DEVICES}  - {text}\n")

    assert (finding.path, finding.hint) == (path, hint)


def test_a_mistake_in_a_calendar_is_told_once(mistakes: Mistakes) -> None:
    calendars = "calendars: [{id: nights, hours: {hours: 22-6}}]\n"

    (finding,) = mistakes(f"{calendars}{DEVICES}  - {OFFLINE}nights}}\n")

    assert finding.path == "calendars[0].hours.hours"
