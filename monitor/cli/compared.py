"""The demo's monitor held against the simulated house: people, doors, pumps, the supply."""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Before", "Compared", "compare", "lines"]

_NAMES: Mapping[tuple[str, str], str] = {
    ("people", "inside"): "people inside",
    ("people", "granted"): "cards granted",
    ("people", "denied"): "cards denied",
    ("doors", "forced"): "doors forced",
    ("doors", "held"): "doors held open",
    ("supply", "interruptions"): "supplies lost",
    ("", "running_s"): "ran",
}
Compared = dict[str, dict[str, list[Any]]]
"""What of -> figure -> by the monitor, truly."""

_OFF_BY_A_POLL = 1.5
"""Seconds by which a start or a stop may be off, on a loaded machine: devices are polled each second."""


def _has_run(folder: Path) -> dict[str, tuple[float, int]]:
    """How many seconds equipment has run and how often it started, by the ledger, since ever."""
    if not (folder / "ledger.db").exists():
        return {}
    with closing(sqlite3.connect(f"file:{folder / 'ledger.db'}?mode=ro", uri=True, timeout=10)) as ledger:
        if not ledger.execute("SELECT 1 FROM sqlite_schema WHERE name = 'equipment_day'").fetchone():
            return {}  # of a version that did not follow equipment; the daemon brings it up to date
        found = ledger.execute(
            "SELECT device, total(body ->> 'running_s'), total(body ->> 'starts') FROM equipment_day GROUP BY 1"
        ).fetchall()
    return {device: (seconds, int(starts)) for device, seconds, starts in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the monitor knew when this run began (UTC ms)."""

    folder: Path
    began: float
    ran: Mapping[str, tuple[float, int]]

    @classmethod
    def now(cls, folder: Path) -> "Before":
        """Look into a state folder while no daemon runs on it."""
        return cls(folder=folder, began=time.time() * 1000, ran=_has_run(folder))


async def compare(
    ask: Callable[..., Awaitable[Any]], before: Before, true: Mapping[str, Any]
) -> tuple[Compared, bool]:
    """What both say of this run, and whether they agree. `ask`: a question to the daemon."""
    zones = await ask("access", "zones") or ()
    entries = [each for each in await ask("access", "events", last=10_000) or () if each["time"] >= before.began]
    kinds = [each["kind"] for each in entries]
    results = [each["result"] for each in entries if each["kind"] == "card"]
    supplies = await ask("supply") or ()
    lost = [
        span
        for each in supplies
        for span in each["spans"]
        if span["state"] == "lost" and span["start"] >= before.began
    ]
    by_monitor = {
        "people": {
            "inside": sum(each["count"] for each in zones if not each["within"]),
            "granted": results.count("granted"),
            "denied": results.count("denied"),
        },
        "doors": {kind: kinds.count(kind) for kind in ("forced", "held")},
        "supply": {"interruptions": len(lost)},
    }
    both: Compared = {
        of: {name: [value, true.get(of, {}).get(name, 0)] for name, value in figures.items()}
        for of, figures in by_monitor.items()
    }
    agree = all(ours == theirs for figures in both.values() for ours, theirs in figures.values())
    ran = _has_run(before.folder)
    for device, truly in true.get("running_s", {}).items():
        (seconds, starts), (had, started) = (known.get(device, (0.0, 0)) for known in (ran, before.ran))
        both[device] = {
            "running_s": [round(seconds - had, 1), truly],
            "starts": [starts - started, true["starts"][device]],
        }
        edges = 2 * true["starts"][device]
        agree &= (
            abs(seconds - had - truly) <= _OFF_BY_A_POLL * edges and starts - started == true["starts"][device]
        )
    return both, agree


def lines(both: Compared) -> Iterator[tuple[str, str, str]]:
    """How it is shown: what, by the monitor, truly."""
    for of, figures in both.items():
        for name, values in figures.items():
            ours, theirs = (f"{value:.1f} s" if name == "running_s" else str(value) for value in values)
            yield _NAMES.get((of, name), f"{of} {_NAMES.get(('', name), name)}"), ours, theirs
