"""Rules about the monitor itself: which bind to it, and what the engine makes of its reports."""

from pathlib import Path
from typing import Any

import pytest

from drivers import DRIVERS
from monitor.model import Derived, Position, Recorded
from monitor.schema import MEASUREMENT_MONITOR, MONITOR_DEVICE, MONITOR_POINTS
from monitor.settings import SettingsInvalid, load
from monitor.settings.loading import Loaded
from monitor.settings.tables import resolve
from rules.engine import Engine
from rules.kinds import RULES
from rules.surroundings import Surroundings

NOW = 1_795_378_523_000
STOCK = Path(__file__).parents[2] / "config" / "rules" / "monitor.yaml"
SITE = """\
site: {id: house, timezone: Europe/Berlin}
connections: [{id: plant, modbus: {transport: tcp, host: 127.0.0.1}}]
devices:
  - {id: meter, connection: plant, unit: 1, class: equipment, points: {running: {register: discrete 0}}}
notify:
  people: [{id: ana, channels: {screen: "terminal:"}}]
  teams: [{id: house, members: [ana]}]
  routes: [{team: house}]
"""


def _load(folder: Path, rules: str) -> Loaded:
    (folder / "site.yaml").write_text(f"{SITE}rules:\n{rules}")
    return load(folder / "site.yaml", drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})


def _report(at: int, **values: Any) -> Recorded:
    derived = Derived(
        producer="itself",
        key="",
        device=MONITOR_DEVICE,
        time=NOW + at,
        measurement=MEASUREMENT_MONITOR,
        values=values,
    )
    return Recorded(Position(at + 1), NOW + at, derived)


def test_the_stock_rules_of_the_monitor_bind_to_it_and_to_nothing_else(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "  - stock: monitor\n")
    sources = {source for rule in loaded.site.rules.values() for source in rule.sources}

    assert len(loaded.site.rules) == STOCK.read_text("utf-8").count("\n- id: ") > 20
    assert {source.device for source in sources} == {MONITOR_DEVICE}
    assert {source.point for source in sources} - {None} <= set(MONITOR_POINTS)
    assert loaded.warnings == ()


def test_a_rule_that_does_not_name_the_monitor_is_not_about_it(tmp_path: Path) -> None:
    rules = "  - {id: all, kind: offline}\n  - {id: starred, kind: offline, devices: {id: '*'}}\n"
    bound = _load(tmp_path, rules).site.rules.values()

    assert [[source.device for source in rule.sources] for rule in bound] == [["meter"], ["meter"]]


def test_a_point_that_the_monitor_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    rule = "  - {id: r, kind: threshold, devices: {id: facility-monitor}, point: loop_lag_s, above: 1 s}\n"
    with pytest.raises(SettingsInvalid, match="loop_lag_ms"):
        _load(tmp_path, rule)


def test_limits_are_in_the_units_of_its_points(tmp_path: Path) -> None:
    rule = "  - {id: r, kind: threshold, devices: {id: facility-monitor}, point: loop_lag_ms, above: 2 s}\n"
    bound = _load(tmp_path, rule).site.rules["r"]

    assert (bound.params.above.magnitude, bound.params.above.unit) == (2000.0, "ms")


def test_a_full_disk_is_raised_from_the_reports_of_the_monitor_and_cleared(tmp_path: Path) -> None:
    site = _load(tmp_path, "  - stock: monitor\n").site
    engine = Engine(list(site.rules.values()), Surroundings.of(site))
    engine.judge([_report(at, disk_free_pct=50.0) for at in (0, 10_000)])
    raised = engine.judge([_report(at, disk_free_pct=5.0) for at in range(20_000, 100_000, 10_000)])
    cleared = engine.judge([_report(100_000, disk_free_pct=50.0)])

    assert [(one.transition.rule, one.transition.cause, one.transition.severity) for one in raised.steps] == [
        ("monitor-disk", "raised", "medium")
    ]
    assert [one.transition.cause for one in cleared.steps] == ["cleared"]


@pytest.mark.fault(
    "clock not synchronised at boot",
    part="notifications",
    outcome="Where it lasts for an hour, one alarm of low severity tells of it, and clears by itself.",
)
def test_a_clock_that_nobody_sets_is_one_low_alarm_after_an_hour(tmp_path: Path) -> None:
    site = _load(tmp_path, "  - stock: monitor\n").site
    engine = Engine(list(site.rules.values()), Surroundings.of(site))
    hour = 3_600_000
    early = engine.judge([_report(at, clock_synchronised=False) for at in range(0, hour, 10_000)])
    raised = engine.judge([_report(at, clock_synchronised=False) for at in range(hour, 5 * hour, 10_000)])
    cleared = engine.judge([_report(5 * hour, clock_synchronised=True)])

    assert early.steps == []
    assert [(one.transition.rule, one.transition.severity) for one in raised.steps] == [
        ("monitor-clock-unsynchronised", "low")
    ]
    assert [one.transition.cause for one in cleared.steps] == ["cleared"]
