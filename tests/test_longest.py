"""The order in which `make test` begins with files names files that are there."""

from pathlib import Path

from tests.longest import LONGEST

ROOT = Path(__file__).parents[1]


def test_what_takes_longest_is_named_once_and_is_there() -> None:
    assert len(set(LONGEST)) == len(LONGEST)
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []
