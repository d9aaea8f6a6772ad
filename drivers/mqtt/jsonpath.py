"""The small JSON path that profiles use: `$`, `.name`, `['name']`, `[n]`. Pure."""

import re

__all__ = ["MAX_STEPS", "Path", "parse"]

Path = tuple[str | int, ...]
"""The steps from the root: names of members and indexes of items."""

MAX_STEPS = 16
_STEP = re.compile(
    r"\.(?P<name>[^.\[\]'\"\s]+)|\['(?P<quoted>[^']+)'\]|\[\"(?P<double>[^\"]+)\"\]|\[(?P<index>\d{1,6})\]"
)


def parse(text: str) -> Path:
    """Answer the steps of a path; raise ValueError that says what may be written."""
    if not text.startswith("$"):
        raise ValueError("a JSON path begins with `$`, such as `$.temperature` or `$['em:0'].a_voltage`")
    steps: list[str | int] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(f"cannot read `{text[at:]}` in a JSON path: write `.name`, `['name']` or `[0]`")
        index = found["index"]
        steps.append(int(index) if index is not None else found["name"] or found["quoted"] or found["double"])
        at = found.end()
    if len(steps) > MAX_STEPS:
        raise ValueError(f"a JSON path has at most {MAX_STEPS} steps")
    return tuple(steps)
