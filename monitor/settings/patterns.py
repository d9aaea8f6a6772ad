"""Patterns with `*`, as selectors, points and routes use them."""

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["fits"]


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\*+", pattern)
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def fits(text: str, patterns: Sequence[str]) -> bool:
    """Whether the text is what one of the patterns says; `*` stands for anything."""
    return any(
        text == pattern or ("*" in pattern and _compiled(pattern).fullmatch(text) is not None)
        for pattern in patterns
    )
