"""The pages of the device models are what the profiles say now."""

import pytest

from monitor.cli.profilepage import pages
from tests.devices.library import library
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "devices"
MADE = pages(library())


def test_every_profile_has_its_page_and_no_page_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_a_page_says_what_its_profile_says(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == MADE[name], "run `python -m monitor.cli.profilepage docs/devices`"
