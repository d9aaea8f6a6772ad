"""Commands with numbers that nobody means are refused, and stop nothing."""

import math
from collections.abc import Mapping

import pytest

from monitor.model import Command
from rules.engine import Engine
from rules.surroundings import Surroundings
from tests.rules.build import START, device, reading, recorded, rule

DEVICES = {"meter": device()}
LOW = {"id": "low", "kind": "threshold", "point": "voltage_v", "below": "207 V"}
WILD = [math.nan, math.inf, -math.inf, 1e308, 10**400, "9" * 400, "nan", "1e999"]


@pytest.mark.parametrize("number", WILD, ids=lambda each: str(each)[:8])
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("shelve", {"until": None}),
        ("shelve", {"for_s": None}),
        ("out_of_service", {"review_at": None}),
        ("maintenance_add", {"starts": None, "for_s": 60.0}),
        ("maintenance_add", {"starts": None, "for_s": 60.0, "repeat": "FREQ=DAILY"}),
        ("maintenance_add", {"starts": START, "for_s": None}),
    ],
)
def test_a_wild_number_is_refused(
    kind: str, arguments: Mapping[str, str | float | None], number: str | float
) -> None:
    engine = Engine([rule(LOW, DEVICES)], Surroundings(devices=DEVICES))
    engine.judge([recorded(reading(0, 200.0), 0)])
    said = {name: number if value is None else value for name, value in arguments.items()}
    target = "low/meter/voltage_v"
    command = Command(
        id="one", time=START, by="ana", kind=kind, target=target, arguments=said, reason="we test it"
    )

    effects = engine.judge([recorded(command, 1000)])

    assert [ident for ident, _ in effects.refused] == ["one"]
    assert not effects.steps


def test_maintenance_without_end_is_not_heaped_up() -> None:
    engine = Engine([rule(LOW, DEVICES)], Surroundings(devices=DEVICES))

    def ask(number: int) -> list[str]:
        said = {"starts": START + number, "for_s": 60.0, "repeat": "FREQ=DAILY"}
        wanted = Command(
            id=str(number), time=START, by="ana", kind="maintenance_add", target=f"m{number}", arguments=said,
            reason="we test it",
        )  # fmt: skip
        return [why for _, why in engine.judge([recorded(wanted, number)]).refused]

    assert [why for number in range(200) for why in ask(number)] == []
    assert ask(200) == ["200 maintenances are planned by hand already: end some that nobody needs"]
