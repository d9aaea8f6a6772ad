"""docs/simulator.md: each fault of the table is on the page with an example, and each example loads."""

import re
from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.documents.explain import keys_of
from monitor.simulation.fault import SetModel
from monitor.simulation.faults import FAULTS
from monitor.simulation.plot import PLOT, Scene
from monitor.simulation.script import read_faults
from tests.docs.pages import ROOT, Example, examples

PAGE = ROOT / "docs" / "simulator.md"
TEXT = PAGE.read_text("utf-8")
SHOWN = [each for each in examples() if each.mark == "faults"]
COMMON = {"connection", "device", "every", "for", "from", "set"}


@pytest.mark.parametrize("example", SHOWN, ids=str)
def test_an_example_of_faults_fits_the_site_of_the_page(example: Example, tmp_path: Path) -> None:
    (site,) = (each for each in examples() if each.page == PAGE and each.mark == "site")
    (tmp_path / "site.yaml").write_text(site.text, "utf-8")
    (tmp_path / "faults.yaml").write_text(example.text, "utf-8")

    assert read_faults(tmp_path / "faults.yaml", load_site(tmp_path / "site.yaml").site)


def test_every_fault_is_on_the_page_and_has_an_example() -> None:
    shown = "\n".join(example.text for example in SHOWN)

    assert [name for name in FAULTS if not re.search(rf"fault: {name}[,}}]", shown)] == []
    assert [name for name in FAULTS if f"\n| `{name}` | " not in TEXT] == []


def test_the_page_names_no_other_faults() -> None:
    for table in re.findall(r"\| fault \| what happens.*?\n\|---\|---\|---\|\n((?:\|.*\n)+)", TEXT):
        assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) <= set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_every_key_of_a_fault_is_in_its_row(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", TEXT, re.MULTILINE)

    assert [key for key in keys_of(FAULTS[name]) if key not in COMMON and f"`{key}`" not in row] == []


def test_every_common_key_is_explained() -> None:
    assert [key for key in {*COMMON, *keys_of(SetModel)} if f"`{key}`" not in TEXT] == []


@pytest.mark.parametrize("scene", PLOT, ids=lambda scene: scene.id)
def test_a_story_is_on_the_page_with_its_day_its_name_and_what_it_acts_on(scene: Scene) -> None:
    ((when, name, seen),) = re.findall(rf"^\| (.*) \| `{scene.id}` \| (.*) \| (.*) \|$", TEXT, re.MULTILINE)

    assert name == scene.name
    assert scene.id == "battery" or when.startswith(str(scene.begin[0]))
    assert any(f"`{device}`" in seen for device in scene.devices)
