"""A detector that is not heard of any more is an alarm by the stock rules, however it speaks."""

from pathlib import Path
from typing import Any

import yaml

import config
from tests.rules.tape import Tape

STOCK = yaml.safe_load((Path(config.__file__).parent / "rules" / "safety.yaml").read_text("utf-8"))


def _play(given: str, expect: list[dict[str, Any]], **device: Any) -> None:
    rules = [one for one in STOCK if one["id"] in {"detector-silent", "detector-offline"}]
    detector = {"class": "safety", "points": ["alarm"], **device}
    Tape({"rules": rules, "devices": {"leak": detector}, "given": [given], "expect": expect}).run()


def test_a_detector_whose_heartbeat_is_missing_is_an_alarm() -> None:
    _play(
        "leak/alarm: falsex3 gapx20 false @1h",
        [
            {"at": "5 h", "alarm": "detector-silent", "state": "pending"},
            {"at": "5.2 h", "alarm": "detector-silent", "state": "active", "severity": "high"},
            {"at": "23 h", "alarm": "detector-silent", "state": "clear"},
        ],
        expected_every="1 h",
    )


def test_a_wired_detector_that_does_not_answer_is_an_alarm() -> None:
    _play(
        "leak/alarm: false _x100 @10s",
        [
            {"at": "30 s", "alarm": "detector-offline", "state": "pending"},
            {"at": "331 s", "alarm": "detector-offline", "state": "active", "severity": "high"},
        ],
        every="10 s",
    )
