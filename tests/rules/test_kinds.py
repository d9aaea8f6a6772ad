"""What each kind accepts and refuses in the site file."""

from typing import Any

import pytest
from pydantic import ValidationError

from rules.kinds import RULES
from rules.surroundings import Surroundings
from tests.rules.build import device, kind, rule

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
        ({"kind": "composite", "id": "r", "expression": "level_m < 1 and open"}, "instead of `and` write `&&`"),
        ({"kind": "event", "id": "r", "event": "forcd"}, "no such event: forcd"),
        ({"kind": "event", "id": "r", "event": "forced", "on_delay": "1 s"}, "it is over at once"),
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
