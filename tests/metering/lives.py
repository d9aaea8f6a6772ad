"""Lives of meters whose true use is known, and what reaches the journal of them: for tests of metering as a whole.

A meter counts in whole tenths, is read each minute, and cannot count more than its rating. What happens to it
keeps to what can be told apart at all (see `test_counter_properties`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from monitor.metering import commands
from monitor.model import Command, Reading
from monitor.site import Counter, Device
from tests.metering.ledgers import meter

__all__ = ["MINUTE", "POINT", "Life", "Operation", "rated_meter"]

POINT: Final = "energy_import_kwh"
MINUTE: Final = 60_000
RATING: Final = 60.0
MODULUS: Final = 100_000.0
_STEP: Final = 0.1
_MOST: Final = 9
"""Tenths of a kWh that are used in a minute at most: 54 kW."""
_FAR: Final = 1000.0
"""So far from zero and from its end a register must be for a break that cannot be mistaken for something else."""

Operation = tuple[str, int, float]
"""What happens, how often or how long, and a fraction that says how exactly."""


def rated_meter(ident: str) -> Device:
    """The device of such a life."""
    device = meter(ident, every=60.0)
    point = replace(device.points[POINT], counter=Counter(modulus=MODULUS, rating=RATING, step=_STEP))
    return replace(device, points={POINT: point})


@dataclass(slots=True)
class Life:
    """One meter's life. `delivered` is what reaches the journal: (when, entry), not yet in order."""

    device: str
    now: int
    register: int
    """In tenths, of the meter that hangs there now."""
    delivered: list[tuple[int, Reading | Command]] = field(default_factory=list)
    used: int = 0
    """Tenths that were used since the first reading."""
    unknown: int = 0
    """Tenths of them that nobody can know at most."""
    swaps: int = 0
    kinds: set[str] = field(default_factory=set)
    """What has happened."""
    left: list[float] = field(default_factory=list)
    """Registers that were left at a break: what goes on there again has not been replaced."""

    def live(self, operations: Sequence[Operation]) -> None:
        """Live through all of it; at the end the meter is read until nothing is left open."""
        self._say()
        for kind, count, part in operations:
            self.kinds.add(kind)
            getattr(self, f"_{kind}")(count, part)
        self._poll(6, 0.5)
        self._poll(4, 0.0)

    @property
    def shown(self) -> float:
        """What the register shows."""
        return self.register / round(1 / _STEP)

    def _use(self, part: float, minutes: int = 1) -> int:
        amount = round(part * _MOST * minutes)
        self.used += amount
        self.register = (self.register + amount) % round(MODULUS / _STEP)
        return amount

    def _say(self, shown: float | None = None, *, delay: int = 0) -> None:
        arrived = self.now + delay
        register = self.shown if shown is None else shown
        said = Reading(
            device=self.device, time=self.now, arrived=arrived, values={POINT: register}, late=delay > 2 * MINUTE
        )
        self.delivered.append((arrived, said))

    def _poll(self, count: int, part: float) -> None:
        for number in range(count):
            self.now += MINUTE
            self._use(part if number % 3 else 0.0)
            self._say()

    def _gap(self, count: int, part: float) -> None:
        """Nothing is heard for so many times 25 minutes."""
        self.now += count * 25 * MINUTE
        self._use(part, count * 25)
        self._say()

    def _backlog(self, count: int, part: float) -> None:
        """What is said in a while comes after what was said later; forwards or backwards."""
        end = self.now + (count * 11 + 2) * MINUTE
        delay = 20 * MINUTE * (count * 11 + 2)
        for number in range(count * 11):
            self.now += MINUTE
            self._use(part)
            at = end + 3 * MINUTE + (number if part < 0.5 else -number)
            self._say(delay=at - self.now + delay % 7)
        self.now = end
        self._use(part)
        self._say()
        self._poll(5, part)

    def _glitch(self, count: int, part: float) -> None:
        """It shows zero, or what no meter shows, once or twice."""
        for _ in range(1 + count % 2):
            self.now += MINUTE
            self._use(part)
            self._say(0.0 if part < 0.5 else 9e8 * part)
        self._poll(2, part)

    def _waver(self, count: int, part: float) -> None:
        """The last digit wavers, as far as there is one."""
        for _ in range(1 + count % 3):
            self.now += MINUTE
            self._say(max(self.shown - _STEP, 0.0))
        self._poll(2, part)

    def _swapped_pair(self, count: int, part: float) -> None:
        """Two readings arrive in the other order."""
        self._poll(2 + count % 2, part)
        (one, earlier), (two, later) = self.delivered[-2:]
        earlier, later = replace(earlier, arrived=two), replace(later, arrived=two)  # type: ignore[type-var]  # readings
        self.delivered[-2:] = [(two, later), (two, earlier)]
        assert one < two

    def _reset(self, _: int, part: float) -> None:
        """It begins anew at zero, and nobody says so: what it counted since its last reading is lost."""
        self._break(0, part, word="")

    def _jump(self, _: int, part: float) -> None:
        """Another meter, and nobody says so."""
        self._break(self.register // 2 if part < 0.5 else self.register + 200_000, part, word="")

    def _told(self, count: int, part: float) -> None:
        """Another meter, of which somebody tells at once."""
        self._break(123_456 if count % 2 else 0, part, word="before")

    def _told_later(self, count: int, part: float) -> None:
        """Another meter, of which somebody tells when it counts already."""
        self._break(self.register // 3 if count % 2 else 0, part, word="after")

    def _break(self, start: int, part: float, *, word: str) -> None:
        self._poll(5, part)
        if not _FAR < self.shown < MODULUS - _FAR or start * _STEP > MODULUS - _FAR:
            return
        if any(abs(start * _STEP - left) < 2 * _FAR for left in self.left):
            return
        self.left.append(self.shown)
        before = self._use(part)
        at, final = self.now + MINUTE // 2, self.shown
        self.register = start
        after = self._use(part)
        if word == "before":
            self._tell(at, final, start)
        self.now += MINUTE
        self._say()
        self._poll(5, part)
        if word == "after":
            self._tell(at, final, start)
        elif not word:
            self.unknown += before + after

    def _tell(self, at: int, final: float, start: int) -> None:
        self.swaps += 1
        arguments: dict[str, Any] = {"point": POINT, "at": at, "final": final, "start": start * _STEP}
        said = Command(
            id=f"{self.device}-{self.swaps}",
            time=self.now,
            by="ana",
            kind=commands.REPLACE,
            target=self.device,
            arguments=arguments,
            reason="",
        )
        self.delivered.append((max(self.now, at) + 1, said))
