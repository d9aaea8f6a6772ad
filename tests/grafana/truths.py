"""What each panel of electricity, water and gas has to show of the month, by what its meters truly counted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from statistics import fmean
from typing import Final

from tests.grafana.answers import Answer
from tests.grafana.counted import GAS_IS_WORTH, HOUR, Counted, Span
from tests.grafana.month import END, ZONE
from tests.grafana.reading import Lines

__all__ = ["Expected", "Truths"]

Amount = Callable[[str, int, int], float]
_STEP: Final = {"electricity": 0.011, "water": 0.0011, "gas": 0.000_003}
"""By how much two readings may differ from what flowed between them: the last digit of the registers."""
_RATE: Final = {"electricity": 4000.0, "water": 4.0, "gas": 4.0}
_MONTH: Final = round(datetime(2026, 11, 1, tzinfo=ZONE).timestamp() * 1000)
_OCTOBER: Final = round(datetime(2026, 10, 1, tzinfo=ZONE).timestamp() * 1000)
_30_DAYS: Final = round(datetime(2026, 10, 21, 18, 10, tzinfo=ZONE).timestamp() * 1000)
_TODAY: Final = round(datetime(2026, 11, 20, tzinfo=ZONE).timestamp() * 1000)
_WEEK: Final = 7 * 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a panel shows, and how far it may be from that: rounding, and nothing else."""

    lines: Lines
    within: float


