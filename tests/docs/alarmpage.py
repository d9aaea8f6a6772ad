"""Writes docs/alarm-meanings.md: `python -m tests.docs.alarmpage > docs/alarm-meanings.md`."""

from collections.abc import Iterator
from pathlib import Path

import yaml

import config

__all__ = ["page"]

_HEADINGS = {
    "safety": "Detectors: smoke, gas, water",
    "gas": "Gas",
    "water": "Water",
    "electricity": "Electricity",
    "supply": "Supply of a building",
    "heat": "Heating",
    "environment": "Rooms",
    "doors": "Doors",
    "access": "Cards and readers",
    "equipment": "Pumps, lifts, fans",
    "residents": "What residents report",
    "devices": "Meters and sensors themselves",
    "monitor": "The monitor itself",
}
_HEAD = """\
# What each alarm means

The alarms of the [stock rules](rules.md#stock-rules). They stand in each message, too,
and in `facility-monitor alarms show ID`.
What to do with an alarm: [maintenance.md](maintenance.md). This page is made of the files in `config/rules`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for name, heading in _HEADINGS.items():
        yield f"## {heading}"
        yield f"`- stock: {name}`\n"
        yield "| alarm | what it usually is | if nobody does anything | what to do |"
        yield "|---|---|---|---|"
        path = Path(config.__path__[0]) / "rules" / f"{name}.yaml"
        for rule in yaml.safe_load(path.read_text("utf-8")):
            texts = " | ".join(rule[key] for key in ("cause", "consequence", "response"))
            yield f"| **{rule['name']}** `{rule['id']}` | {texts} |"
        yield ""


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - it is what this is for
