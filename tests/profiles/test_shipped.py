from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library
from monitor.schema import CLASSES
from monitor.settings.loading import SHIPPED
from monitor.settings.tables import resolve

PROFILES = sorted((SHIPPED / "profiles").glob("**/*.yaml"))


@pytest.fixture
def findings() -> Findings:
    return Findings()


@pytest.fixture
def library(findings: Findings) -> Library:
    files = Files(findings, folder=Path(), environ={}, credentials=None)
    return Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_shipped_profile_has_no_mistake(path: Path, library: Library, findings: Findings) -> None:
    profile = library.get(path.stem)
    assert profile is not None
    bound = [
        library.bind(profile, driver, variant) for driver in profile.drivers for variant in ("", *profile.variants)
    ]

    assert not findings.errors
    assert all(bound)
    assert path.parent.name == profile.device_class


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_shipped_profile_says_where_its_facts_come_from(path: Path, library: Library) -> None:
    profile = library.get(path.stem)

    assert profile is not None
    assert profile.source
    assert profile.maker
    assert profile.model


def test_ids_are_unique_over_all_classes() -> None:
    assert len({path.stem for path in PROFILES}) == len(PROFILES)


def test_the_classes_promised_are_there() -> None:
    assert {path.parent.name for path in PROFILES} == set(CLASSES) - {"heat", "environment"}
