"""What the simulated meters of the month truly counted, worked out from the simulator alone.

Times are UTC ms; amounts in kWh and m3, powers in W and m3/h. Nothing here knows what the monitor does with a
reading, but for when it reads: what nobody could read meanwhile lies evenly between the two readings around it.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from monitor.simulation.truth import Truth
from monitor.simulation.world import World
from tests.grafana.month import BEGIN, END, ZONE, world

if TYPE_CHECKING:
    from monitor.site import Device

__all__ = ["GAS_IS_WORTH", "HOUR", "QUARTER", "Counted", "Span"]

Span = tuple[int, int]
MINUTE: Final = 60_000
QUARTER: Final = 15 * MINUTE
HOUR: Final = 60 * MINUTE
_POLL: Final = 5 * MINUTE
_COUNTERS: Final = {"electricity": "energy_import_kwh", "water": "volume_m3", "gas": "volume_m3"}
_PER_HOUR: Final = {"electricity": 4000.0, "water": 4.0, "gas": 4.0}
"""What the mean of a quarter of an hour is, of what was counted in it."""
_REST: Final = "rest-electricity"
GAS_IS_WORTH: Final = 11.2 * 0.95
"""kWh that a cubic metre of gas is worth in the demo."""


def _local(day: date, at: time = time()) -> int:
    return round(datetime.combine(day, at, ZONE).timestamp() * 1000)


@dataclass
class Counted:
    """The meters. `until`: up to when they are counted."""

    until: int = END // QUARTER * QUARTER
    world: World = field(default_factory=world)
    _truths: dict[str, Truth] = field(default_factory=dict)
    _totals: dict[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        site, stories = self.world.site, self.world.stories
        assert stories is not None
        self.meters: Mapping[str, Device] = {
            each.id: each
            for each in site.devices.values()
            if each.device_class in _COUNTERS and (each.virtual or _COUNTERS[each.device_class] in each.points)
        }
        gateway = stories.story("gateway-off")
        assert gateway is not None
        self._gap = gateway.begin - _POLL, gateway.end
        self._behind = gateway.connections
        first = datetime.fromtimestamp(BEGIN / 1000, ZONE).date()
        mondays = (first + timedelta(days=number) for number in range(31))
        rounds = [_local(day, time(9, 10)) for day in mondays if day.weekday() == 0]
        self._by_hand = [BEGIN + 5 * MINUTE, *(at for at in rounds if at < END)]

    # Meters -----------------------------------------------------------------------------------------------

    def of(self, utility: str, role: str = "") -> Sequence[str]:
        """The meters of a utility; of one role, or of all, the reckoned one too."""
        return [
            each.id for each in self.meters.values() if each.device_class == utility and role in {"", each.role}
        ]

    def known_until(self, meter: str) -> int:
        """Up to when a meter was read."""
        return min(self.until, self._by_hand[-1]) if self.meters[meter].by_hand else self.until

    def amount(self, meter: str, start: int, end: int) -> float:
        """What a meter counted."""
        return self._total(meter, end) - self._total(meter, start)

    def _total(self, meter: str, at: int) -> float:
        key = meter, at
        if key not in self._totals:
            self._totals[key] = self._total_at(meter, at)
        return self._totals[key]

    def _total_at(self, meter: str, at: int) -> float:
        if meter == _REST:
            subs = (each for each in self.of("electricity", "sub"))
            return self._total("main-electricity", at) - sum(self._total(each, at) for each in subs)
        device = self.meters[meter]
        gap: Span | None = None
        if device.by_hand:
            at = min(max(at, self._by_hand[0]), self._by_hand[-1])
            later = next((index for index, read in enumerate(self._by_hand) if read > at), 0)
            gap = (self._by_hand[later - 1], self._by_hand[later]) if at not in self._by_hand else None
        elif device.connection in self._behind and self._gap[0] < at < self._gap[1]:
            gap = self._gap
        if gap is not None:
            one, two = (self._total(meter, edge) for edge in gap)
            return one + (two - one) * (at - gap[0]) / (gap[1] - gap[0])
        truth = self._truths.setdefault(meter, Truth(self.world, device))
        return truth.used(_COUNTERS[device.device_class], 0.0, at / 1000)

    # Time -------------------------------------------------------------------------------------------------

    def days(self, since: int = BEGIN) -> Sequence[Span]:
        """The local days that begin from a moment on, the running one up to now."""
        first = datetime.fromtimestamp(BEGIN / 1000, ZONE).date()
        edges = [_local(first + timedelta(days=number)) for number in range(32)]
        spans = itertools.pairwise(edges)
        return [(start, min(end, self.until)) for start, end in spans if since <= start < self.until]

    def hours(self, since: int = BEGIN) -> Sequence[Span]:
        """The hours that begin from a moment on, the running one up to now."""
        first = -(-since // HOUR) * HOUR
        return [(at, min(at + HOUR, self.until)) for at in range(first, self.until, HOUR)]

    # What is worked out of it -----------------------------------------------------------------------------

    def quarters(self, meter: str, start: int, end: int) -> Sequence[float]:
        """What was counted in each quarter of an hour."""
        return [self.amount(meter, at, at + QUARTER) for at in range(start, end, QUARTER)]

    def demands(self, meter: str, start: int, end: int) -> Sequence[float]:
        """The mean of each quarter of an hour."""
        factor = _PER_HOUR[self.meters[meter].device_class]
        return [factor * each for each in self.quarters(meter, start, end)]

    def night(self, meter: str, start: int) -> float:
        """The least mean of any hour between one and five o'clock of the local day that begins there."""
        day = datetime.fromtimestamp(start / 1000, ZONE).date()
        begin, end = _local(day, time(1)), _local(day, time(5))
        quarters = self.quarters(meter, begin, end)
        return min(sum(quarters[place : place + 4]) for place in range(len(quarters) - 3))

    def below(self, meter: str, start: int, end: int) -> float:
        """What the meters below a main meter counted."""
        subs = self.of(self.meters[meter].device_class, "sub")
        return sum(self.amount(each, start, end) for each in subs)

    def cost(self, meter: str, start: int, end: int) -> float:
        """What it cost, by the prices that the demo's site file says; nothing for a meter without a tariff.

        Only quarters of an hour that are known to their end have a price.
        """
        end = end // QUARTER * QUARTER
        device = self.meters[meter]
        if device.device_class == "gas":
            return 0.1090 * GAS_IS_WORTH * self.amount(meter, start, end)
        if not device.tenant:
            return 0.0
        if device.device_class == "water":
            return 4.05 * self.amount(meter, start, end)
        return sum(_price(at) * self.amount(meter, at, at + QUARTER) for at in range(start, end, QUARTER))

    def carbon(self, meter: str, start: int, end: int) -> float:
        """The CO2 of it in kg."""
        device = self.meters[meter]
        if device.device_class == "gas":
            return 0.201 * GAS_IS_WORTH * self.amount(meter, start, end)
        is_paid = device.device_class == "electricity" and device.tenant
        return 0.363 * self.amount(meter, start, end) if is_paid else 0.0

    def samples(self, start: int, end: int) -> Iterator[int]:
        """When what is polled was read."""
        yield from range(-(-start // _POLL) * _POLL, end, _POLL)


def _price(at: int) -> float:
    """Of a kWh at a moment: by day on working days, and else."""
    local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZONE)
    return 0.3420 if local.weekday() < 5 and 6 <= local.hour < 22 else 0.2510
