"""Kills a running site again and again, turns its power off, and says what became of everything.

python -m tests.faults [--kills 100] [--cuts 30] [--seed S] [--keep FOLDER]
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.faults.kills import Course, die_often

_FAULTS = {
    "kills": "SIGKILL at random instants",
    "cuts": "Power cuts: the files as they were at the last fsync, or with torn pages beside it",
}


def main() -> int:
    """Do it and print the summary; 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="how often the daemon is killed (100)")
    parser.add_argument("--cuts", type=int, default=30, metavar="N", help="how often the power goes (30)")
    parser.add_argument(
        "--seed", type=int, default=None, metavar="S", help="draw the same instants as another run"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave all files there (an empty or new folder)"
    )
    wishes = parser.parse_args()
    if wishes.keep is not None and wishes.keep.exists() and any(wishes.keep.iterdir()):
        parser.error(f"{wishes.keep} is not empty")
    seed = random.randrange(1_000_000) if wishes.seed is None else wishes.seed
    _say(f"seed {seed}: --seed {seed} draws the same instants again; what runs at them is never quite the same")
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        root = folder if wishes.keep is None else wishes.keep
        wrong = [_do(fault, getattr(wishes, fault), seed, Path(root) / fault) for fault in _FAULTS]
    bad = sum(wrong)
    _say(f"\n{'Nothing was lost, nothing was doubled.' if not bad else f'{bad} findings: see above.'}")
    return int(bad > 0)


def _do(fault: str, times: int, seed: int, folder: Path) -> int:
    """Do one fault so many times; answers how many findings there are."""
    if times <= 0:
        return 0
    folder.mkdir(parents=True)
    _say(f"\n{_FAULTS[fault]}: {times} of them, each in a site under load")
    began = time.monotonic()
    try:
        course = die_often(folder, seed, **{fault: times}, say=_progress)
    except Exception as error:  # noqa: BLE001 - the other fault is done all the same
        _say(f"  ended early: {type(error).__name__}: {error}")
        return 1
    _summary(course, time.monotonic() - began)
    return len(course.wrong)


def _summary(course: Course, seconds: float) -> None:
    _say(f"  took {seconds:.0f} s")
    _table("How the daemon died:", course.deaths)
    _table("What was waiting or half done at these deaths, all together:", course.found)
    _table("What there was to lose, and is there:", course.counts)
    _say("  What was lost or doubled: " + ("" if course.wrong else "nothing"))
    for each in course.wrong:
        _say("    - " + each.replace("\n", "\n      "))


def _table(title: str, numbers: Mapping[str, int]) -> None:
    _say(f"  {title}")
    for what, number in numbers.items():
        _say(f"    {number:>8,}  {what}")


def _progress(text: str) -> None:
    if text.split()[1].endswith("0"):
        _say(f"  {text}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it prints


if __name__ == "__main__":
    sys.exit(main())
