"""The daemon dies at random instants under load: nothing acknowledged is lost, nothing is doubled."""

import random
from pathlib import Path

import pytest

from tests.faults.kills import die_often


@pytest.mark.fault(
    "SIGKILL",
    part="whole monitor",
    outcome="Killed at any instant, it goes on at the next start where it was: no message, reading or alarm is"
    " lost or doubled, and a notification comes again only where it may have been on its way.",
)
@pytest.mark.fault(
    "power cut",
    part="whole monitor",
    outcome="With no more than what was synced, or torn pages beside it, it starts by itself: no message that the"
    " broker may forget, no acknowledgement of an alarm and no note of a sent notification is lost.",
)
def test_kills_and_power_cuts_at_random_instants_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.randrange(10_000)

    course = die_often(tmp_path / "site", seed, kills=2, cuts=2)

    assert not course.wrong, (seed, course)
    assert course.counts["MQTT messages in the journal"] > 200, course
    assert course.counts["alarms raised"] >= 6, course
    assert course.counts["acknowledgements accepted"] >= 1, course
    assert course.counts["notifications sent"] >= 6, course
