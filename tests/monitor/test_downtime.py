"""When the monitor did not run, from what the last end has left."""

from pathlib import Path

import pytest

from monitor.downtime import Downtime, last_downtime, note_stop

NOW = 1_795_378_523_000


def test_the_first_start_ends_no_downtime(tmp_path: Path) -> None:
    assert last_downtime(tmp_path, 0, NOW) is None


def test_after_a_stop_it_lasted_from_the_stop_and_once_only(tmp_path: Path) -> None:
    note_stop(tmp_path, NOW - 5000)
    first = last_downtime(tmp_path, NOW - 9000, NOW)
    second = last_downtime(tmp_path, NOW + 1000, NOW + 3000)

    assert first == Downtime(since=NOW - 5000, until=NOW, after="stopped")
    assert first.as_json() == {"since": NOW - 5000, "until": NOW, "seconds": 5.0, "after": "stopped"}
    assert second == Downtime(since=NOW + 1000, until=NOW + 3000, after="cut_off")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [b"", b"17953", b"\xff\xfe", b"9" * 40, b"-5\n"])
def test_a_note_that_is_none_is_a_cut(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "stopped").write_bytes(left)
    found = last_downtime(tmp_path, NOW - 9000, NOW)

    assert found == Downtime(since=NOW - 9000, until=NOW, after="cut_off")


@pytest.mark.fault(
    "monitor off",
    part="whole monitor",
    outcome="A clock set back while the monitor was off gives no negative downtime: nobody knows its length.",
)
def test_a_clock_that_was_set_back_gives_no_length() -> None:
    assert Downtime(since=NOW, until=NOW - 3_600_000, after="cut_off").seconds is None


def test_a_folder_that_cannot_be_written_stops_no_stop(tmp_path: Path) -> None:
    note_stop(tmp_path / "gone", NOW)

    assert last_downtime(tmp_path / "gone", NOW, NOW) == Downtime(since=NOW, until=NOW, after="cut_off")
