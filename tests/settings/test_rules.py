from pathlib import Path

import pytest

from monitor.fields import Quantity
from monitor.settings import loading
from monitor.settings.patterns import fits
from monitor.site import Rule
from tests.settings.conftest import Load, Mistakes

DEVICES = """\
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A, role: main}
  - {id: sub, profile: abb-b23, connection: plant, unit: 2, building: A, role: sub}
  - {id: water, profile: xintai-water, connection: plant, unit: 3, building: B}
  - {id: cold, class: environment, connection: broker, topic: x, points: {temperature_c: {json: $.t, unit: degC}}}
  - {id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: y}
rules:
"""


def _rule(load_text: Load, text: str) -> Rule:
    (rule,) = load_text(f"{DEVICES}  - {text}\n").site.rules.values()
    return rule


def _keys(rule: Rule) -> list[str]:
    return [source.key for source in rule.sources]


def test_a_rule_watches_each_point_of_each_device_that_matches(load_text: Load) -> None:
    rule = _rule(
        load_text,
        "{id: r, kind: threshold, devices: {class: electricity, role: main}, points: voltage_l*_v, below: 207 V}",
    )

    assert _keys(rule) == [f"main/voltage_{phase}_v" for phase in ("l12", "l1", "l23", "l2", "l31", "l3")]


def test_without_devices_a_rule_is_for_all_that_have_the_point(load_text: Load) -> None:
    assert _keys(_rule(load_text, "{id: r, kind: threshold, point: power_w, above: 10 kW}")) == [
        "main/power_w",
        "sub/power_w",
    ]


def test_a_rule_without_points_watches_devices(load_text: Load) -> None:
    rule = _rule(load_text, "{id: r, kind: offline, devices: {id: [main, w*]}}")

    assert _keys(rule) == ["main", "water"]


def test_quantities_are_turned_into_the_unit_of_the_points(load_text: Load) -> None:
    rule = _rule(load_text, "{id: r, kind: threshold, point: flow_m3h, above: 20 L/h, deadband: 5 L/h}")

    assert (rule.params.above, rule.params.deadband) == (Quantity(0.02, "m3/h"), Quantity(0.005, "m3/h"))


def test_quantities_of_levels_are_turned_too(load_text: Load) -> None:
    rule = _rule(
        load_text,
        "{id: r, kind: threshold, point: power_w, levels: [{above: 10 kW, severity: medium},"
        " {above: 12000 W, severity: high}]}",
    )

    assert [level.above for level in rule.params.levels] == [Quantity(10000, "W"), Quantity(12000, "W")]


def test_a_deadband_of_degrees_is_a_difference(load_text: Load) -> None:
    rule = _rule(
        load_text, "{id: r, kind: range, point: temperature_c, low: 2 degC, high: 50 degF, deadband: 1 K}"
    )

    assert rule.params.deadband == Quantity(1, "degC")
    assert rule.params.high.magnitude == pytest.approx(10)


def test_the_version_changes_with_the_rule_and_with_nothing_else(load_text: Load) -> None:
    text = "{id: r, kind: threshold, point: power_w, above: 10 kW}"
    first = _rule(load_text, text).version

    assert _rule(load_text, text).version == first
    assert _rule(load_text, "{above: 10 kW, point: power_w, kind: threshold, id: r}").version == first
    assert _rule(load_text, text.replace("10 kW", "11 kW")).version != first


def test_a_disabled_rule_is_checked_and_left_out(load_text: Load, mistakes: Mistakes) -> None:
    off = "  - {id: r, kind: threshold, point: power_w, above: 1 kW, enabled: false}\n"

    assert load_text(DEVICES + off).site.rules == {}
    assert mistakes(DEVICES + off.replace("above", "abov"))


