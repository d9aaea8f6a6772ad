"""What each kind accepts and refuses in the site file."""

from typing import Any

import pytest
from pydantic import ValidationError

from rules.kinds import RULES
from rules.surroundings import Surroundings
from tests.rules.build import device, kind, rule

CARD = {"event": "card"}
POINT = {"id": "r", "point": "voltage_v"}


@pytest.mark.parametrize("name", RULES)
def test_the_table_names_what_it_says(name: str) -> None:
    assert kind(name).kind == name
    assert kind(name).hears in {"point", "readings", "events", "entries"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "threshold", **POINT}, "either `above:` or `below:`"),
        ({"kind": "threshold", **POINT, "above": "1 V", "below": "2 V"}, "either `above:` or `below:`"),
        ({"kind": "threshold", "id": "r", "above": "1 V"}, "either `point:` or `points:`"),
        ({"kind": "threshold", **POINT, "points": "a*", "above": "1 V"}, "either `point:` or `points:`"),
        ({"kind": "threshold", **POINT, "levels": []}, "at least one level"),
        (
            {"kind": "threshold", **POINT, "above": "1 V", "levels": [{"above": "1 V", "severity": "low"}]},
            "write the limits and severities there",
        ),
        ({"kind": "threshold", **POINT, "levels": [{"severity": "low"}]}, "either `above:` or `below:`"),
        (
            {"kind": "threshold", **POINT, "levels": [{"above": "1 V", "severity": "low"}] * 2},
            "a severity of its own",
        ),
        ({"kind": "range", **POINT, "low": "2 V", "high": "1 V"}, "must be below"),
        ({"kind": "state", **POINT, "is": []}, "at least 1"),
        ({"kind": "stale", "id": "r", "max_age": 5}, "write a time"),
        ({"kind": "offline", "id": "r", "failures": 0}, "greater than or equal to 1"),
        ({"kind": "segment", "id": "r", "share": 0}, "greater than 0"),
        ({"kind": "segment", "id": "r", "connections": []}, "at least 1"),
        ({"kind": "supply", "id": "r", "is": "present"}, "'partial' or 'lost'"),
        (
            {"kind": "supply", "id": "r", "is": "lost", "levels": [{"is": "lost", "severity": "high"}]},
            "either `is:` or `levels:`",
        ),
        (
            {
                "kind": "supply",
                "id": "r",
                "levels": [{"is": "partial", "severity": "high"}, {"is": "lost", "severity": "low"}],
            },
            "`lost` is more severe",
        ),
        ({"kind": "continuous_flow", "id": "r", "lookback": "90 min"}, "at least twice as long as `gap:`"),
        ({"kind": "continuous_flow", "id": "r", "lookback": "50 days"}, "from `1 h` to `40 days`"),
        ({"kind": "night_flow", "id": "r", "window": "22:00-05:00"}, "within one day"),
        ({"kind": "night_flow", "id": "r", "window": "05:00-08:00"}, "over by `judged_at:`"),
        ({"kind": "night_flow", "id": "r", "nights": 7}, "cannot be more than `nights:`"),
        ({"kind": "balance", "id": "r", "severity": "high"}, "write the severities in `levels:`"),
        ({"kind": "balance", "id": "r", "levels": []}, "at least one level"),
        (
            {
                "kind": "balance",
                "id": "r",
                "levels": [{"above": "20 %", "severity": "low"}, {"above": "10 %", "severity": "high"}],
            },
            "must be the greater share",
        ),
        ({"kind": "demand", "id": "r", "contract": "0 W"}, "more than nothing"),
        ({"kind": "demand", "id": "r", "contract": "9 kW", "severity": "low"}, "severities in `levels:`"),
        ({"kind": "baseline", "id": "r", "relative": "0 %"}, "more than nothing"),
        ({"kind": "baseline", "id": "r", "lasting": "30 min"}, "from `1 h` to `7 days`"),
        ({"kind": "balance", "id": "r", "least": "5 bar"}, "an amount such as `0.5 m3` or `5 kWh`"),
        ({"kind": "baseline", "id": "r", "least": 5}, "an amount such as `0.5 m3` or `5 kWh`"),
        ({"kind": "unbalance", "id": "r", "points": ["voltage_l1_v", "voltage_l2_v"]}, "three names"),
        ({"kind": "unbalance", "id": "r", "points": ["power_l1_w", "power_l2_w", "power_l3_w"]}, "points in V"),
        ({"kind": "unbalance", "id": "r", "of": "current"}, "write the `rating:` of the circuit"),
        ({"kind": "unbalance", "id": "r", "rating": "63 A"}, "`rating:` are for `of: current`"),
        ({"kind": "unbalance", "id": "r", "of": "current", "method": "iec", "rating": "9 A"}, "between phases"),
        ({"kind": "unbalance", "id": "r", "of": "current", "min_load": "9 A", "phase_loss": "40 %"}, "needs the"),
        (
            {"kind": "unbalance", "id": "r", "of": "current", "rating": "9 A", "phase_loss": "40 %"}
            | {"severity": "critical"},
            "must be higher",
        ),
        ({"kind": "composite", "id": "r", "expression": "level_m < 1 and open"}, "instead of `and` write `&&`"),
        ({"kind": "event", "id": "r", "event": "forcd"}, "no such event: forcd"),
        ({"kind": "event", "id": "r", "event": "forced", "on_delay": "1 s"}, "it is over at once"),
        ({"kind": "event_count", "id": "r", "event": "crad"}, "no such event: crad; there are"),
        ({"kind": "event_count", "id": "r", "event": "card", "on_delay": "1 s"}, "has no `on_delay:`"),
        ({"kind": "event_count", "id": "r", "event": "card", "distinct": "device"}, "needs `across: devices`"),
        ({"kind": "event_count", "id": "r", "event": "card", "count": 0}, "greater than or equal to 1"),
        ({"kind": "event_count", "id": "r", "event": "card", "window": "9 weeks"}, "less than or equal to"),
        ({"kind": "counter_fault", "id": "r", "faults": "backward"}, "'backwards'"),
        ({"kind": "counter_fault", "id": "r", "faults": {"reset": "hihg"}}, "'high'"),
        ({"kind": "counter_fault", "id": "r", "latched": True}, "it is over at once"),
        (
            {"kind": "sequence", "id": "r", "first": CARD, "then": {"point": "open"}, "within": "1 s"},
            "write one of `is:`",
        ),
        ({"kind": "sequence", "id": "r", "first": CARD, "then": {}, "within": "1 s"}, "`event:` or `point:`"),
        (
            {"kind": "sequence", "id": "r", "first": {**CARD, "same": "door"}, "then": CARD, "within": "1 s"},
            "neither `device:` nor `same:`",
        ),
        (
            {"kind": "sequence", "id": "r", "first": CARD, "then": {**CARD, "is": True}, "within": "1 s"},
            "of an event write `where:`",
        ),
        (
            {"kind": "absence", "id": "r", "first": CARD, "without": CARD, "within": "1 s", "before": "1 s"},
            "either `within:`",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rule(settings, {})


def test_a_threshold_with_levels_has_the_highest_severity_last() -> None:
    levels = [{"above": "2 V", "severity": "critical"}, {"above": "1 V", "severity": "low"}]
    made = rule({"kind": "threshold", **POINT, "levels": levels}, {"meter": device()})
    judge = kind("threshold").build(made, made.sources[0], Surroundings(devices={"meter": device()}))

    assert judge.severities == ("low", "critical")
    assert [judge.level(value, 0) for value in (0.5, 1.5, 2.5)] == [0, 1, 2]


def test_nothing_is_stale_that_never_said_how_often_it_speaks() -> None:
    silent = device(every=None)
    made = rule({"id": "r", "kind": "stale"}, {"meter": silent})

    assert kind("stale").build(made, made.sources[0], Surroundings(devices={"meter": silent})) is None
