"""The pages about rules name every kind, key and stock rule, and the engine takes their examples."""

import re
from pathlib import Path

import pytest
import yaml

import config
from drivers import DRIVERS
from monitor.settings import load
from monitor.settings.model import RuleModel
from monitor.settings.tables import resolve
from rules.engine import Engine
from rules.kinds import RULES
from rules.surroundings import Surroundings
from tests.rules.build import kind

DOCS = Path(config.__file__).parents[1] / "docs"
RULES_PAGE, KINDS_PAGE, ALARMS_PAGE = (
    (DOCS / name).read_text(encoding="utf-8") for name in ("rules.md", "rule-kinds.md", "alarms.md")
)
EXAMPLES = [
    example
    for page in (RULES_PAGE, KINDS_PAGE, ALARMS_PAGE)
    for example in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
]
SITE = """\
site: {id: house, name: House, timezone: Europe/Berlin}
connections:
  - {id: plant, modbus: {transport: tcp, host: 127.0.0.1}}
  - {id: broker, mqtt: {url: "mqtt://127.0.0.1"}}
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, unit: 1, every: 10 s, role: main, building: A}
  - {id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: zigbee/leak, building: A}
  - {id: door, profile: aqara-mccgq11lm, connection: broker, topic: zigbee/door}
  - {id: cold-main, profile: xintai-water, connection: plant, unit: 2, every: 10 s, role: main, building: A}
  - {id: cold-flats, profile: xintai-water, connection: plant, unit: 3, every: 10 s, role: sub, building: A}
  - {id: gas-flats, profile: diehl-aerius, connection: broker, topic: wmbus/gas, role: sub, building: A}
  - id: cistern
    connection: plant
    unit: 9
    every: 5 s
    class: water
    points:
      level_m: {register: holding 100, type: float32, unit: m}
      pressure_bar: {register: holding 102, type: float32, unit: bar}
"""


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_accepted(example: str, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE + example, encoding="utf-8")

    site = load(path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={}).site

    engine = Engine(list(site.rules.values()), Surroundings.of(site))

    assert site.rules
    assert engine._index.alarms or engine._index.momentary


@pytest.mark.parametrize("name", RULES)
def test_a_kind_has_its_section_with_every_key_and_an_example(name: str) -> None:
    common = {info.alias or key for key, info in RuleModel.model_fields.items()}
    own = {info.alias or key for key, info in kind(name).model.model_fields.items()} - common
    section = KINDS_PAGE.split(f"\n### {name}\n")[1].split("\n### ")[0].split("\n## ")[0]

    assert [key for key in sorted(own) if f"`{key}`" not in section] == []
    assert f"kind: {name}" in section
    assert [key for key in sorted(common) if f"| `{key}` |" not in RULES_PAGE] == []


@pytest.mark.parametrize("name", RULES)
def test_a_kind_is_found_by_what_it_is_for(name: str) -> None:
    table = KINDS_PAGE.split("\n## ")[0]

    assert f"| [{name}](#{name}) |" in table


def test_every_stock_rule_is_named() -> None:
    for path in (Path(config.__file__).parent / "rules").glob("*.yaml"):
        ids = ", ".join(f"`{one['id']}`" for one in yaml.safe_load(path.read_text()))

        assert f"| `{path.stem}` | {ids} |" in RULES_PAGE
