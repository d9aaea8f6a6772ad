"""The fault matrix: which fault does what to which part, and the test that shows it; from the tests' own marks.

python -m tests.faults.matrix > docs/faults.md
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PARTS", "Shown", "page", "shown"]

ROOT = Path(__file__).parents[2]

PARTS = (
    "Modbus",
    "MQTT",
    "journal",
    "state",
    "ledger",
    "rules and alarms",
    "notifications",
    "reports",
    "InfluxDB sink",
    "settings",
    "web and commands",
    "whole monitor",
)

_GROUPS: Mapping[str, Sequence[str]] = {
    "The box, its disk and its files": (
        "KILL",
        "power",
        "disk",
        "I/O",
        "file",
        "folder",
        "monitor off",
        "stop",
        "day of",
        "second monitor",
    ),
    "The clock": ("clock", "daylight"),
    "Network": ("network", "name server", "certificate", "connection", "bytes"),
    "Broker and messages": ("broker", "message"),
    "Devices and their lines": (
        "device",
        "block",
        "value",
        "bus",
        "converter",
        "answer",
        "frame",
        "gateway",
        "start",
        "adapter",
    ),
    "Database": ("database",),
    "People and their messages": ("mail", "alarm", "notification"),
    "Settings, commands and the program itself": (),
}
"""Headings, and words that a fault's name has one of; the first that fits. The last one takes the rest."""

_INTRODUCTION = """\
# What happens when something breaks

Each line is a promise with a test behind it: the fault is really done (a server stopped, a line cut, a disk
filled, a process killed) to the part that is named, and the test fails when the outcome is another. `make test`
runs all of them in their short form; `make faults`, `make soak` and `make fuzz` run the long ones and print a
summary ([developer.md](developer.md#long-runs)).

Find the fault in the overview: a number says how many tests show what it does to a part of the monitor, and the
fault's name leads to what they show. What the monitor itself says about it, and what to do then, stands in
[status.md](status.md), [journal.md](journal.md) and [notifications.md](notifications.md).

This page is drawn from the tests: `.venv/bin/python -m tests.faults.matrix > docs/faults.md`.
"""


@dataclass(frozen=True, order=True)
class Shown:
    """One test's claim: under `fault`, `part` behaves as `outcome` says."""

    fault: str
    part: str
    outcome: str
    test: str


def shown(folder: Path = ROOT / "tests") -> list[Shown]:
    """Every mark `pytest.mark.fault(fault, part=…, outcome=…)` below a folder, by fault and part.

    Raises:
        ValueError: a mark is not written with literals, or names a part that is none of `PARTS`.
    """
    found = [each for file in sorted(folder.rglob("*.py")) for each in _marks(file)]
    return sorted(found, key=lambda each: (each.fault.lower(), PARTS.index(each.part), each.test))


def page(claims: list[Shown]) -> str:
    """The page: an overview of faults and parts, then a section for each fault, both in groups."""
    by_fault: defaultdict[str, list[Shown]] = defaultdict(list)
    for claim in claims:
        by_fault[claim.fault].append(claim)
    groups = {group: [fault for fault in by_fault if _group(fault) == group] for group in _GROUPS}
    parts = [part for part in PARTS if any(claim.part == part for claim in claims)]
    lines = [_INTRODUCTION, "## Overview", ""]
    lines += ["| | " + " | ".join(parts) + " |", "|---|" + "---|" * len(parts)]
    for group, faults in groups.items():
        if faults:
            lines.append(f"| **{group}** |" + " |" * len(parts))
        for fault in faults:
            counts = [sum(claim.part == part for claim in by_fault[fault]) for part in parts]
            lines.append(f"| [{fault}](#{_anchor(fault)}) | " + " | ".join(str(n or "") for n in counts) + " |")
    for group, faults in groups.items():
        if faults:
            lines += ["", f"## {group}"]
        for fault in faults:
            lines += ["", f"### {fault}", "", "| Part | What happens | Shown by |", "|---|---|---|"]
            lines += [f"| {each.part} | {_cell(each.outcome)} | {_link(each.test)} |" for each in by_fault[fault]]
    return "\n".join(lines) + "\n"


def _group(fault: str) -> str:
    fitting = (group for group, words in _GROUPS.items() if any(word in fault for word in words))
    return next(fitting, list(_GROUPS)[-1])


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[`{name}`](../{file})"


def _marks(file: Path) -> Iterator[Shown]:
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                where = f"{file.relative_to(ROOT).as_posix()}::{node.name}"
                yield _claim(mark, where)


def _claim(mark: ast.Call, where: str) -> Shown:
    try:
        (fault,) = (ast.literal_eval(each) for each in mark.args)
        named = {str(each.arg): ast.literal_eval(each.value) for each in mark.keywords}
        claim = Shown(fault=fault, test=where, **named)
    except (TypeError, ValueError) as error:
        message = f'{where}: write @pytest.mark.fault("fault", part="part", outcome="what happens") with literals'
        raise ValueError(message) from error
    if claim.part not in PARTS:
        message = f"{where}: {claim.part!r} is none of {', '.join(PARTS)}"
        raise ValueError(message)
    return claim


def _anchor(heading: str) -> str:
    return "".join(each for each in heading.lower() if each.isalnum() or each in "-_ ").replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page(shown()))
