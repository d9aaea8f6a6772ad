"""Equipment at the terminal: a pump that has just begun to be counted is not one that never ran."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.cli import equipmentlook
from monitor.cli.meterasking import Asking

NOW = 1_795_786_516_000


def _pump(**facts: Any) -> dict[str, Any]:
    usual = {"device": "pump", "name": "Pump", "type": "pump", "building": "A", "zone": "plant room", "group": ""}
    usual |= {"state": "running", "health": "answering", "since": NOW, "hours": 0.0, "starts": 1, "first": NOW}
    return {**usual, "is_own": False, "service": "fine", "days": [], "services": [], "done": [], **facts}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"hours": 0.0089}, "ran 0.01 h, started once since 2026-11-27 14:35:16"),
        ({"hours": 9.994, "starts": 2}, "ran 9.99 h, started 2 times since 2026-11-27 14:35:16"),
        (
            {"hours": 8123.44, "starts": 400, "is_own": True},
            "ran 8123.4 h, started 400 times, as it counts itself",
        ),
    ],
)
def test_few_hours_are_told_to_the_hundredth(
    facts: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(None, ZoneInfo("Europe/Berlin"), NOW)  # type: ignore[arg-type] - it asks nothing

    equipmentlook.print_one(_pump(**facts), asking)

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Pump (pump): running, in A, plant room", said]


def test_the_list_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    equipmentlook.print_equipment([_pump(hours=0.0089)], NOW)

    assert "0.01 h" in capsys.readouterr().out
