"""How long people took, of episodes whose times are known beforehand."""

from typing import Any

import pytest

from monitor.performance.record import Episode
from monitor.performance.response import causes_of, times_of, whole

MINUTE, HOUR = 60_000, 3_600_000
CLASSES = {"main": "electricity", "leak-1": "safety"}


def episode(waited: int | None, lasted: int | None, **more: Any) -> Episode:
    told: dict[str, Any] = {
        "rule": "low",
        "source_key": "main/voltage_v",
        "severity": "low",
        "raised": HOUR,
    } | more
    acknowledged = None if waited is None else HOUR + waited
    cleared = None if lasted is None else HOUR + lasted
    return Episode(occurrence="x", acknowledged=acknowledged, cleared=cleared, **told)


def test_half_and_nine_of_ten_took_at_most_so_long() -> None:
    found = whole([episode(number * MINUTE, number * HOUR) for number in range(1, 11)])

    assert (found.acknowledge_median, found.acknowledge_p90) == (5 * MINUTE, 9 * MINUTE)
    assert (found.repair_median, found.repair_p90) == (5 * HOUR, 9 * HOUR)
    assert (found.alarms, found.acknowledged, found.repaired, found.unacknowledged) == (10, 10, 10, 0)


def test_one_alarm_is_its_own_median_and_none_has_no_time() -> None:
    one = whole([episode(MINUTE, HOUR)])
    none = whole([])

    assert (one.acknowledge_median, one.acknowledge_p90, one.repair_p90) == (MINUTE, MINUTE, HOUR)
    assert (none.alarms, none.acknowledge_median, none.repair_p90) == (0, None, None)


def test_what_nobody_acknowledged_is_counted_apart_unless_it_need_not_be() -> None:
    found = whole(
        [
            episode(MINUTE, HOUR),
            episode(None, HOUR),
            episode(None, None),
            episode(None, HOUR, wants_acknowledgement=False),
        ]
    )

    assert (found.acknowledged, found.unacknowledged, found.acknowledge_p90) == (1, 2, MINUTE)
    assert found.repaired == 3


def test_an_event_is_over_at_once_and_nobody_repaired_it() -> None:
    found = whole([episode(MINUTE, 0, momentary=True), episode(MINUTE, HOUR)])

    assert (found.repaired, found.repair_median) == (1, HOUR)


def test_a_clock_that_was_set_back_makes_no_time_negative() -> None:
    found = whole([episode(-5 * MINUTE, -HOUR)])

    assert (found.acknowledge_median, found.repair_median) == (0, 0)


def test_times_are_told_by_class_rule_and_device_the_most_alarms_first() -> None:
    found = times_of(
        [
            episode(MINUTE, HOUR),
            episode(3 * MINUTE, HOUR, rule="wet", source_key="leak-1/alarm"),
            episode(5 * MINUTE, HOUR, rule="wet", source_key="leak-1/alarm"),
            episode(7 * MINUTE, HOUR, rule="itself", source_key="facility-monitor/rss_mb"),
        ],
        CLASSES,
    )

    assert [(one.group, one.name, one.alarms, one.acknowledge_median) for one in found] == [
        ("class", "safety", 2, 3 * MINUTE),
        ("class", "electricity", 1, MINUTE),
        ("rule", "wet", 2, 3 * MINUTE),
        ("rule", "itself", 1, 7 * MINUTE),
        ("rule", "low", 1, MINUTE),
        ("device", "leak-1", 2, 3 * MINUTE),
        ("device", "facility-monitor", 1, 7 * MINUTE),
        ("device", "main", 1, MINUTE),
    ]


@pytest.mark.parametrize(
    ("causes", "counted"),
    [([], {}), (["fixed", "", "nuisance", "nuisance"], {"nuisance": 2, "fixed": 1})],
)
def test_causes_are_counted_where_somebody_said_one(causes: list[str], counted: dict[str, int]) -> None:
    found = causes_of(episode(None, HOUR, cause=cause) for cause in causes)

    assert found == counted
    assert list(found) == list(counted)
