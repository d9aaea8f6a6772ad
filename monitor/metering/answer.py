"""How the counter engine answers: steps and events, with sentences for people."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from monitor.metering.judgement import Limits, Sample, Verdict
from monitor.metering.step import Cause, Replacement, Step, Taken, Told
from monitor.model import Value

__all__ = ["Answer", "Words"]

_RATE_SIGNS: Final = {"kWh": "kW", "kvarh": "kvar", "kVAh": "kVA", "m3": "m3/h"}
_LONGEST: Final = 60
"""So many characters of what a device or a person says are told on."""


@dataclass(slots=True)
class Answer:
    """What comes of one register, while it is worked out."""

    steps: list[Step] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)

    def taken(self) -> Taken:
        """The answer as it is given."""
        return Taken(steps=tuple(self.steps), told=tuple(self.told), resolved=tuple(self.resolved))

    def book(  # noqa: PLR0913 - a step
        self,
        start: Sample,
        end: Sample,
        amount: float,
        cause: Cause,
        *,
        lost: bool,
        word: Replacement | None,
    ) -> None:
        """Add a step between two registers."""
        self.steps.append(
            Step(
                start=start[0],
                end=end[0],
                start_register=start[1],
                end_register=end[1],
                amount=amount,
                cause=cause,
                lost=lost,
                by=word.by if word else "",
                reason=word.reason if word else "",
                command=word.command if word else "",
            )
        )


class Words:
    """Says in words what one counter did."""

    __slots__ = ("_limits", "_point", "_unit")

    def __init__(self, point: str, unit: str, limits: Limits) -> None:
        self._point = point
        self._unit = unit
        self._limits = limits

    def held(self, head: Sample, seen: Sample) -> str:
        """Why a value is held."""
        return (
            f"{self._change(head, seen)}; nothing is booked until three values in a row say the same, "
            "or one fits again"
        )

    def low(self, head: Sample, seen: Sample) -> str:
        """Why a value that is a little too low is held."""
        return (
            f"it fell a little, from {self._of(head[1])} to {self._of(seen[1])}; nothing is booked until it "
            "passes that again, or for a day"
        )

    def by_hand(self, head: Sample, seen: Sample) -> str:
        """Why a register that was read by hand is refused, and what to do."""
        return (
            f"{self._of(seen[1])} does not follow the last reading: {self._change(head, seen)}. "
            "Read it again; if it is right, tell what happened with `facility-monitor meter replace` (another "
            "meter, or one that began anew), or give the meter a larger `rating`."
        )

    def contradiction(self, word: Replacement, head: Sample | None) -> str:
        """Why a replacement contradicts what the old meter showed; empty when it does not."""
        for register in (word.final, word.start):
            if not (math.isfinite(register) and register >= 0.0):
                return f"No meter can show {self._of(register)}."
        if head is None:
            return "Nothing has been read of this counter yet, so there is no meter that could be replaced."
        showed = f"it showed {self._of(head[1])} at {_when(head[0])}"
        if word.at < head[0]:
            return f"{_when(word.at)} is before the last register that counts: {showed}."
        if word.final < head[1]:
            return f"The old meter cannot have ended at {self._of(word.final)}: {showed}."
        if not self._limits.follows(head, (word.at, word.final)):
            return (
                f"The old meter cannot have ended at {self._of(word.final)}: {showed}, and no more than "
                f"{self._of(self._limits.possible(word.at - head[0]))} can be counted until {_when(word.at)} "
                f"at a rating of {self._rating()}."
            )
        return ""

    def unfit(self, word: Replacement, seen: Sample) -> str:
        """Why a replacement does not go with the new meter's first register; empty when it does."""
        showed = f"it showed {self._of(seen[1])} at {_when(seen[0])}"
        if seen[1] < word.start:
            return f"The new meter cannot have begun at {self._of(word.start)}: {showed}."
        if not self._limits.follows((word.at, word.start), seen):
            return (
                f"The new meter cannot have begun at {self._of(word.start)} at {_when(word.at)}: {showed}, which "
                f"is more than a rating of {self._rating()} allows."
            )
        return ""

    def glitch(self, head: Sample, odd: float, values: int, seen: Sample, since: int) -> Told:
        """Values that did not fit, and it counted on."""
        those = "it" if values == 1 else "them"
        why = f"{_values(values)} did not fit and nothing was booked for {those}; then it counted on"
        return self._tell(
            "counter_glitch", seen[0], head, odd, why, values=values, seconds=(seen[0] - since) / 1000
        )

    def backflow(self, head: Sample, odd: float, values: int, seen: Sample, since: int) -> Told:
        """It fell a little and passed the old register again."""
        why = "it fell a little and nothing was booked until it passed the old register again"
        return self._tell(
            "counter_glitch", seen[0], head, odd, why, values=values, seconds=(seen[0] - since) / 1000
        )

    def long_glitch(self, left: Sample, odd: float, seen: Sample, amount: float) -> Told:
        """It came back to where it stood before a break."""
        why = "it is back where it stood before: what looked like another beginning was a long disturbance"
        seconds = (seen[0] - left[0]) / 1000
        return self._tell("counter_glitch", seen[0], left, odd, why, seconds=seconds, amount=amount)

    def broken(self, head: Sample, chain: list[Sample], verdict: Verdict, values: int) -> Told:
        """A break that was confirmed."""
        evidence: dict[str, Value] = {"amount": verdict.amount, "values": values}
        kind = "counter_reset"
        if verdict.cause is Cause.ROLLOVER:
            assert verdict.modulus is not None
            kind = "counter_rollover"
            evidence["modulus"] = verdict.modulus
            said = "inferred: nobody declared" if verdict.inferred else "the declared modulus is"
            why = f"it went past its modulus and began at zero; {said} {self._of(verdict.modulus)}"
        elif verdict.cause is Cause.RESET:
            why = "it began anew at zero; at least what it shows since was used"
        elif chain[0][1] > head[1]:
            why = (
                f"it rose by more than a rating of {self._rating()} allows: another meter? then tell it with "
                "`facility-monitor meter replace`; if it did count that much, give it a larger `rating`"
            )
        else:
            why = (
                "it fell to a register that it cannot have reached from zero: another meter? then tell it with "
                "`facility-monitor meter replace`"
            )
        evidence["seconds"] = (chain[0][0] - head[0]) / 1000
        return self._tell(kind, chain[-1][0], head, chain[0][1], why, **evidence)

    def swapped(self, time: int, serials: tuple[str, str], before: float | None, after: float | None) -> Told:
        """The device says another serial number than before."""
        attributes: dict[str, Value] = {
            "point": self._point,
            "serial_old": serials[0][:_LONGEST],
            "serial_new": serials[1][:_LONGEST],
        }
        if before is not None and after is not None:
            attributes.update(from_register=before, to_register=after)
        attributes["why"] = (
            "its serial number is another: what was used between the last register of the old meter and the first "
            "of the new one is unknown until told with `facility-monitor meter replace`"
        )
        return Told(kind="meter_replaced", time=time, attributes=attributes)

    def replaced(self, seen: Sample, word: Replacement, before: float, serials: tuple[str, str] | None) -> Told:
        """A person's word about a replacement was booked."""
        attributes: dict[str, Value] = {
            "point": self._point,
            "from_register": before,
            "to_register": seen[1],
            "from_time": word.at,
            "final": word.final,
            "start": word.start,
            "by": word.by[:_LONGEST],
        }
        if serials:
            attributes.update(serial_old=serials[0][:_LONGEST], serial_new=serials[1][:_LONGEST])
        attributes["why"] = "a person told of another meter"
        return Told(kind="meter_replaced", time=seen[0], attributes=attributes)

    def forgotten(self, seen: Sample, word: Replacement, why: str) -> Told:
        """A person's word about a replacement turned out not to fit."""
        attributes: dict[str, Value] = {
            "point": self._point,
            "to_register": seen[1],
            "from_time": word.at,
            "final": word.final,
            "start": word.start,
            "by": word.by[:_LONGEST],
            "why": f"the replacement that was told is not booked. {why} Tell it again.",
        }
        return Told(kind="counter_glitch", time=seen[0], attributes=attributes)

    def _tell(self, kind: str, time: int, head: Sample, odd: float, why: str, **more: Value) -> Told:
        attributes: dict[str, Value] = {
            "point": self._point,
            "from_register": head[1],
            "to_register": odd,
            "from_time": head[0],
            **more,
            "why": why,
        }
        return Told(kind=kind, time=time, attributes=attributes)

    def _change(self, head: Sample, seen: Sample) -> str:
        if seen[1] < head[1]:
            return f"it fell from {self._of(head[1])} to {self._of(seen[1])}"
        possible = self._limits.possible(seen[0] - head[0])
        return (
            f"it rose from {self._of(head[1])} to {self._of(seen[1])}, and at a rating of {self._rating()} no "
            f"more than {self._of(possible)} can be counted in that time"
        )

    def _of(self, register: float) -> str:
        return f"{register:.12g} {self._unit}"

    def _rating(self) -> str:
        return f"{self._limits.rating:g} {_RATE_SIGNS.get(self._unit, f'{self._unit} per hour')}"


def _values(count: int) -> str:
    return "one value" if count == 1 else f"{count} values"


def _when(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
