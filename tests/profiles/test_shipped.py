from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.pointnames import PointNames
from monitor.profiles import Library, Profile
from monitor.schema import CLASSES
from monitor.settings.loading import SHIPPED
from monitor.settings.tables import resolve

NAMES = PointNames()
PROFILES = sorted((SHIPPED / "profiles").glob("**/*.yaml"))


@pytest.fixture
def findings() -> Findings:
    return Findings()


@pytest.fixture
def library(findings: Findings) -> Library:
    files = Files(findings, folder=Path(), environ={}, credentials=None)
    return Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_shipped_profile_has_no_mistake_and_its_points_have_plain_names(
    path: Path, library: Library, findings: Findings
) -> None:
    profile = library.get(path.stem)
    assert profile is not None
    variants = profile.variants if profile.choose else ["", *profile.variants]
    bound = [library.bind(profile, driver, variant) for driver in profile.drivers for variant in variants]

    assert not findings.errors
    assert all(bound)
    assert [point for one in bound if one for point in one.points if not NAMES.known(point)] == []
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
    assert {path.parent.name for path in PROFILES} == set(CLASSES)


def _map_of(profile: Profile, library: Library) -> frozenset[tuple[str, str]]:
    """Where a profile and its variants find what: two models with the same are one profile, with `also:`."""
    found = set()
    for driver in profile.drivers:
        for variant in profile.variants if profile.choose else ("", *profile.variants):
            bound = library.bind(profile, driver, variant)
            assert bound is not None
            root = getattr(bound.protocol, "root", None)
            found |= {
                (name, f"{root} {point.source.model_dump_json(exclude={'valid', 'scan'})} {point.factor}")
                for name, point in bound.points.items()
            }
            found |= {(event.kind, event.model_dump_json()) for event in bound.events}
    return frozenset(found)


@pytest.mark.parametrize(
    ("classes", "least"),
    [
        ({"electricity"}, 40),
        ({"water", "heat"}, 8),
        ({"gas"}, 8),
        ({"access", "door", "safety", "environment"}, 12),
    ],
)
def test_no_two_profiles_have_the_same_map(classes: set[str], least: int, library: Library) -> None:
    by_map: dict[frozenset[tuple[str, str]], list[str]] = {}
    for path in PROFILES:
        profile = library.get(path.stem)
        assert profile is not None
        if profile.device_class in classes:
            by_map.setdefault(_map_of(profile, library), []).append(profile.id)

    assert [twins for twins in by_map.values() if len(twins) > 1] == []
    assert len(by_map) >= least
