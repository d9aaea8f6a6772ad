"""What kinds about consumption read out of metering's entries: deltas, usage of periods, and what it costs.

Deltas say what a meter counted since the one before, at most once a minute. Usage is told of whole local hours
and days, anew whenever a late value has changed it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from monitor.fieldkeys import USAGE_AMOUNT, USAGE_COST, USAGE_CURRENCY, USAGE_ESTIMATED, USAGE_PARTIAL
from monitor.meters import billed_counter
from monitor.model import Derived, Quality
from monitor.schema import delta_name
from monitor.site import Device
from rules.kind import EntryJudge, Verdict, interval, patience
from rules.truth import Truth

__all__ = [
    "LATE",
    "Attentive",
    "Price",
    "Span",
    "Spans",
    "Used",
    "counted_unit",
    "is_read_within",
    "number_of",
    "silence",
    "used",
]

LATE: Final = 300_000
"""Milliseconds behind which an entry comes from a backlog: metering itself may take some twenty seconds."""

_SHORTEST_SILENCE: Final = 600_000


def counted_unit(device: Device) -> str | None:
    """The unit of the counter that a meter is billed by; None: it is none, or nobody knows when it counted."""
    counter = billed_counter(device)
    if counter is None or device.by_hand or device.virtual is not None:
        return None
    return device.points[counter].unit


def is_read_within(device: Device, seconds: float) -> bool:
    """Whether a meter is read so often, as far as that is known."""
    every = interval(device, billed_counter(device))
    return every is None or every <= seconds


def silence(device: Device) -> int | None:
    """Milliseconds without a delta after which nothing is known of a meter any more; None: it may be silent."""
    seconds = patience(device, billed_counter(device))
    return None if seconds is None else max(round(2000 * seconds), _SHORTEST_SILENCE)


def number_of(derived: Derived, name: str) -> float | None:
    """A number of an entry; None where it has none of that name, or it is not sure of it."""
    value = derived.values.get(name)
    if isinstance(value, bool | str) or value is None or derived.quality is Quality.SUSPECT:
        return None
    return float(value)


class Attentive(EntryJudge):
    """A judge that knows nothing any more `patience` ms (None: never) after it heard what it judges by.

    One that judges whole hours or days says its last `word` again after a restart: it holds until the next.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._heard: int | None = None
        self._word: Verdict | None = None
        self._again: int | None = None

    def _say(self, verdict: Verdict | None, now: int) -> Verdict | None:
        """Remember what is said of a whole hour or day."""
        if verdict is None:
            return None
        verdict = replace(verdict, since=now)
        self._word = None if verdict.truth is Truth.UNKNOWN else verdict
        return verdict

    def due(self) -> int | None:
        """Say when nothing is known any more, or what was known has to be said again."""
        if self._again is not None:
            return self._again
        return None if self._heard is None or self._patience is None else self._heard + self._patience

    def tick(self, now: int) -> Verdict | None:
        """Say that nothing is known."""
        due = self.due()
        if due is None or now < due:
            return None
        if self._again is not None:
            self._again = None
            return None if self._word is None else replace(self._word, since=now)
        self._heard = self._word = None
        return Verdict(Truth.UNKNOWN)

    def resume(self, stopped: int, started: int) -> None:
        """The counters went on counting: only the patience begins anew."""
        del stopped
        if self._heard is None:
            return
        is_old = self._patience is not None and started - self._heard > self._patience
        self._again = started if self._word is not None and not is_old else None
        self._heard = started

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        said = self._word
        word = None if said is None else [int(said.truth), said.level, said.value, said.limit, dict(said.facts)]
        return {"heard": self._heard, "word": word, "again": self._again}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._heard, self._again, word = memory["heard"], memory["again"], memory["word"]
        if word is not None:
            truth, level, value, limit, facts = word
            self._word = Verdict(Truth(truth), level, value, limit, facts=facts)


@dataclass(frozen=True, slots=True)
class Span:
    """What a meter counted from `start` to `end` (engine ms), in the unit of its counter."""

    start: int
    end: int
    amount: float


class Spans:
    """Puts the deltas of one meter one behind the other; what shares its time with another joins the next."""

    def __init__(self, device: Device) -> None:
        counter = billed_counter(device)
        self._name = "" if counter is None else delta_name(counter)
        self.last: int | None = None
        self._carried = 0.0

    def take(self, derived: Derived, at: int) -> Span | None:
        """Take a delta that was told for the engine time `at`; None where it ends no span."""
        amount = number_of(derived, self._name)
        if amount is None:
            return None
        begin = self.last
        if begin is None or at <= begin:
            self._carried = 0.0 if begin is None else self._carried + amount
            self.last = at if begin is None else begin
            return None
        amount, self._carried, self.last = amount + self._carried, 0.0, at
        return Span(begin, at, amount)

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready."""
        return [self.last, self._carried]

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        self.last, self._carried = kept


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in the local hour or day that begins at `start` (UTC ms).

    `is_whole`: all of it is known; `is_sure`: and none of it estimated. `price`: of one unit, where a tariff is
    known.
    """

    start: int
    amount: float
    is_whole: bool
    is_sure: bool
    price: float | None
    currency: str


def used(derived: Derived) -> Used | None:
    """Read an entry `usage_*`; None where it does not say an amount."""
    amount = number_of(derived, USAGE_AMOUNT)
    if amount is None:
        return None
    values = derived.values
    cost = number_of(derived, USAGE_COST)
    is_whole = not values.get(USAGE_PARTIAL)
    return Used(
        start=derived.time,
        amount=amount,
        is_whole=is_whole,
        is_sure=is_whole and not values.get(USAGE_ESTIMATED) and derived.quality in {Quality.GOOD, Quality.MANUAL},
        price=cost / amount if cost is not None and amount > 0 else None,
        currency=derived.attributes.get(USAGE_CURRENCY, ""),
    )


class Price:
    """What one unit cost lately: the mean of the last period in which anything was used."""

    def __init__(self) -> None:
        self._each: float | None = None
        self._currency = ""

    def take(self, found: Used | None) -> None:
        """Learn from what a period cost."""
        if found is not None and found.price is not None and found.currency:
            self._each, self._currency = found.price, found.currency

    def facts(self, name: str, amount: float) -> Mapping[str, str | float]:
        """What an amount costs, as facts of a message; none where no tariff is known."""
        if self._each is None:
            return {}
        return {name: round(amount * self._each, 2), "currency": self._currency}

    def dump(self) -> list[Any]:
        """Answer the memory, JSON-ready."""
        return [self._each, self._currency]

    def load(self, kept: Any) -> None:
        """Take back what `dump` gave."""
        self._each, self._currency = kept
