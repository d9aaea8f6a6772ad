import pytest

from monitor.errors import JournalError, SinkUnavailable
from monitor.sinks.pace import Pace
from monitor.sinks.rejection import SinkMisconfigured

PACE = Pace()


def test_the_pauses_of_an_outage_double_up_to_the_longest_and_never_end():
    pauses = [PACE.pause(SinkUnavailable("away"), attempt, 1.0) for attempt in (0, 1, 2, 5, 6, 7, 10**9)]

    assert pauses == [1, 2, 4, 32, 60, 60, 60]


def test_half_of_a_pause_is_left_to_chance():
    pauses = [PACE.pause(JournalError("disk"), 2, chance) for chance in (0.0, 0.5)]

    assert pauses == [2, 3]


def test_a_wrong_setting_is_tried_slowly_from_the_first():
    assert PACE.pause(SinkMisconfigured("401"), 0, 0.0) == 30


@pytest.mark.parametrize(("wish", "pause"), [(7.0, 7.0), (0.1, 0.5), (3600.0, 3600.0)])
def test_what_the_server_asks_for_is_never_undercut(wish: float, pause: float):
    assert PACE.pause(SinkUnavailable("busy", retry_after=wish), 0, 0.0) == pause
