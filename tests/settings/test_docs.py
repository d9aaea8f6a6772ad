import re
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

import config
from drivers import DRIVERS
from monitor.documents.explain import keys_of
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles.library import Library, Profile
from monitor.profiles.model import PointModel
from monitor.schema import SUFFIX_UNITS
from monitor.settings import (
    accessshape,
    calendarshape,
    consoleshape,
    load,
    maintenanceshape,
    metershape,
    plantshape,
    shape,
    sinkshape,
    tariffshape,
    tellingshape,
)
from monitor.settings.model import RuleModel, Selector
from monitor.settings.tables import resolve
from rules.kinds import RULES

DOCS = Path(config.__path__[0]).parent / "docs"
SETTINGS = (DOCS / "settings.md").read_text()
TARIFFS = (DOCS / "tariffs.md").read_text()
PROFILES = (DOCS / "profiles.md").read_text()


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_examples_are_one_site_that_passes(tmp_path: Path) -> None:
    for number, block in enumerate(_blocks(SETTINGS)):
        (tmp_path / f"{number:02}.yaml").write_text(block)
    loaded = load(tmp_path, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})

    assert len(loaded.site.devices) == 17
    assert all(warning.refuses for warning in loaded.warnings)


@pytest.mark.parametrize("name", [name for name in shape.__all__ if name != "EveryOne"])
def test_every_key_is_described(name: str) -> None:
    missing = [
        key for key in keys_of(getattr(shape, name)) if f"`{key}`" not in SETTINGS and f"{key}:" not in SETTINGS
    ]

    assert missing == []


@pytest.mark.parametrize("name", metershape.__all__)
def test_every_key_of_meters_is_described(name: str) -> None:
    assert [key for key in keys_of(getattr(metershape, name)) if f"`{key}`" not in SETTINGS] == []


@pytest.mark.parametrize(
    "module", [accessshape, consoleshape, maintenanceshape, plantshape, sinkshape, tellingshape]
)
def test_every_key_of_a_section_of_its_own_is_described(module: ModuleType) -> None:
    models = [getattr(module, name) for name in module.__all__]

    assert [key for model in models for key in keys_of(model) if f"`{key}`" not in SETTINGS] == []


@pytest.mark.parametrize("page", [SETTINGS, TARIFFS])
def test_every_key_of_holidays_and_hours_is_described(page: str) -> None:
    models = [calendarshape.HolidayKeys, calendarshape.HoursKeys]

    assert [key for model in models for key in keys_of(model) if f"`{key}`" not in page] == []


def test_every_key_of_calendars_is_described() -> None:
    assert [key for key in keys_of(calendarshape.CalendarKeys) if f"`{key}`" not in SETTINGS] == []


@pytest.mark.parametrize("name", tariffshape.__all__)
def test_every_key_of_tariffs_is_described(name: str) -> None:
    assert [key for key in keys_of(getattr(tariffshape, name)) if f"`{key}`" not in TARIFFS] == []


@pytest.mark.parametrize("model", [RuleModel, Selector])
def test_every_key_of_rules_and_selectors_is_described(model: type[BaseModel]) -> None:
    assert [key for key in keys_of(model) if f"`{key}`" not in SETTINGS] == []


def test_every_key_and_ending_of_points_is_described() -> None:
    assert [key for key in keys_of(PointModel) if f"`{key}`" not in PROFILES] == []
    assert [suffix for suffix in SUFFIX_UNITS if f"_{suffix}" not in PROFILES] == []


def test_the_examples_of_profiles_have_no_mistakes(tmp_path: Path) -> None:
    for number, block in enumerate(_blocks(PROFILES)):
        (tmp_path / f"example-{number}.yaml").write_text(block)
    findings = Findings()
    files = Files(findings, folder=tmp_path, environ={}, credentials=None)
    library = Library([tmp_path], drivers=resolve(DRIVERS), files=files, findings=findings)
    for name in library.ids:
        profile = library.get(name)
        assert isinstance(profile, Profile)
        assert all(library.bind(profile, driver) for driver in profile.drivers)

    assert library.ids
    assert not findings.errors