@pytest.mark.parametrize(
    ("rule", "path", "hint"),
    [
        ("{id: r, point: power_w, above: 1 kW}", "kind", ""),
        ("{id: r, kind: treshold, point: power_w, above: 1 kW}", "kind", "threshold"),
        ("{id: R, kind: offline}", "id", ""),
        ("{id: r, kind: offline, failure: 3}", "failure", "failures"),
        ("{id: r, kind: offline, severity: urgent}", "severity", ""),
        ("{id: r, kind: threshold, point: power_w, above: 1 kW, on_delay: 2}", "on_delay", ""),
        ("{id: r, kind: threshold, point: power_w, above: 207 V}", "above", ""),
        ("{id: r, kind: threshold, point: power_w, above: 207}", "above", "207 W"),
        ("{id: r, kind: threshold, point: power_w, above: 1e308 kW}", "above", ""),
        ("{id: r, kind: threshold, point: power_w, above: 1e999 kW}", "above", ""),
        ("{id: r, kind: offline, on_delay: 1e999 s}", "on_delay", ""),
        ("{id: r, kind: threshold, point: pf, below: 9 W}", "below", "9"),
        ("{id: r, kind: threshold, point: power_w, levels: [{above: 1 V, severity: low}]}", "levels[0].above", ""),
        ("{id: r, kind: threshold, points: [power_w, flow_m3h], above: 1 W}", "points", ""),
        ("{id: r, kind: threshold, point: powr_w, above: 1 W}", "point", "power_w"),
        ("{id: r, kind: threshold, points: [power_w, curent_l1_a], above: 1 W}", "points", "current_l1_a"),
        ("{id: r, kind: offline, devices: {class: electricty}}", "devices.class", "electricity"),
        ("{id: r, kind: offline, devices: {id: [main, subb]}}", "devices.id[1]", "sub"),
        ("{id: r, kind: offline, devices: {building: C}}", "devices.building", ""),
        ("{id: r, kind: offline, devices: {clas: water}}", "devices.clas", "class"),
        ("{id: r, kind: offline, devices: {class: heat}}", "devices", ""),
        ("{id: r, kind: offline, devices: main}", "devices", ""),
        ("{id: r, kind: event, event: force}", "", ""),
    ],
)
def test_a_rule_that_is_wrong_is_told_once(mistakes: Mistakes, rule: str, path: str, hint: str) -> None:
    (finding,) = mistakes(f"{DEVICES}  - {rule}\n")

    assert finding.path == ("rules[0]." + path).rstrip(".")
    assert finding.hint == hint
    assert finding.line == 12


def test_a_mistake_in_a_device_is_not_told_again_for_its_rule(mistakes: Mistakes) -> None:
    found = mistakes(
        "devices: [{id: a, profile: nothing-like-it, connection: plant}]\n"
        "rules: [{id: r, kind: threshold, devices: {id: a}, point: power_w, above: 1 W}]\n"
    )

    assert [finding.path for finding in found] == ["devices[0].profile"]


