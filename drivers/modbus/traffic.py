"""What has passed between a connection and one of its devices, counted as it passes."""

from collections import Counter, deque
from typing import Final

from monitor.ports import Traffic

__all__ = ["ANSWER", "Seen"]

ANSWER: Final = "answer"
"""The outcome of a request that was answered with what it asked for; all others are of TRAFFIC_ERRORS."""

_RECENT: Final = 50
_WEIGHT: Final = 0.1
_MOST_UNITS: Final = 8


class Seen:
    """The counters of one device, and what its advice is drawn from.

    `recent` has the outcomes of the latest requests, oldest first. `units` answered in the device's place.
    `echo`: the adapter repeats what it says. `master`: somebody else asks on the same line. `trouble` says why
    no connection could be opened the last time. `codes` are the exceptions that came. `sunspec`: which of the
    models that are wanted the device does not have.
    """

    __slots__ = (
        "answers",
        "codes",
        "echo",
        "errors",
        "latency",
        "master",
        "recent",
        "requests",
        "sunspec",
        "trouble",
        "units",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.answers = 0
        self.errors: Counter[str] = Counter()
        self.latency: float | None = None
        self.recent: deque[str] = deque(maxlen=_RECENT)
        self.codes: Counter[int] = Counter()
        self.units: set[int] = set()
        self.echo = False
        self.master = False
        self.trouble = ""
        self.sunspec = ""

    def answered(self, seconds: float) -> None:
        """Count an answer that took so long."""
        self.answers += 1
        self.recent.append(ANSWER)
        latency = self.latency
        self.latency = seconds if latency is None else latency + (seconds - latency) * _WEIGHT

    def excepted(self, kind: str, code: int) -> None:
        """Turn the answer that was just counted into an exception; one of a gateway is none of the device."""
        self.errors[kind] += 1
        self.codes[code] += 1
        if kind == "gateway":
            self.answers -= 1
        self.recent[-1] = kind

    def failed(self, kind: str) -> None:
        """Count a request without an answer."""
        self.errors[kind] += 1
        self.recent.append(kind)

    def answered_for(self, unit: int) -> None:
        """Remember who answered in the device's place."""
        if len(self.units) < _MOST_UNITS:
            self.units.add(unit)

    def traffic(self) -> Traffic:
        """Answer the counters as they stand."""
        latency = None if self.latency is None else self.latency * 1000
        return Traffic(requests=self.requests, answers=self.answers, errors=dict(self.errors), latency_ms=latency)
