"""CPU of the rules engine: readings of 50 points, two rules on one or all of them. Nothing is asserted."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitor.model import Position, Reading, Recorded
from rules.engine import Engine
from rules.kinds import RULES
from rules.surroundings import Surroundings
from tests.rules.build import START, device, rule

__all__ = ["main"]

DEVICES = 100
POINTS = 50
ROUNDS = 50
EVERY = 10_000


def engine(points: Sequence[str], watched: str) -> Engine:
    """Make an engine with two rules on the watched points of each device."""
    devices = {f"meter-{n}": device(f"meter-{n}", points=points) for n in range(DEVICES)}
    settings = [
        {"id": "low", "kind": "threshold", "points": watched, "below": "10 W", "on_delay": "1 min"},
        {"id": "band", "kind": "range", "points": watched, "low": "5 W", "high": "500 W"},
    ]
    return Engine([rule(one, devices) for one in settings], Surroundings(devices=devices))


def rounds(points: Sequence[str]) -> list[list[Recorded]]:
    """Make a batch of one reading per device for each round."""
    made = []
    for number in range(ROUNDS):
        at = START + number * EVERY
        values = dict.fromkeys(points, 100.0 + number % 7)
        made.append(
            [
                Recorded(Position(1), at, Reading(device=f"meter-{n}", time=at, arrived=at, values=values))
                for n in range(DEVICES)
            ]
        )
    return made


def measure(name: str, watched: str, rules: int) -> None:
    """Judge all rounds and print what one reading and one judgement cost."""
    points = [f"power_{n}_w" for n in range(POINTS)]
    made, batches = engine(points, watched), rounds(points)
    began = time.process_time()
    for batch in batches:
        made.judge(batch)
    spent = (time.process_time() - began) * 1e6 / (DEVICES * ROUNDS)
    sys.stdout.write(f"{name:<34} {spent:8.2f} us per reading, {spent / rules:.3f} us per reading and rule\n")


def measure_one(name: str, settings: Mapping[str, Any]) -> None:
    """Judge readings of two points by one rule: what its judgement costs beside the rest."""
    spent = []
    for chosen in ([], [settings]):
        devices = {f"meter-{n}": device(f"meter-{n}", points=("power_w", "voltage_v")) for n in range(DEVICES)}
        made = Engine([rule(one, devices) for one in chosen], Surroundings(devices=devices))
        batches = [list(_two(number)) for number in range(ROUNDS * 4)]
        began = time.process_time()
        for batch in batches:
            made.judge(batch)
        spent.append((time.process_time() - began) * 1e6 / (DEVICES * len(batches)))
    sys.stdout.write(f"{name:<34} {spent[1] - spent[0]:8.2f} us per judgement\n")


def _two(number: int) -> Iterator[Recorded]:
    at = START + number * EVERY
    values = {"power_w": 100.0 + number % 7, "voltage_v": 230.0 + number % 5}
    for n in range(DEVICES):
        yield Recorded(Position(1), at, Reading(device=f"meter-{n}", time=at, arrived=at, values=values))


SINGLE: Mapping[str, Mapping[str, Any]] = {
    "threshold, nothing beyond": {"kind": "threshold", "point": "power_w", "above": "500 W"},
    "threshold, in alarm": {"kind": "threshold", "point": "power_w", "above": "50 W"},
    "threshold, there and back": {"kind": "threshold", "point": "power_w", "above": "103 W", "on_delay": "1 h"},
    "range, nothing beyond": {"kind": "range", "point": "power_w", "low": "5 W", "high": "500 W"},
    "offline": {"kind": "offline"},
    "stale": {"kind": "stale"},
    "composite of two points": {"kind": "composite", "expression": "power_w > 500 && voltage_v > 200"},
}


def main() -> None:
    """Print the cost of readings with two rules in all, with two rules on each point, and of single kinds."""
    measure("two rules on one point of 50", "power_7_w", 2)
    measure("two rules on each of 50 points", "power_*_w", 2 * POINTS)
    for name, settings in SINGLE.items():
        if settings["kind"] in RULES:
            measure_one(name, {"id": "one", **settings})


if __name__ == "__main__":
    main()
