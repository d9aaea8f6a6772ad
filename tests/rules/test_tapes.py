"""Every tape in tests/rules/tapes/ says what it should."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.kinds import RULES
from tests.rules.tape import Tape

_CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(Path(__file__).with_name("tapes").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]


@pytest.mark.parametrize("case", _CASES)
def test_tape(case: dict[str, Any]) -> None:
    Tape(case).run()


def test_every_kind_has_its_tapes() -> None:
    played = {rule["kind"] for case in _CASES for rule in case.values[0]["rules"]}

    assert played == set(RULES)
