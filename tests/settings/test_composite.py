"""What rules of the kind `composite` may name, and whom they may hear."""

import pytest

from monitor.site import Rule
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A, role: main}
  - {id: sub-2, profile: abb-b23, connection: plant, unit: 2, building: A, role: sub}
  - {id: water, profile: xintai-water, connection: plant, unit: 3, building: B}
  - {id: door, profile: aqara-mccgq11lm, connection: broker, topic: zigbee/door}
  - {id: 3rd-pump, class: environment, connection: broker, topic: x, points: {mode: {json: $.m}}}
rules:
  - {id: overload, kind: threshold, devices: {id: main}, point: power_w, above: 10 kW}
  - {id: forced, kind: event, event: forced, devices: {id: door}}
"""


def _rule(load_text: Load, expression: str, more: str = "") -> Rule:
    text = f"{DEVICES}  - {{id: r, kind: composite, expression: '{expression}'{more}}}\n"
    return load_text(text).site.rules["r"]


def test_it_is_for_every_device_that_has_all_its_points(load_text: Load) -> None:
    rule = _rule(load_text, "power_w > 5000 && voltage_l1_v < 207")

    assert [source.key for source in rule.sources] == ["main", "sub-2"]


def test_a_selector_leaves_fewer(load_text: Load) -> None:
    rule = _rule(load_text, "power_w > 5000", ", devices: {role: sub}")

    assert [source.key for source in rule.sources] == ["sub-2"]


@pytest.mark.parametrize(
    "expression",
    [
        "open && sub_2.power_w > 100",
        "open && (hour >= 22 || hour < 6) && dow < 6",
        "open && age_open > 3600",
        "open && age_open >= 3600 && 60 < sub_2.age_power_w",
        "open && alarm_overload",
        "open && facility_monitor.disk_free_pct < 10",
        'open && 3rd_pump.mode == "auto"',
        "open && 3rd_pump.mode == 3",
        "open && sub_2.power_w / main.power_w > 0.5",
    ],
)
def test_what_may_be_named(load_text: Load, expression: str) -> None:
    rule = _rule(load_text, expression)

    assert [source.key for source in rule.sources] == ["door"]
    assert rule.params.expression == expression


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("powr_w > 5", "there is no `powr_w` here; did you mean `power_w`?"),
        ("open && sub_2.powr_w > 5", "there is no `sub_2.powr_w` here; did you mean `sub_2.power_w`?"),
        ("open && sub_3.power_w > 5", "there is no device for `sub_3.power_w`; did you mean `sub_2.power_w`?"),
        ("open && sub-2.power_w > 5", "there is no `sub` here"),
        ("open && alarm_overlod", "did you mean `alarm_overload`?"),
        ("open && age_opn > 5", "did you mean `age_open`?"),
        ("open && hours > 5", "did you mean `hour`?"),
        ("open && null == open", "there is no `null` here"),
        ("open && power_w > 5", "none of these devices has all the points"),
        ("open && alarm_forced", "an alarm of the kind `event` is over at once"),
        ("open && age_open * 2 > 5", "compare `age_open` with a number of seconds"),
        ("open && age_open", "compare `age_open` with a number"),
        ("open && age_open > sub_2.power_w", "compare `age_open` with a number"),
        ("open && 5 + 5 < age_open", "compare `age_open` with a number"),
        ("power_w", "this is a value: compare it with something"),
        ("power_w > 5 ? 1 : 2", "this is a value: compare it with something"),
        ("power_w && voltage_l1_v > 5", "are mixed up"),
        ("open > 5", "are mixed up"),
        ('power_w < "five"', "are mixed up"),
        ("hour > 5", "asks for a point or an alarm at least"),
        ("alarm_overload && hour > 5", "say with `devices:` whose alarm it is"),
        ("sub_2.power_w > 5", "say with `devices:` whose alarm it is"),
        ("alarm_r && open", "the rule hears of its own alarm: `r` -> `r`"),
        ("open and alarm_forced", "instead of `and` write `&&`"),
        ("open && power_w > 5 kW", "write `5` without a unit"),
    ],
)
def test_what_cannot_be_judged_is_refused(mistakes: Mistakes, expression: str, message: str) -> None:
    text = f"{DEVICES}  - {{id: r, kind: composite, expression: '{expression}'}}\n"
    (found,) = mistakes(text)

    assert found.path == "rules[2].expression"
    assert message in str(found)


def test_rules_that_hear_each_other_in_a_circle_are_refused(mistakes: Mistakes) -> None:
    found = mistakes(
        f"{DEVICES}"
        "  - {id: a, kind: composite, expression: alarm_b && power_w > 5}\n"
        "  - {id: b, kind: composite, expression: alarm_c || power_w > 5}\n"
        "  - {id: c, kind: composite, expression: open && alarm_a}\n"
        "  - {id: d, kind: composite, expression: open && alarm_a}\n"
    )

    assert [each.path for each in found] == [f"rules[{number}].expression" for number in (2, 3, 4)]
    assert "`a` -> `b` -> `c` -> `a`" in found[0].message


def test_the_alarms_of_a_rule_that_is_not_in_use_are_warned_of(load_text: Load) -> None:
    loaded = load_text(
        f"{DEVICES}  - {{id: r, kind: composite, expression: open && alarm_off}}\n"
        "  - {id: off, kind: state, point: open, is: true, enabled: false}\n"
    )

    (warning,) = [each for each in loaded.warnings if each.path == "rules[2].expression"]
    assert "the rule `off` is not in use: here its alarm is always false" in warning.message
