"""What is said of an erasure that is over."""

import pytest

from monitor.cli.meterasking import Asking
from monitor.cli.person import _print_erasure
from monitor.web.accessshapes import ErasureOut

TOLD = {
    "id": "erasure-1",
    "asked": 1_795_392_000_000,
    "by": "ana",
    "reason": "moved out",
    "state": "done",
    "done": 1_795_392_002_000,
    "places": {"journal": 12, "influxdb": 3},
    "waits_for": "",
}


@pytest.mark.parametrize(("left", "said"), [({}, "found 0 times"), ({"journal.db": 2}, "found 2 times")])
def test_what_was_found_at_the_end_is_said(
    left: dict[str, int], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asking, "clock", lambda _self, _time: "12:00")
    asking = object.__new__(Asking)

    _print_erasure(asking, ErasureOut(**TOLD, found_after=left).model_dump())

    printed = capsys.readouterr().out
    assert said in printed
    assert all(file in printed for file in left)
