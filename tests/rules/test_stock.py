"""The stock rules are accepted by their kinds, are complete, and judge what they say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from monitor.plant import Supply
from monitor.schema import ACCESS_EVENTS, UPKEEP_EVENTS
from rules.surroundings import Surroundings
from tests.rules.build import device, kind, rule

FILES = sorted((Path(config.__file__).parent / "rules").glob("*.yaml"))
RULES = [pytest.param(one, id=one["id"]) for path in FILES for one in yaml.safe_load(path.read_text())]


def test_there_are_stock_rules_for_each_domain() -> None:
    assert [path.stem for path in FILES] == [
        "access",
        "devices",
        "doors",
        "electricity",
        "equipment",
        "gas",
        "monitor",
        "safety",
        "supply",
        "water",
    ]


def test_what_the_monitor_sees_at_doors_equipment_and_supply_has_a_stock_rule() -> None:
    told = {each for one in RULES if one.values[0]["kind"] == "event" for each in [one.values[0]["event"]]}
    told |= {f"supply_{one.values[0]['is']}" for one in RULES if one.values[0]["kind"] == "supply"}
    history = {"card", "opened", "closed", "rex", "passage", "unlocked", "locked"}
    announced = {"idle", "service_soon", "serviced", "supply_back"}

    assert (ACCESS_EVENTS | UPKEEP_EVENTS) - told == history | announced


def test_no_two_stock_rules_share_an_id() -> None:
    ids = [one.values[0]["id"] for one in RULES]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("settings", RULES)
def test_a_stock_rule_says_what_to_do(settings: dict[str, Any]) -> None:
    params = kind(settings["kind"]).model.model_validate(settings)

    assert params.response.endswith(".")
    assert params.name


@pytest.mark.parametrize("settings", RULES)
def test_a_stock_rule_can_be_built(settings: dict[str, Any]) -> None:
    params = kind(settings["kind"]).model.model_validate(settings)
    patterns = kind(settings["kind"]).point_patterns(params)
    devices = {each: device(each, points=patterns or ["power_w"]) for each in ("one", "two")}
    supply = Supply(building="A", utility="electricity", device="one", points=("power_w",))
    made = rule(settings, devices, supplies=[supply])

    assert made.sources
    assert all(kind(made.kind).build(made, source, Surroundings(devices=devices)) for source in made.sources)
