"""A simulated week at 100 times its speed, with faults by a schedule; says what grew, was lost or doubled.

python -m tests.soak [--days 7] [--seconds 864] [--folder FOLDER]

Every finished day is written down in the folder: the same command goes on with the next one.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.soak.day import Day, grown, live

_MB = 1_000_000
_MAY_GROW = 1.05
_FULL_AFTER = 2
_HEADS = ("day", "entries", "messages", "alarms", "mails", "CPU", "RSS MB", "threads", "files", "journal", "state")


def main() -> int:
    """Live through the days that are left and print the summary; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=7, metavar="N", help="how many days there are to be (7)")
    parser.add_argument("--seconds", type=float, default=864, metavar="S", help="how long a day takes (864: x100)")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="keep everything there, and go on from it")
    wishes = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = (wishes.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        days = _live_on(folder, wishes.days, wishes.seconds)
    wrong = [f"day {day.number}: {each}" for day in days for each in (*day.wrong, *grown(day))]
    wrong += _grown(days)
    _table(days)
    _say("\n" + ("Nothing was lost, nothing was doubled, nothing grew." if not wrong else "Findings:"))
    for each in wrong:
        _say("  - " + each.replace("\n", "\n    "))
    return int(bool(wrong))


def _live_on(folder: Path, last: int, seconds: float) -> list[Day]:
    book, attempts = folder / "days.jsonl", folder / "attempts"
    lines = book.read_text().splitlines() if book.exists() else []
    days = [Day(**json.loads(line)) for line in lines]
    for number in range(len(days) + 1, last + 1):
        attempt = int(attempts.read_text()) + 1 if attempts.exists() else 1
        attempts.write_text(str(attempt))
        _say(f"\nday {number}, {seconds:.0f} s")
        days.append(live(folder, number, seconds, attempt=attempt, say=lambda text: _say(f"  {text}")))
        with book.open("a") as file:
            file.write(json.dumps(asdict(days[-1])) + "\n")
    return days


def _grown(days: Sequence[Day]) -> Iterator[str]:
    """What was bigger on the last day than on the first by more than a twentieth; the journal fills up first."""
    whole = [day for day in days if day.late]
    for name in ("rss", "threads", "descriptors", "journal"):
        since = whole[_FULL_AFTER:] if name == "journal" else whole
        if since and since[-1].late[name] > since[0].late[name] * _MAY_GROW:
            first, last = since[0], since[-1]
            yield f"{name} grew from {first.late[name]:,.0f} on day {first.number} to {last.late[name]:,.0f}"


def _table(days: Sequence[Day]) -> None:
    _say(
        "\nThe daemon's process and files, in the calm before noon > in the evening; the rest is of the whole day."
    )
    _say("".join(f"{head:>14}" for head in _HEADS))
    for day in days:
        sizes = [_pair(day, name, _MB if name in {"rss", "journal", "state"} else 1) for name in _MEASURED]
        counts = [f"{day.counts[name]:,}" for name in ("entries", "messages", "alarms", "mails")]
        _say("".join(f"{each:>14}" for each in (day.number, *counts, f"{day.cpu:.0%}", *sizes)))
    faults = sum(sum(day.faults.values()) for day in days)
    _say(f"{faults} events of the schedule (faults, and their ends) in {len(days)} days.")


_MEASURED = ("rss", "threads", "descriptors", "journal", "state")


def _pair(day: Day, name: str, unit: int) -> str:
    if name not in day.late:
        return "-"
    return f"{day.early[name] / unit:.1f} > {day.late[name] / unit:.1f}".replace(".0", "" if unit == 1 else ".0")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it prints


if __name__ == "__main__":
    sys.exit(main())