STOCK = """\
- {id: power, kind: threshold, point: power_w, above: 9 kW}
- {id: gone, kind: offline}
- {id: heat, kind: threshold, point: supply_c, above: 90 degC}
"""


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of stock rules in place of the shipped one; profiles stay as they are."""
    shipped = tmp_path / "shipped"
    (shipped / "rules").mkdir(parents=True)
    (shipped / "rules" / "basic.yaml").write_text(STOCK)
    (shipped / "profiles").symlink_to(loading.SHIPPED / "profiles")
    monkeypatch.setattr(loading, "SHIPPED", shipped)


@pytest.mark.usefixtures("stock")
def test_stock_rules_can_be_narrowed_and_replaced(load_text: Load) -> None:
    loaded = load_text(
        f"{DEVICES}  - {{stock: basic, devices: {{building: A}}}}\n"
        "  - {id: power, kind: threshold, point: power_w, above: 5 kW}\n"
        "notify: {people: [{id: a, channels: {t: 'terminal:'}}],"
        " teams: [{id: t, members: a}], routes: [{team: t}]}\n"
    )

    assert set(loaded.site.rules) == {"power", "gone"}
    assert _keys(loaded.site.rules["gone"]) == ["main", "sub"]
    assert loaded.site.rules["power"].params.above == Quantity(5000, "W")
    assert loaded.warnings == (), "that one of them finds nothing is as usual"


@pytest.mark.usefixtures("stock")
def test_stock_rules_that_are_not_there_are_told(mistakes: Mistakes) -> None:
    (finding,) = mistakes(f"{DEVICES}  - stock: basics\n")

    assert (finding.path, finding.hint) == ("rules[0].stock", "basic")


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("voltage_l1_v", "voltage_l*_v", True),
        ("voltage_v", "voltage_l*_v", False),
        ("a.b", "a?b", False),
        ("a.b", "a*", True),
        ("[x]", "[x]", True),
        ("a" * 200, "*a*a*a*b", False),
    ],
)
def test_only_the_star_is_special_in_a_pattern(text: str, pattern: str, matches: bool) -> None:  # noqa: FBT001
    assert fits(text, (pattern,)) is matches


@pytest.mark.parametrize("name", sorted(path.stem for path in (loading.SHIPPED / "rules").glob("*.yaml")))
def test_shipped_stock_rules_have_no_mistakes(load_text: Load, name: str) -> None:
    loaded = load_text(f"{DEVICES}  - stock: {name}\n")

    assert all("no device here" in each.message or "no routes" in each.message for each in loaded.warnings)


# Rules that name their own sources --------------------------------------------------------------------


def test_a_rule_about_connections_has_an_alarm_for_each(load_text: Load) -> None:
    rule = _rule(load_text, "{id: r, kind: segment}")

    assert _keys(rule) == ["facility-monitor/broker", "facility-monitor/plant"]
    assert [(source.name, source.building) for source in rule.sources] == [("broker", ""), ("plant", "")]


def test_connections_are_chosen_by_name_and_by_their_devices(load_text: Load) -> None:
    assert _keys(_rule(load_text, "{id: r, kind: segment, connections: pl*}")) == ["facility-monitor/plant"]
    (source,) = _rule(load_text, "{id: r, kind: segment, devices: {building: A}}").sources
    assert (source.key, source.building) == ("facility-monitor/plant", "A")


def test_a_supply_is_called_by_its_building(load_text: Load) -> None:
    rule = _rule(load_text, "{id: r, kind: supply}")

    assert [(source.key, source.name, source.building) for source in rule.sources] == [
        ("main/electricity", "A: electricity", "A")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{id: r, kind: segment, connections: [plnt]}", "there is no connection `plnt`"),
        (
            "{id: r, kind: segment, connections: x*}",
            "there is nothing of the kind here: the rule would watch nothing",
        ),
        ("{id: r, kind: supply, utility: gas}", "there is nothing of the kind here: the rule would watch nothing"),
        ("{id: r, kind: supply, utility: wine}", "allowed: electricity, water, gas, heat"),
    ],
)
def test_what_is_not_there_is_told(mistakes: Mistakes, text: str, message: str) -> None:
    (found,) = mistakes(f"{DEVICES}  - {text}\n")

    assert message in str(found)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            "{id: r, kind: threshold, devices: {id: main}, point: demand_sliding_w, above: 30 kW}",
            ["demand_sliding_w"],
        ),
        ("{id: r, kind: threshold, devices: {id: main}, point: demand_w, above: 30 kW}", ["demand_w"]),
        ("{id: r, kind: threshold, point: volume_delta_m3, above: 30 L}", ["volume_delta_m3"]),
        ("{id: r, kind: threshold, devices: {id: main}, points: demand_*, above: 30 kW}", []),
        ("{id: r, kind: state, devices: {id: front}, point: held, is: true}", ["held"]),
    ],
)
def test_a_point_that_the_monitor_derives_is_named_whole(load_text: Load, text: str, keys: list[str]) -> None:
    door = "  - {id: front, profile: aqara-mccgq11lm, connection: broker, topic: z}\nrules:\n"
    site = DEVICES.replace("rules:\n", door)
    if not keys:
        with pytest.raises(loading.SettingsInvalid, match="no point of these devices that matches"):
            load_text(f"{site}  - {text}\n")
        return

    rules = load_text(f"{site}  - {text}\n").site.rules

    assert [source.point for source in rules["r"].sources] == keys


def test_a_rate_of_degrees_is_a_difference(load_text: Load) -> None:
    rule = _rule(load_text, "{id: r, kind: rate, point: temperature_c, above: 9 degF, per: 1 min}")

    assert rule.params.above == Quantity(5, "degC")


def test_what_a_rule_names_beside_its_points_is_in_its_own_unit(load_text: Load) -> None:
    rule = _rule(
        load_text,
        "{id: r, kind: stuck, devices: {id: main}, point: energy_import_kwh, unchanged_for: 1 h,"
        " while: {point: flow_m3h, above: 20 L/h, device: water}}",
    )

    assert rule.params.while_.above == Quantity(0.02, "m3/h")


def test_devices_that_are_judged_together_have_one_alarm_of_the_monitor(load_text: Load) -> None:
    rule = _rule(load_text, "{id: r, kind: event_count, devices: {id: [main, sub]}, event: card, across: devices}")

    assert (_keys(rule), rule.devices) == (["facility-monitor"], ("main", "sub"))


@pytest.mark.parametrize(
    ("rule", "path", "hint"),
    [
        ("{id: r, kind: rate, point: power_w, above: 1 kWh}", "above", ""),
        ("{id: r, kind: rate, point: powr_w, above: 1 kW}", "point", "power_w"),
        ("{id: r, kind: rate, point: power_w, above: 1 kW, metod: delta}", "metod", "method"),
        ("{id: r, kind: delta, point: power_w, above: 1 kW, per: day}", "point", ""),
        ("{id: r, kind: delta, point: energy_import_kwh, above: 1 kWh, per: week}", "per", ""),
        ("{id: r, kind: delta, devices: {id: water}, point: volume_m3, above: 1 kWh, per: day}", "above", ""),
        ("{id: r, kind: counter_fault, devices: {id: cold}}", "devices", ""),
        (
            "{id: r, kind: stuck, point: energy_import_kwh, while: {point: powr_w, above: 1 W}}",
            "while.point",
            "power_w",
        ),
        ("{id: r, kind: stuck, point: energy_import_kwh, while: {point: power_w, above: 1 V}}", "while.above", ""),
        ("{id: r, kind: stuck, point: demand_sliding_w}", "point", ""),
        (
            "{id: r, kind: absence, first: {event: card}, without: {event: opened, device: mian}, within: 9 s}",
            "without.device",
            "main",
        ),
        (
            "{id: r, kind: absence, first: {event: card}, without: {event: opened, device: door-*}, within: 9 s}",
            "without.device",
            "",
        ),
        (
            "{id: r, kind: absence, first: {point: callled, is: true}, without: {event: card}, within: 9 s}",
            "first.point",
            "",
        ),
    ],
)
def test_a_rule_of_a_window_that_is_wrong_is_told_once(
    mistakes: Mistakes, rule: str, path: str, hint: str
) -> None:
    (finding,) = mistakes(f"{DEVICES}  - {rule}\n")

    assert (finding.path, finding.hint) == (f"rules[0].{path}", hint)


def test_a_kind_that_finds_no_meter_of_its_sort_says_what_it_wants(mistakes: Mistakes) -> None:
    (finding,) = mistakes(f"{DEVICES}  - {{id: leak, kind: continuous_flow, devices: {{id: main}}}}\n")

    assert finding.path == "rules[0].devices"
    assert "none of these devices is a meter that counts m3" in finding.message


def test_a_rule_in_shadow_is_neither_acknowledged_nor_reset_and_needs_no_route(load_text: Load) -> None:
    loaded = load_text(
        f"{DEVICES}  - {{id: r, kind: state, point: alarm, is: true, latched: true, shadow: true}}\n"
        "notify: {people: [{id: ana, channels: {screen: 'terminal:'}}], teams: [{id: a, members: [ana]}],"
        " routes: [{team: a, match: {rule: none-*}}]}\n"
    )
    params = loaded.site.rules["r"].params

    assert (params.shadow, params.latched, params.ack) == (True, False, "not_required")
    assert [warning for warning in loaded.warnings if "reach nobody" in warning.message] == []
