"""How far a scan is, as it is told."""

import pytest

from monitor.cli.progress import Watched


def test_without_a_terminal_a_line_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Watched(3, "requests") as watched:
        watched.step()
        monkeypatch.setattr("monitor.cli.progress._EVERY", -1.0)
        watched.step()
        watched.say("unit 2 answers")
    told = capsys.readouterr()

    assert told.err == "2 of 3 requests done\nunit 2 answers\n"
    assert told.out == ""


def test_how_many_are_done_in_all_never_gets_less(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.cli.progress._EVERY", -1.0)
    with Watched(9, "hours") as watched:
        for done in (4, 2, 4, 5):
            watched.reach(done)

    assert capsys.readouterr().err == "4 of 9 hours done\n5 of 9 hours done\n"
