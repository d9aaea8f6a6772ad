"""What Grafana puts in place of variables, and what can be chosen."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.grafana.answers.ranges import interval_text

__all__ = ["ALL", "Chosen", "fill", "formatted", "substitute", "variables_of"]

ALL: Final = "$__all"
Chosen = Mapping[str, Sequence[str]]
"""Variable -> values; `[ALL]` for all of them."""

_NAMED = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$(\w+)")
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_OWN: Final = frozenset({"timeFilter", "__interval", "__interval_ms", "interval", "col", "m", "measurement"})


def formatted(values: Sequence[str], how: str, all_value: str) -> str:
    """Values in one of Grafana's formats."""
    if list(values) == [ALL]:
        return all_value
    if how == "regex":
        escaped = [_SPECIAL.sub(r"\\\g<0>", value) for value in values]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
    if how == "raw":
        return ",".join(values)
    return values[0] if len(values) == 1 else "{" + ",".join(values) + "}"


def substitute(text: str, chosen: Chosen, all_values: Mapping[str, str]) -> str:
    """A query or a title with what is chosen; a variable that nobody knows is a mistake here."""

    def said(match: re.Match[str]) -> str:
        name = match[1] or match[3] or match[5]
        if name in _OWN or (name.startswith(("tag_", "__")) and name not in chosen):
            return match[0]
        assert name in chosen, f"nobody replaces ${name} in {text}"
        return formatted(chosen[name], match[2] or match[4] or "glob", all_values.get(name, ".*"))

    return _NAMED.sub(said, text)


def fill(query: str, begin: int, end: int, interval: int) -> str:
    """The query with the time and the interval, as the server gets it."""
    query = query.replace("$timeFilter", f"time >= {begin}ms and time <= {end}ms")
    query = query.replace("$__interval_ms", str(interval)).replace("$__interval", interval_text(interval))
    return query.replace("$interval", interval_text(interval))


def variables_of(dashboard: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The variables that people choose from answers of the database, in their order."""
    return [each for each in dashboard["templating"]["list"] if each["type"] == "query"]
