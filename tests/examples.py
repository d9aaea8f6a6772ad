"""How many examples a property is tried with: few whenever all tests run, twenty times as many by hand."""

import os
from typing import Final

__all__ = ["IS_LONG", "examples"]

IS_LONG: Final = os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Whether somebody asks for long tries: `HYPOTHESIS_PROFILE=long make test ARGS=tests/rules`."""
_LONG: Final = 20


def examples(number: int) -> int:
    """`number`, or twenty times as many when long tries are asked for."""
    return number * _LONG if IS_LONG else number
