"""A counter that shows a register a minute, for tests of the counter engine."""

from collections.abc import Iterable

from monitor.metering.counter import Track
from monitor.metering.step import Cause, Replacement, Step, Taken, Told
from monitor.site import Counter

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_760_000_000_000


class Meter:
    """Feeds a track a register a minute, and keeps what came of it."""

    def __init__(
        self, counter: Counter | None = None, *, device_class: str = "electricity", unit: str = "kWh"
    ) -> None:
        counter = counter or Counter(modulus=1e6, rating=60.0, step=0.1)
        self.track = Track("energy_import_kwh", unit, counter, device_class=device_class)
        self.now = START
        self.steps: list[Step] = []
        self.told: list[Told] = []
        self.resolved: list[int] = []

    def keep(self, taken: Taken) -> Taken:
        self.steps += taken.steps
        self.told += taken.told
        self.resolved += taken.resolved
        return taken

    def show(self, *registers: float, every: int = MINUTE) -> Taken:
        taken = Taken()
        for register in registers:
            self.now += every
            taken = self.keep(self.track.take(self.now, register, arrived=self.now))
        return taken

    @property
    def booked(self) -> float:
        return sum(step.amount for step in self.steps)

    @property
    def kinds(self) -> list[str]:
        return [told.kind for told in self.told]

    @property
    def causes(self) -> list[Cause]:
        return [step.cause for step in self.steps if step.cause is not Cause.COUNTED]

    @property
    def lost(self) -> list[Step]:
        return [step for step in self.steps if step.lost]


def amounts(steps: Iterable[Step]) -> list[float]:
    return [round(step.amount, 6) for step in steps]


def word(at: int, final: float, start: float) -> Replacement:
    """What a person told."""
    return Replacement(at=at, final=final, start=start, by="anna", reason="calibration", command="c-1")
