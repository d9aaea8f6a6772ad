"""Finds the words of stock rules for the catalogues: `make messages` runs it through Babel."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

__all__ = ["KEYS", "extract"]

KEYS: Final = ("name", "response", "cause", "consequence")
"""What of a rule is told to people."""


def extract(fileobj: Any, *_: Any, **_options: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yield (line, function, message, comments) for each text, as an extraction method of Babel's."""
    for rule in yaml.safe_load(fileobj):
        for key in KEYS:
            if isinstance(rule, dict) and isinstance(rule.get(key), str):
                yield 1, "", rule[key], []
