"""Every tape in tests/rules/tapes/ says what it should."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from drivers import DRIVERS
from monitor.settings.tables import resolve
from monitor.trials.suite import Suite, Tape, read_suite
from rules.kinds import RULES

_FILES: Final = sorted(Path(__file__).with_name("tapes").glob("*.yaml"))
_NAME: Final = re.compile(r"^ *- name: (.*)$", re.MULTILINE)


@cache
def _suite(file: Path) -> Suite:
    """A file of tapes, bound when the first of them is played: binding all of them takes seconds."""
    return read_suite(file, drivers=resolve(DRIVERS), rules=resolve(RULES))


def _names(file: Path) -> list[str]:
    return [name.strip("\"'") for name in _NAME.findall(file.read_text("utf-8"))]


TAPES: Final[list[Any]] = [
    pytest.param((file, number), id=f"{file.stem}: {name}")
    for file in _FILES
    for number, name in enumerate(_names(file))
]
"""Where each tape stands, for `tape_at`, under its name."""


def tape_at(place: tuple[Path, int]) -> Tape:
    """The tape of that number in a file."""
    file, number = place
    return _suite(file).tapes[number]


def test_no_tape_has_mistakes() -> None:
    assert [str(finding) for file in _FILES for finding in _suite(file).findings] == []


def test_every_tape_is_played_under_its_name() -> None:
    read = {file.stem: [tape.case.name for tape in _suite(file).tapes] for file in _FILES}

    assert {file.stem: _names(file) for file in _FILES} == read


@pytest.mark.parametrize("place", TAPES)
def test_tape(place: tuple[Path, int]) -> None:
    assert tape_at(place).run().differences == ()


def test_every_kind_has_its_tapes() -> None:
    played = {rule.kind for file in _FILES for tape in _suite(file).tapes for rule in tape.rules}

    assert played == set(RULES)
