"""Every tape in tests/rules/tapes/ says what it should."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.settings.tables import resolve
from monitor.trials.suite import Tape, read_suite
from rules.kinds import RULES

_SUITES = [
    read_suite(path, drivers=resolve(DRIVERS), rules=resolve(RULES))
    for path in sorted(Path(__file__).with_name("tapes").glob("*.yaml"))
]
_TAPES = [
    pytest.param(tape, id=f"{Path(suite.file).stem}: {tape.case.name}")
    for suite in _SUITES
    for tape in suite.tapes
]


def test_no_tape_has_mistakes() -> None:
    assert [str(finding) for suite in _SUITES for finding in suite.findings] == []


@pytest.mark.parametrize("tape", _TAPES)
def test_tape(tape: Tape) -> None:
    assert tape.run().differences == ()


def test_every_kind_has_its_tapes() -> None:
    played = {rule.kind for suite in _SUITES for tape in suite.tapes for rule in tape.rules}

    assert played == set(RULES)
