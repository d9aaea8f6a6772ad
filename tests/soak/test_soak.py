"""A day of less than a minute: every fault of the schedule is done, and nothing is lost, doubled or left over."""

from pathlib import Path

import pytest

from tests.soak.day import live

_SECONDS = 14.0
_MAY_VARY = 1.5


@pytest.mark.fault(
    "a day of faults under load",
    part="whole monitor",
    outcome="Kills, reloads, outages of database, broker, converter, meter and mail server, hostile messages and a"
    " clock that is set: no message is lost or doubled, every alarm is told, and it stays as small as it was.",
)
def test_a_short_day_of_faults_loses_nothing_doubles_nothing_and_leaves_nothing_open(tmp_path: Path) -> None:
    day = live(tmp_path, 1, _SECONDS)

    assert not day.wrong, day
    assert sum(day.faults.values()) == 25, day
    assert day.counts["messages"] > 100, day
    assert day.counts["alarms"] >= 5, day
    assert day.counts["mails"] >= 5, day
    # So short a day is spent with growing up: its memory says nothing yet, what is left open does.
    if day.early and day.late:
        assert day.late["threads"] <= day.early["threads"] * _MAY_VARY, day
        assert day.late["descriptors"] <= day.early["descriptors"] * _MAY_VARY, day
