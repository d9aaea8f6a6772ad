"""Rules cut into shares: each share by itself comes to what all of them come to together."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from monitor.model import Derived, Entry, Missing, Reading, Recorded, Transition, Value
from monitor.settings.model import RuleModel
from monitor.site import Device, Rule, Source
from monitor.trials.shares import shares_of
from rules.engine import Engine
from rules.kind import EntryJudge, Interest, InUnitOfPoints, Verdict
from rules.kinds import RULES
from rules.surroundings import Surroundings
from rules.truth import Truth
from tests.rules.build import START, device, recorded, rule

_EVERY = 10_000


class _WideRule(RuleModel):
    kind: Literal["segment", "listener", "supply"]
    hears: tuple[str, ...] = ()


class _Judge(EntryJudge):
    """True while most of what it hears is bad: devices, alarms, or what was derived."""

    def __init__(self, params: _WideRule, source: Source) -> None:
        self.severities = ("high",)
        self._bad: dict[str, bool] = dict.fromkeys(params.hears, False)
        self.interest = {
            "segment": Interest(readings=params.hears),
            "listener": Interest(alarms=params.hears),
            "supply": Interest(derived=((source.device, "supply"),)),
        }[params.kind]

    def _say(self, name: str, *, bad: bool) -> Verdict:
        self._bad[name] = bad
        return Verdict(Truth.TRUE if 2 * sum(self._bad.values()) >= len(self._bad) else Truth.FALSE)

    def reading(self, reading: Reading, at: int, now: int) -> Verdict:
        del at, now
        return self._say(reading.device, bad=not reading.values)

    def derived(self, derived: Derived, at: int, now: int) -> Verdict:
        del at, now
        return self._say(derived.device, bad=not derived.values["present"])

    def alarm(self, step: Transition, now: int) -> Verdict:
        del now
        return self._say(f"{step.rule}/{step.source_key}", bad=step.condition == "active")


@dataclass
class _Wide(InUnitOfPoints):
    kind: str
    model: ClassVar[type[_WideRule]] = _WideRule
    hears: ClassVar[str] = "entries"

    def point_patterns(self, params: _WideRule) -> None:
        del params

    def build(self, rule: Rule, source: Source, around: Surroundings) -> _Judge:
        del around
        return _Judge(rule.params, source)


SEGMENT, LISTENER, SUPPLY = (_Wide(kind) for kind in ("segment", "listener", "supply"))


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("segment", "listener", "supply"):
        monkeypatch.setitem(RULES, kind, f"{__name__}:{kind.upper()}")


def a_site() -> tuple[Sequence[Rule], Surroundings]:
    devices: dict[str, Device] = {f"m-{n}": device(f"m-{n}", points=("voltage_v", "power_w")) for n in range(8)}
    first, second = tuple(f"m-{n}" for n in range(4)), tuple(f"m-{n}" for n in range(4, 8))
    settings: list[Mapping[str, Any]] = [
        {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V", "on_delay": "20 s"},
        {"id": "peak", "kind": "threshold", "point": "power_w", "above": "5 kW", "off_delay": "30 s"},
        {"id": "dead", "kind": "offline", "on_delay": "20 s"},
        {"id": "old", "kind": "stale", "max_age": "1 min"},
        {"id": "bus-a", "kind": "segment", "on": "m-0", "hears": first},
        {"id": "bus-b", "kind": "segment", "on": "m-4", "hears": second},
        {"id": "both", "kind": "listener", "on": "m-2", "hears": ("low",)},
        {"id": "mains", "kind": "supply", "on": "m-7"},
    ]
    return [rule(one, devices) for one in settings], Surroundings(devices=devices)


def entries(seed: int) -> Iterator[Recorded]:
    chance = random.Random(seed)
    doing = dict.fromkeys((f"m-{n}" for n in range(8)), "well")
    for number in range(150):
        for place, name in enumerate(doing):
            at = number * _EVERY + place * 700
            if chance.random() < 0.1:
                doing[name] = chance.choice(["well", "low", "much", "dead", "silent"])
            said = _said(name, doing[name], at)
            if said is not None:
                yield recorded(said, at)
        if chance.random() < 0.1:
            at = number * _EVERY + 9000
            values: dict[str, Value] = {"present": chance.random() < 0.5}
            yield recorded(
                Derived(producer="p", key="", device="m-7", time=START + at, measurement="supply", values=values),
                at,
            )


def _said(name: str, what: str, at: int) -> Entry | None:
    if what == "silent":
        return None
    time = START + at
    if what == "dead":
        missing = {"voltage_v": Missing.TIMEOUT, "power_w": Missing.TIMEOUT}
        return Reading(device=name, time=time, arrived=time, values={}, missing=missing)
    values = {"voltage_v": 200.0 if what == "low" else 230.0, "power_w": 9000.0 if what == "much" else 100.0}
    return Reading(device=name, time=time, arrived=time, values=values)


def _steps(engine: Engine, past: Sequence[Recorded]) -> set[Transition]:
    found = {step.transition for item in past for step in engine.judge([item]).steps}
    return found | {step.transition for step in engine.tick(past[-1].recorded + 600_000).steps}


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_shares_come_to_what_the_whole_comes_to(seed: int, count: int) -> None:
    rules, around = a_site()
    past = list(entries(seed))
    whole = _steps(Engine(rules, around), past)

    shares = shares_of(rules, around, count)

    parts = [
        _steps(Engine(share.rules, around), [one for one in past if one.entry.device in share.devices])  # type: ignore[union-attr]
        for share in shares
    ]
    assert len(shares) > 1
    assert set().union(*parts) == whole
    assert len({one.rule for one in whole}) >= 6
    kept = [one for part in parts for one in part if one.rule != "mains"]
    assert len(kept) == len(set(kept)), "nothing but what is above others is judged twice"


def test_all_of_these_rules_raise_alarms() -> None:
    rules, around = a_site()

    raised = {one.rule for seed in range(4) for one in _steps(Engine(rules, around), list(entries(seed)))}

    assert raised == {one.id for one in rules}


def test_what_listens_to_alarms_stays_with_them_and_the_rest_is_free() -> None:
    rules, around = a_site()

    shares = shares_of(rules, around, 2)

    (with_listener,) = [share for share in shares if any(one.id == "both" for one in share.rules)]
    (low,) = [one for one in with_listener.rules if one.id == "low"]
    assert len(low.sources) == 8
    assert all(any(one.id == "mains" for one in share.rules) for share in shares)
    weights = [share.weight for share in shares]
    assert max(weights) < 1.5 * min(weights)


def test_one_bus_under_one_rule_is_still_cut() -> None:
    rules, around = a_site()
    everything = rule(
        {"id": "bus", "kind": "segment", "on": "m-0", "hears": tuple(around.devices)}, around.devices
    )

    shares = shares_of([everything, *(one for one in rules if one.kind != "listener")], around, 2)

    assert len(shares) == 2
    assert {len(share.devices) for share in shares} <= set(range(1, 9))
