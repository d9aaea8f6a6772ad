"""Reports that are sent by themselves: to whom, about what; and what a reload says of them and of tariffs."""

import pytest

from monitor.settings.difference import difference
from monitor.site import AlarmLimits, ReportSettings
from tests.settings.conftest import Load, Mistakes

SITE = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A}
  - {id: garden, class: water, manual: volume_m3, building: A}
  - {id: rest, sum: [main], building: B}
  - {id: door, profile: aqara-mccgq11lm, connection: broker, topic: d, building: C}
notify:
  people:
    - {id: ana, channels: {mail: 'mailto://u:p@example.org'}}
    - {id: ben}
"""
LINE = SITE.count("\n") + 6


def _report(text: str) -> str:
    return f"{SITE}reports:\n  - {{id: r, {text}}}\n"


def test_a_report_says_what_to_whom_and_when(load_text: Load) -> None:
    text = (
        "name: Report, kinds: [usage, cost, usage], every: month, people: [ana], wait: 1 day, devices: {id: '*n'}"
    )
    site = load_text(_report(text)).site

    assert site.reports == {
        "r": ReportSettings(
            id="r",
            name="Report",
            kinds=("usage", "cost"),
            every="month",
            people=("ana",),
            wait=86400.0,
            devices=("main", "garden"),
        )
    }


def test_a_short_report_is_about_all_meters_an_hour_after_the_period(load_text: Load) -> None:
    report = load_text(_report("kinds: balance, every: week, people: ana")).site.reports["r"]

    assert (report.name, report.kinds, report.people) == ("r", ("balance",), ("ana",))
    assert (report.wait, report.devices) == (3600.0, None)


@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_a_report_may_be_about_reckoned_meters(load_text: Load, every: str) -> None:
    text = f"kinds: [coverage], every: {every}, people: ana, devices: {{id: rest}}"

    assert load_text(_report(text)).site.reports["r"].devices == ("rest",)


def test_a_report_that_is_not_only_about_meters_takes_other_devices(load_text: Load) -> None:
    text = "kinds: [usage, access, equipment, supply], every: week, people: ana, devices: {building: [B, C]}"
    loaded = load_text(_report(text))

    assert loaded.site.reports["r"].devices == ("rest", "door")
    assert [each for each in loaded.warnings if each.path.startswith("reports")] == []


def test_a_report_about_no_meter_is_a_warning(load_text: Load) -> None:
    loaded = load_text(_report("kinds: usage, every: day, people: ana, devices: {building: C}"))

    (warning,) = (each for each in loaded.warnings if each.path.startswith("reports"))
    assert (warning.line, warning.path) == (LINE, "reports[0].devices")
    assert warning.message == "the report is about nothing: none of these is a meter"


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("kinds: usag, every: day, people: ana", "kinds", "`usag` is not one of the values allowed", "usage"),
        (
            "kinds: [usage, costs], every: day, people: ana",
            "kinds[1]",
            "`costs` is not one of the values allowed",
            "cost",
        ),
        ("kinds: [], every: day, people: ana", "kinds", "needs at least 1 entries", ""),
        ("every: day, people: ana", "kinds", "`kinds` is missing", ""),
        ("kinds: usage, every: year, people: ana", "every", "`year` is not one of the values allowed", ""),
        ("kinds: usage, every: day, people: anna", "people", "there is no person `anna`", "ana"),
        ("kinds: usage, every: day, people: [ana, anna]", "people[1]", "there is no person `anna`", "ana"),
        (
            "kinds: usage, every: day, people: [ben]",
            "people[0]",
            "`ben` has no channel: no report can reach this person",
            "",
        ),
        ("kinds: usage, every: day, people: []", "people", "needs at least 1 entries", ""),
        ("kinds: usage, every: day, people: ana, wait: 3", "wait", "write a time such as", ""),
        ("kinds: usage, every: day, people: ana, wait: 30 days", "wait", "must be at most", ""),
        (
            "kinds: usage, every: day, people: ana, devices: {building: D}",
            "devices.building",
            "there is no device whose building is `D`",
            "",
        ),
        ("kinds: usage, every: day, people: ana, whait: 1 h", "whait", "`whait` is not a key here", "wait"),
    ],
)
def test_a_report_that_is_wrong_is_told_at_its_place(
    mistakes: Mistakes, text: str, path: str, message: str, hint: str
) -> None:
    (found,) = mistakes(_report(text))

    assert (found.line, found.path, found.hint) == (LINE, f"reports[0].{path}", hint)
    assert found.message.startswith(message)


def test_an_id_that_is_taken_is_a_mistake(mistakes: Mistakes) -> None:
    text = _report("kinds: usage, every: day, people: ana")
    (found,) = mistakes(text + "  - {id: r, kinds: cost, every: day, people: ana}\n")

    assert (found.line, found.path) == (LINE + 1, "reports[1].id")


def test_a_person_with_a_mistake_is_told_once(mistakes: Mistakes) -> None:
    text = _report("kinds: usage, every: day, people: ben").replace("{id: ben}", "{id: ben, nam: B}")
    (found,) = mistakes(text)

    assert found.path == "notify.people[1].nam"


def test_a_reload_says_what_changes_of_metering(load_text: Load) -> None:
    report = _report("kinds: usage, every: day, people: ana")
    tariff = "tariffs:\n  - {id: t, utility: electricity, currency: EUR, terms: {price: PRICE}}\n"
    old = load_text(report + tariff.replace("PRICE", "1")).site
    new = load_text(
        report.replace("id: r", "id: s") + tariff.replace("PRICE", "2") + "metering: {keep: 1 year}\n"
    ).site
    found = difference(old, new)

    assert (found.added["reports"], found.removed["reports"]) == (("s",), ("r",))
    assert (found.changed["tariffs"], found.added["tariffs"]) == (("t",), ())
    assert found.sections == ("metering",)
    assert found.changed["devices"] == ()


def test_limits_of_alarms_are_those_written_or_those_of_control_rooms(load_text: Load, mistakes: Mistakes) -> None:
    found = load_text("performance: {acceptable: 20, too_many: 50, messages: 6, night_messages: 0}\n").site

    assert found.performance == AlarmLimits(acceptable=20, too_many=50, messages=6, night_messages=0)
    assert load_text("").site.performance == AlarmLimits(
        acceptable=150, too_many=300, messages=10, night_messages=2
    )
    (order,) = mistakes("performance: {acceptable: 60, too_many: 50}\n")
    assert "`too_many` alarms a day cannot be fewer than are `acceptable`" in order.message
    (wrong,) = mistakes("performance: {mesages: 3}\n")
    assert wrong.path == "performance.mesages"


def test_a_report_about_alarms_is_about_devices_that_are_no_meters_too(load_text: Load) -> None:
    text = _report("kinds: [alarms], every: week, people: [ana], devices: {building: C}")

    assert load_text(text).site.reports["r"].devices == ("door",)