@dataclass(frozen=True, slots=True)
class Truths:
    """The truth of one utility."""

    counted: Counted
    utility: str

    @property
    def main(self) -> str:
        """Its main meter."""
        return f"main-{self.utility}"

    @property
    def subs(self) -> Sequence[str]:
        """The meters below it."""
        return self.counted.of(self.utility, "sub")

    @property
    def all(self) -> Sequence[str]:
        """All its meters, the reckoned one too."""
        return self.counted.of(self.utility)

    @property
    def step(self) -> float:
        """The rounding of one amount of the sum or difference of all its meters."""
        return _STEP[self.utility] * max(1, len(self.all) - 1)

    # Shapes -----------------------------------------------------------------------------------------------

    def _one(self, name: str, value: float, within: float) -> Expected:
        return Expected(lines={name: {"": value}}, within=within)

    def _daily(self, meters: Iterable[str], of: Amount, *, whole: bool = False) -> Lines:
        """Of each meter and day of the last thirty that it is known of."""
        return {
            meter: {start: of(meter, start, end) for start, end in self._days(meter, _30_DAYS, whole=whole)}
            for meter in meters
        }

    def _days(self, meter: str, since: int, *, whole: bool = False) -> Sequence[Span]:
        until = self.counted.known_until(meter)
        spans = [(start, min(end, until)) for start, end in self.counted.days(since) if start < until]
        return [span for span in spans if not whole or self._is_whole(span)]

    def _is_whole(self, span: Span) -> bool:
        return any(span[0] == start and span[1] == end < self.counted.until for start, end in self.counted.days())

    def _monthly(self, meters: Iterable[str], of: Amount) -> Lines:
        days, counted = self.counted.days(), self.counted
        return {
            meter: {
                _OCTOBER: of(meter, days[0][0], _MONTH),
                _MONTH: of(meter, _MONTH, counted.known_until(meter)),
            }
            for meter in meters
        }

    def _sum(self, of: Amount, since: int) -> float:
        """Over all meters since a moment."""
        return sum(of(meter, since, self.counted.known_until(meter)) for meter in self.all)

    @property
    def _known_below(self) -> int:
        return min(self.counted.known_until(meter) for meter in [self.main, *self.subs])

    def _below_days(self, since: int) -> Sequence[Span]:
        """The whole days on which all meters below the main one are known."""
        return [span for span in self._days(self.main, since, whole=True) if span[1] <= self._known_below]

    def _rest(self, start: int, end: int) -> float:
        return self.counted.amount(self.main, start, end) - self.counted.below(self.main, start, end)

    # Panels -----------------------------------------------------------------------------------------------

    def today(self, name: str = "today", energy: str = "") -> Expected:
        return self._since(_TODAY, name, energy)

    def month(self, name: str = "month", energy: str = "") -> Expected:
        return self._since(_MONTH, name, energy)

    def _since(self, begin: int, name: str, energy: str) -> Expected:
        """Of the main meter since a moment; of gas beside it what it is worth, in kWh."""
        lines = {name: {"": self.counted.amount(self.main, begin, self.counted.until)}}
        if energy:
            lines[energy] = {"": GAS_IS_WORTH * lines[name][""]}
        return Expected(lines=lines, within=self.step * (GAS_IS_WORTH if energy else 1.0))

    def burnt(self, per: str) -> Expected:
        lines = (self._daily if per == "day" else self._monthly)([self.main], self._energy)
        return Expected(lines=lines, within=GAS_IS_WORTH * self.step)

    def _energy(self, meter: str, start: int, end: int) -> float:
        return GAS_IS_WORTH * self.counted.amount(meter, start, end)

    def change(self) -> Expected:
        end = END // HOUR * HOUR
        now = self.counted.amount(self.main, _TODAY, end)
        before = self.counted.amount(self.main, _TODAY - _WEEK, end - _WEEK)
        return self._one("change", 100 * (now / before - 1), 200 * self.step / before)

    def cost_this_month(self) -> Expected:
        return self._one("cost", self._sum(self.counted.cost, _MONTH), self._price * self.step + 1e-4)

    @property
    def _price(self) -> float:
        return {"electricity": 0.35, "water": 4.05, "gas": 1.2}[self.utility]

    def unmetered_share(self) -> Expected:
        days = self._below_days(_MONTH)
        rest = sum(self._rest(*span) for span in days)
        whole = sum(self.counted.amount(self.main, *span) for span in days)
        return self._one("share", 100 * rest / whole, 100 * self.step / whole)

    def hours(self) -> Expected:
        today = {start: self.counted.amount(self.main, start, end) for start, end in self.counted.hours(_TODAY)}
        before = {at: self.counted.amount(self.main, at - _WEEK, at - _WEEK + HOUR) for at in today}
        return Expected(lines={"today": today, "same weekday last week": before}, within=self.step)

    def days(self) -> Expected:
        return Expected(lines=self._daily([self.main], self.counted.amount), within=self.step)

    def months(self) -> Expected:
        return Expected(lines=self._monthly([self.main], self.counted.amount), within=self.step)

    def who(self) -> Expected:
        rows: dict[str, dict[object, float]] = {}
        for meter in self.all:
            known = self._days(meter, _30_DAYS)
            cells = rows[meter] = {
                "30 days": self.counted.amount(meter, known[0][0], known[-1][1]),
                "7 days": self.counted.amount(meter, _TODAY - 6 * 24 * HOUR, known[-1][1]),
                "of it estimated": 0.0,
            }
            if known[-1][0] == _TODAY:
                cells["Today"] = self.counted.amount(meter, *known[-1])
                cells["Yesterday"] = self.counted.amount(meter, *known[-2])
            if self.counted.meters[meter].by_hand:
                cells["of it estimated"] = cells["30 days"]
            for column, of in (("Cost", self.counted.cost), ("CO₂", self.counted.carbon)):
                if self._is_paid(meter):
                    cells[column] = sum(of(meter, *span) for span in known)
        return Expected(lines=rows, within=self.step * max(1.0, self._price))

    def shares(self) -> Expected:
        lines: dict[str, Mapping[object, float]] = {}
        for meter in self.subs:
            days = self._days(meter, _30_DAYS, whole=True)
            lines[meter] = {"": sum(self.counted.amount(meter, *span) for span in days)}
        lines["no sub-meter"] = {"": sum(self._rest(*span) for span in self._below_days(_30_DAYS))}
        return Expected(lines=lines, within=self.step)

    def stacked(self, per: str) -> Expected:
        meters = [*self.subs, self.main]
        lines = (self._daily if per == "day" else self._monthly)(meters, self.counted.amount)
        return Expected(lines=lines, within=self.step)

    def unmetered(self) -> Expected:
        days = self._below_days(_30_DAYS)
        rest: dict[object, float] = {start: self._rest(start, end) for start, end in days}
        share: dict[object, float] = {
            start: 100 * self._rest(start, end) / self.counted.amount(self.main, start, end) for start, end in days
        }
        least = min(self.counted.amount(self.main, *span) for span in days)
        return Expected(
            lines={self.main: rest, f"{self.main}, share": share}, within=self.step * max(1.0, 100 / least)
        )

    def week(self) -> Expected:
        cells: dict[tuple[str, str], list[float]] = defaultdict(list)
        for start, end in self.counted.hours(_30_DAYS):
            if end - start == HOUR:
                local = datetime.fromtimestamp(start / 1000, ZONE)
                used = 1000 * self.counted.amount(self.main, start, end)
                cells[f"{local:%a}", str(local.hour)].append(used)
        lines: dict[str, dict[object, float]] = defaultdict(dict)
        for (day, hour), values in cells.items():
            lines[day][hour] = fmean(values)
        return Expected(lines=lines, within=1000 * self.step)

    def highest(self) -> Expected:
        found = max(self.counted.demands(self.main, _MONTH, self.counted.until))
        return self._one(self.main, found, self._of_demand)

    @property
    def _of_demand(self) -> float:
        return _RATE[self.utility] * self.step

    def _measured(self) -> Sequence[str]:
        return [meter for meter in self.all if not self.counted.meters[meter].by_hand]

    def peaks(self, per: str) -> Expected:
        lines = (self._daily if per == "day" else self._monthly)(self._measured(), self._peak)
        return Expected(lines=lines, within=self._of_demand)

    def _peak(self, meter: str, start: int, end: int) -> float:
        return max(self.counted.demands(meter, start, end))

    def _least(self, meter: str, start: int, end: int) -> float:
        return min(self.counted.demands(meter, start, end))

    def base(self) -> Expected:
        lines = dict(self._daily(self._measured(), self._least, whole=True))
        scale = 2400 / {"electricity": 1000.0}.get(self.utility, 1.0)
        lines[f"{self.main}, share"] = {
            start: self._least(self.main, start, end) * scale / self.counted.amount(self.main, start, end)
            for start, end in self._days(self.main, _30_DAYS, whole=True)
        }
        return Expected(lines=lines, within=self._of_demand)

    def highest_hours(self) -> Expected:
        found = [
            (self._peak(meter, start, end), start, meter)
            for meter in self._measured()
            for start, end in self.counted.hours(_30_DAYS)
        ]
        rows: dict[str, dict[object, float]] = defaultdict(dict)
        for demand, start, meter in sorted(found, reverse=True)[:10]:
            rows[meter][start] = demand
        return Expected(lines=rows, within=self._of_demand)

    def _is_paid(self, meter: str) -> bool:
        """Whether it has a tariff."""
        return self.counted.cost(meter, _MONTH, _MONTH + _WEEK) > 0

    def costs(self, per: str) -> Expected:
        paid = [meter for meter in self.all if self._is_paid(meter)]
        lines = (self._daily if per == "day" else self._monthly)(paid, self.counted.cost)
        return Expected(lines=lines, within=self._price * self.step)

    def carbon(self, per: str) -> Expected:
        paid = [meter for meter in self.all if self._is_paid(meter)]
        lines = (self._daily if per == "day" else self._monthly)(paid, self.counted.carbon)
        return Expected(lines=lines, within=2.2 * self.step)

    def per_tenant(self) -> Expected:
        tenants: dict[str, float] = defaultdict(float)
        for meter in self.all:
            if self._is_paid(meter):
                cost = sum(self.counted.cost(meter, *span) for span in self._days(meter, _30_DAYS))
                tenants[self.counted.meters[meter].tenant] += cost
        lines = {tenant: {"": cost} for tenant, cost in tenants.items()}
        return Expected(lines=lines, within=self._price * self.step)

    # Of nights --------------------------------------------------------------------------------------------

    def least(self) -> Expected:
        return self._one(self.main, 1000 * self.counted.night(self.main, _TODAY), 1000 * self.step)

    def nights(self) -> Expected:
        lines = self._daily(self._measured(), lambda meter, start, _: 1000 * self.counted.night(meter, start))
        return Expected(lines=lines, within=1000 * self.step)

    def leaks(self) -> Expected:
        rows: dict[str, dict[object, float]] = {}
        for meter in self._measured():
            night = self.counted.night(meter, _TODAY)
            cells = rows[meter] = {"Last night": 1000 * night, "That is a day": 24 * night}
            if self._is_paid(meter):
                cells["Cost a day"] = 24 * night * self._price
            still = [
                start
                for start, end in self._days(meter, _30_DAYS)
                if self._least(meter, start, end) < _RATE[self.utility] * 0.000_25
            ]
            if still:
                cells["Stood still last"] = still[-1]
        return Expected(lines=rows, within=1000 * self.step)

    # Of samples -------------------------------------------------------------------------------------------

    def sample(self, meter: str, point: str, at: int) -> float:
        """What a point really was at a moment."""
        return float(self.counted.world.values(self.counted.meters[meter], at / 1000)[point])

    def _last(self) -> int:
        return END // 300_000 * 300_000 - (300_000 if END % 300_000 == 0 else 0)

    def now(self, name: str, point: str) -> Expected:
        value = self.sample(self.main, point, self._last())
        return self._one(name, value, 1e-5 * value + 1e-6)

    def power_of_each(self, answer: Answer) -> Expected:
        """Means of what each meter counted in whole hours, per interval of the chart."""
        begin = answer.range.ms[0]
        lines: dict[str, dict[object, float]] = {}
        for meter in self._measured():
            found: dict[int, list[float]] = defaultdict(list)
            for start, end in self.counted.hours(begin):
                if end - start == HOUR:
                    found[start // answer.interval * answer.interval].append(
                        1000 * self.counted.amount(meter, start, end)
                    )
            lines[meter] = {at: fmean(values) for at, values in found.items()}
        return Expected(lines=lines, within=1000 * self.step)

    def sampled(self, point: str, answer: Answer, meters: Sequence[str] = ()) -> Expected:
        """Means of each of these meters, or of all, per interval of the chart."""
        lines: dict[str, Mapping[object, float]] = {}
        for meter in meters or self.all:
            device = self.counted.meters[meter]
            if not device.by_hand and (point in device.points):
                lines[meter] = self._per_interval(answer, partial(self._of_all, [meter], point, fmean))
        return Expected(lines=lines, within=0.011)

    def any_of(self, points: Mapping[str, str], how: Callable[[Iterable[float]], float], answer: Answer) -> Lines:
        """Of the main meter the least or the greatest value per interval of the chart."""
        return {
            name: self._per_interval(answer, partial(self._of_all, [self.main], point, how))
            for name, point in points.items()
        }

    def _of_all(
        self, meters: Sequence[str], point: str, how: Callable[[Iterable[float]], float], at: Sequence[int]
    ) -> float:
        return how([self.sample(meter, point, moment) for meter in meters for moment in at])

    def _per_interval(self, answer: Answer, of: Callable[[Sequence[int]], float]) -> Mapping[object, float]:
        begin, end = answer.range.ms
        found: dict[int, list[int]] = defaultdict(list)
        for at in self.counted.samples(begin, end):
            found[at // answer.interval * answer.interval].append(at)
        return {start: of(moments) for start, moments in found.items()}
