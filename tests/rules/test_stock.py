"""The stock rules are complete, are no mistake on any site, and judge what they say: each is raised by a tape."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from drivers import DRIVERS
from monitor.schema import ACCESS_EVENTS, UPKEEP_EVENTS
from monitor.settings import load
from monitor.settings.tables import resolve
from monitor.trials.play import play
from monitor.trials.suite import Tape, read_suite
from rules.kinds import RULES as KINDS
from tests.rules.build import kind

SHIPPED = Path(config.__file__).parent
FILES = sorted((SHIPPED / "rules").glob("*.yaml"))
STOCK = [(path.stem, one) for path in FILES for one in yaml.safe_load(path.read_text())]
RULES = [pytest.param(one, id=one["id"]) for _, one in STOCK]
NAMES = [path.stem for path in FILES]


def test_there_are_stock_rules_for_each_domain() -> None:
    assert NAMES == [
        "access",
        "devices",
        "doors",
        "electricity",
        "environment",
        "equipment",
        "gas",
        "heat",
        "monitor",
        "residents",
        "safety",
        "supply",
        "water",
    ]


def test_what_the_monitor_sees_at_doors_equipment_and_supply_has_a_stock_rule() -> None:
    rules = [one for _, one in STOCK]
    told = {each for one in rules if one["kind"] == "event" for each in [one["event"]]}
    told |= {f"supply_{one['is']}" for one in rules if one["kind"] == "supply"}
    history = {"card", "opened", "closed", "rex", "passage", "unlocked", "locked"}
    announced = {"idle", "service_soon", "serviced", "supply_back"}

    assert (ACCESS_EVENTS | UPKEEP_EVENTS) - told == history | announced


def test_no_two_stock_rules_share_an_id() -> None:
    ids = [one["id"] for _, one in STOCK]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("settings", RULES)
def test_a_stock_rule_says_what_it_usually_is_what_happens_otherwise_and_what_to_do(
    settings: dict[str, Any],
) -> None:
    params = kind(settings["kind"]).model.model_validate(settings)

    assert params.name
    assert all(text.endswith(".") for text in (params.cause, params.consequence, params.response))


@pytest.mark.parametrize("settings", RULES)
def test_the_rules_that_a_stock_rule_depends_on_are_stock_rules(settings: dict[str, Any]) -> None:
    assert {one["id"] for _, one in STOCK}.issuperset(settings.get("depends_on", ()))


# What is in the files as comments, for it needs numbers of the site -----------------------------------------

SITE = """\
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
"""
COMMENTED = """\
  - {id: main-electricity, profile: eastron-sdm630, connection: plant, unit: 1, every: 10 s, role: main}
  - {id: kitchen-gas, class: gas, connection: plant, unit: 2, every: 10 s, points: {volume_m3:
     {register: holding 0, type: uint32, unit: m3, counter: {modulus: 1e9}}}}
  - {id: hot-water-circulation, class: heat, role: main, connection: plant, unit: 3, every: 10 s, points: {
     return_temperature_c: {register: holding 0, type: float32, unit: °C}}}
  - {id: cold-water, class: water, connection: plant, unit: 4, every: 10 s, points: {
     flow_temperature_c: {register: holding 0, type: float32, unit: °C}}}
calendars:
  - {id: office-hours, hours: {days: mon-fri, hours: "07:00-19:00"}}
  - {id: kitchen-hours, hours: {hours: "06:00-23:00"}}
rules:
"""


def _commented(path: Path) -> str:
    """The rules of a file that stand in it as comments."""
    lines = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
    return "\n".join(f"  {line}" for line in lines if line.startswith(("- ", "  ")))


@pytest.mark.parametrize("path", [path for path in FILES if _commented(path)], ids=lambda path: path.stem)
def test_a_rule_that_stands_as_a_comment_works_when_it_is_taken(path: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE + COMMENTED + _commented(path) + "\n")

    taken = load(site, drivers=resolve(DRIVERS), rules=resolve(KINDS), environ={}).site.rules

    assert len(taken) == _commented(path).count("- id: ")


# On any site ------------------------------------------------------------------------------------------------


def _devices() -> list[str]:
    """One device of each shipped profile that needs nothing beside it."""
    found = []
    for number, path in enumerate(sorted((SHIPPED / "profiles").glob("*/*.yaml")), 1):
        profile = yaml.load(path.read_text(), yaml.CSafeLoader)  # ten times as fast, and all files begin with it
        if "variants" in profile or not profile.get("points") or "min_rate" in str(profile):
            continue
        where = f"broker, topic: t/{number}" if "mqtt" in profile else f"plant, unit: {number % 240 + 1}"
        found.append(
            f"  - {{id: {path.stem}, profile: {path.stem}, connection: {where}, every: 10 s, role: main}}\n"
        )
    return found


def _loaded(devices: str, tmp_path: Path, names: list[str]) -> Any:
    site = tmp_path / "site.yaml"
    site.write_text(SITE + devices + "rules:\n" + "".join(f"  - stock: {name}\n" for name in names))
    return load(site, drivers=resolve(DRIVERS), rules=resolve(KINDS), environ={})


@pytest.mark.parametrize("device", _devices(), ids=lambda line: line.split(",")[0].removeprefix("  - {id: "))
def test_all_stock_rules_can_be_taken_in_whatever_a_site_has(device: str, tmp_path: Path) -> None:
    loaded = _loaded(device, tmp_path, NAMES)

    assert set(loaded.site.rules) >= {"monitor-disk", "device-stale"}


def test_a_file_of_which_nothing_is_of_use_is_a_warning_and_a_rule_of_it_is_not(tmp_path: Path) -> None:
    meter = "  - {id: m, profile: eastron-sdm630, connection: plant, unit: 1, every: 10 s}\n"
    loaded = _loaded(meter, tmp_path, ["electricity", "water"])

    assert [each.message for each in loaded.warnings if "stock" in each.message] == [
        "no device here is one that the stock rules `water` watch"
    ]
    assert "undervoltage" in loaded.site.rules


# Tapes ------------------------------------------------------------------------------------------------------


@cache
def _tapes(name: str) -> tuple[Tape, ...]:
    path = Path(__file__).with_name("tapes") / f"stock_{name}.yaml"
    return tuple(read_suite(path, drivers=resolve(DRIVERS), rules=resolve(KINDS)).tapes)


@cache
def _seen(name: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The rules of a file that its tapes raise, that end in them, and that judge an ordinary day."""
    raised, over, quiet = set(), set(), set()
    for tape in _tapes(name):
        played = play(tape.case, tape.rules, tape.around)
        steps = [step.transition for step in played.steps]
        raised |= {each.rule for each in steps if each.cause == "raised"}
        begun = {each.occurrence for each in steps if each.cause == "raised"}
        over |= {each.rule for each in steps if each.occurrence in begun and each.condition == "clear"}
        if tape.case.expect_notifications == () and not steps:
            quiet |= {rule.id for rule in tape.rules}
    return frozenset(raised), frozenset(over), frozenset(quiet)


@pytest.mark.parametrize(("name", "settings"), [pytest.param(*one, id=one[1]["id"]) for one in STOCK])
def test_a_stock_rule_is_raised_and_ended_by_a_tape_and_an_ordinary_day_is_quiet(
    name: str, settings: dict[str, Any]
) -> None:
    raised, over, quiet = _seen(name)

    assert settings["id"] in raised
    assert settings["id"] in over
    assert settings["id"] in quiet
