"""Kind `unbalance`: the three phases of a device are not equal, in voltage or in current; or one is gone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self

from pydantic import model_validator

from monitor.fields import Quantity, Texts
from monitor.model import SEVERITY_RANK, Event, Reading
from monitor.schema import point_unit
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from rules.kind import Choosy, Verdict, is_sure, patience
from rules.phases import iec, nema
from rules.surroundings import Surroundings
from rules.truth import Truth

__all__ = ["UNBALANCE", "Unbalance", "UnbalanceJudge", "UnbalanceRule"]

_BETWEEN: Final = ("voltage_l12_v", "voltage_l23_v", "voltage_l31_v")
_POINTS: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    "voltage": (_BETWEEN, ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")),
    "current": (("current_l1_a", "current_l2_a", "current_l3_a"),),
}
"""What is compared where no points are named: the first of these that a device has."""
_LIMITS: Final = {"voltage": 2.0, "current": 20.0}
_MIN_LOAD: Final = 0.2
_SOME_LOAD: Final = 0.1
"""Parts of the rating: below the first no unbalance is judged, below the second no phase is missed."""
_THREE: Final = 3
_PER_CENT: Final = 100.0


class UnbalanceRule(RuleModel):
    """Settings of a rule of kind `unbalance`."""

    kind: Literal["unbalance"]
    of: Literal["voltage", "current"] = "voltage"
    points: Texts | None = None
    method: Literal["nema", "iec"] = "nema"
    limit: Quantity | None = None
    deadband: Quantity = Quantity(0.2, "%")
    rating: Quantity | None = None
    min_load: Quantity | None = None
    phase_loss: Quantity | None = None
    phase_loss_severity: Literal["low", "medium", "high", "critical"] = "high"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        named = self.points
        if named is not None and (len(set(named)) != _THREE or any("*" in name for name in named)):
            raise ValueError("`points:` must be three names, one for each phase")
        wanted = "V" if self.of == "voltage" else "A"
        if named is not None and {point_unit(name) for name in named} != {wanted}:
            raise ValueError(f"`of: {self.of}` needs three points in {wanted}")
        if self.method == "iec" and (self.of != "voltage" or (named is not None and set(named) != set(_BETWEEN))):
            raise ValueError(f"`method: iec` needs the voltages between phases: {', '.join(_BETWEEN)}")
        return self._heeds_load()

    def _heeds_load(self) -> Self:
        loads = {"rating": self.rating, "min_load": self.min_load, "phase_loss": self.phase_loss}
        if self.of == "voltage":
            written = [f"`{name}:`" for name, value in loads.items() if value is not None]
            if written:
                raise ValueError(f"{' and '.join(written)} are for `of: current`")
            return self
        if self.rating is None and self.min_load is None:
            raise ValueError("write the `rating:` of the circuit, such as `63 A`, or `min_load:`")
        if self.phase_loss is not None and self.rating is None:
            raise ValueError("`phase_loss:` needs the `rating:` of the circuit, such as `63 A`")
        if self.phase_loss is not None and SEVERITY_RANK[self.phase_loss_severity] <= SEVERITY_RANK[self.severity]:
            raise ValueError("`phase_loss_severity:` must be higher than `severity:`")
        return self


class UnbalanceJudge:
    """Compares the newest values of three points. Level 1 is unbalance, level 2 a phase that is gone."""

    event_kinds = ()

    def __init__(self, params: UnbalanceRule, device: Device, points: Sequence[str]) -> None:
        self.severities: tuple[str, ...] = (params.severity,)
        if params.phase_loss is not None:
            self.severities = (params.severity, params.phase_loss_severity)
        self._points = tuple(points)
        self._measure = iec if params.method == "iec" else nema
        self._limit = _LIMITS[params.of] if params.limit is None else params.limit.magnitude
        self._slack = params.deadband.magnitude
        self._rating = 0.0 if params.rating is None else params.rating.magnitude
        self._min_load = self._rating * _MIN_LOAD if params.min_load is None else params.min_load.magnitude
        self._loss = None if params.phase_loss is None else params.phase_loss.magnitude
        ages = [patience(device, point) for point in points]
        known = [age for age in ages if age is not None]
        self._patience = round(max(known) * 1000) if known else None
        self._values: dict[str, tuple[float, int]] = {}
        self._is_on = False

    def reading(self, reading: Reading, at: int, now: int) -> Verdict | None:
        """Take what a reading says of the three points; points that were not due keep their value for a while."""
        del now
        told = [name for name in self._points if name in reading.values or name in reading.missing]
        if reading.late or not told or any(at < self._values.get(name, (0.0, 0))[1] for name in told):
            return None
        for name in told:
            value = reading.values.get(name)
            if is_sure(reading) and isinstance(value, int | float) and not isinstance(value, bool):
                self._values[name] = (abs(float(value)), at)
            else:
                self._values.pop(name, None)
        return self._verdict(at)

    def _verdict(self, at: int) -> Verdict:
        oldest = min((seen for _, seen in self._values.values()), default=at)
        if len(self._values) < _THREE or (self._patience is not None and at - oldest > self._patience):
            return Verdict(Truth.UNKNOWN)
        values = [self._values[name][0] for name in self._points]
        mean, greatest = sum(values) / _THREE, max(values)
        if self._loss is not None and greatest > self._rating * _SOME_LOAD:
            share = round(_PER_CENT * min(values) / greatest, 3)
            if share < self._loss:
                return Verdict(Truth.TRUE, 2, share, self._loss, facts=self._facts(values, "phase_loss"))
        if mean <= max(self._min_load, 0.0):
            # A circuit that is not used is not unequal; without any voltage nothing is known of it.
            self._is_on = False
            return Verdict(Truth.FALSE if self._min_load else Truth.UNKNOWN)
        share = round(self._measure(values), 3)
        self._is_on = share > self._limit - (self._slack if self._is_on else 0.0)
        if not self._is_on:
            return Verdict(Truth.FALSE, value=share, limit=self._limit)
        return Verdict(Truth.TRUE, 1, share, self._limit, facts=self._facts(values, "unbalance"))

    def _facts(self, values: Sequence[float], status: str) -> Mapping[str, str | float]:
        mean = sum(values) / len(values)
        if status == "phase_loss":
            odd = min(range(_THREE), key=lambda place: values[place])
        else:
            odd = max(range(_THREE), key=lambda place: abs(values[place] - mean))
        shown = {name: round(value, 3) for name, value in zip(self._points, values, strict=True)}
        return {"unit": "%", "status": status, "odd": self._points[odd], "mean": round(mean, 3), **shown}

    def event(self, event: Event, now: int) -> None:
        """Events are no values."""
        del event, now

    def due(self) -> int | None:
        """Say when the oldest value gets too old."""
        if self._patience is None or len(self._values) < _THREE:
            return None
        return min(seen for _, seen in self._values.values()) + self._patience

    def tick(self, now: int) -> Verdict | None:
        """Say that nothing is known."""
        due = self.due()
        if due is None or now < due:
            return None
        self._values.clear()
        return Verdict(Truth.UNKNOWN)

    def resume(self, stopped: int, started: int) -> None:
        """What was seen before the stop proves nothing."""
        del stopped, started
        self._values.clear()

    def dump(self) -> Mapping[str, Any]:
        """Answer the memory, JSON-ready."""
        return {"values": {name: list(kept) for name, kept in self._values.items()}, "on": self._is_on}

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._values = {
            name: (value, seen) for name, (value, seen) in memory["values"].items() if name in self._points
        }
        self._is_on = memory["on"]


def _points_of(params: UnbalanceRule, device: Device) -> Sequence[str] | None:
    """The three points of a device that are compared; None where it does not have them."""
    sets = _POINTS[params.of] if params.points is None else (params.points,)
    if params.method == "iec":
        sets = (_BETWEEN,)
    return next((names for names in sets if all(name in device.points for name in names)), None)


class Unbalance(Choosy):
    """The kind `unbalance`."""

    kind = "unbalance"
    model = UnbalanceRule
    hears = "readings"
    wants = "one with the three points that are compared"

    def point_patterns(self, params: UnbalanceRule) -> None:
        """One alarm for each device."""
        del params

    def quantity_units(self, params: UnbalanceRule, unit: str | None) -> Mapping[str, str | None]:
        """Loads are in A, the rest is in per cent."""
        del params, unit
        return {"limit": "%", "deadband": "%", "phase_loss": "%", "rating": "A", "min_load": "A"}

    def suits(self, params: UnbalanceRule, device: Device) -> bool:
        """Whether a device has the points."""
        return _points_of(params, device) is not None

    def build(self, rule: Rule, source: Source, around: Surroundings) -> UnbalanceJudge | None:
        """Make the judge of one device; None where it has no such points."""
        device = around.devices[source.device]
        points = _points_of(rule.params, device)
        return None if points is None else UnbalanceJudge(rule.params, device, points)


UNBALANCE = Unbalance()
