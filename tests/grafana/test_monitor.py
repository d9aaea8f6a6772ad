"""What the dashboard on the monitor shows of what it told of itself, against numbers of its own."""

from collections.abc import Iterator

import pytest

from tests.grafana.answers.colours import colour
from tests.grafana.situation import Seen, seen

_TILES = {
    "Silent devices": ("1", "red"),
    "Waiting for InfluxDB": ("0", "green"),
    "Room for what waits": ("enough", "green"),
    "InfluxDB away": ("0 s", "green"),
    "Refused entries": ("3", "red"),
    "Messages waiting": ("0", "green"),
    "Messages failed": ("2", "red"),
    "Disk free": ("13%", "orange"),
}


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with seen(tmp_path_factory, "monitor") as site:
        yield site


@pytest.mark.parametrize(("title", "said"), _TILES.items(), ids=_TILES)
def test_each_tile_says_how_it_is_now(monitor: Seen, title: str, said: tuple[str, str]):
    [(_, shown, _)] = monitor.answer(title).stats()

    assert (str(shown), shown.colour) == (said[0], colour(said[1]))


def test_it_says_which_monitor_it_is_and_when_it_was_heard(monitor: Seen):
    assert monitor.rows("Which monitor") == [
        {"Monitor": "hq-1", "Version": "1.2.3", "Heard last": "a minute ago"},
    ]


def test_damage_shows_when_it_was(monitor: Seen):
    answer = monitor.answer("Damage and repair")
    wrong = {
        answer.named(column, frame): [value for value in column.values if value is not None].count(1)
        for column, frame in answer.numbers()
    }

    assert {name: times for name, times in wrong.items() if times} == {
        "ledger cannot be written hq-1": 1,
        "clock is not synchronised hq-1": 5,
    }


def test_what_waited_is_the_most_of_each_interval(monitor: Seen):
    answer = monitor.answer("Waiting")
    most = {
        answer.named(column, frame): max(filter(None, column.values), default=0)
        for column, frame in answer.numbers()
    }

    assert most["waiting for a sink hq-1"] == 59
    assert most["refused by InfluxDB hq-1"] == 3
