"""CPU of the rules engine: readings of 50 points, two rules on one or all of them. Nothing is asserted."""

import sys
import time
from collections.abc import Sequence

from monitor.model import Position, Reading, Recorded
from rules.engine import Engine
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


def main() -> None:
    """Print the cost of readings with two rules in all, and with two rules on each of their points."""
    measure("two rules on one point of 50", "power_7_w", 2)
    measure("two rules on each of 50 points", "power_*_w", 2 * POINTS)


if __name__ == "__main__":
    main()
