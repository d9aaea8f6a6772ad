"""The page on coverage says what every cause means and what to do about it."""

import re
from dataclasses import fields

from monitor.figures import CAUSES, DayCoverage
from tests.docs.pages import ROOT, section

PAGE = ROOT / "docs" / "coverage.md"


def test_every_cause_is_explained_with_what_to_do() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section(PAGE, "## Why samples were lost"), re.MULTILINE)

    assert tuple(cause for cause, _, _ in rows) == CAUSES
    assert all(meaning.strip() and advice.strip() for _, meaning, advice in rows)


def test_every_number_of_a_day_is_explained() -> None:
    numbers = re.findall(r"^\| `(\w+)` \| .+ \|$", PAGE.read_text("utf-8").split("\n## ")[0], re.MULTILINE)

    assert numbers == [each.name for each in fields(DayCoverage) if each.name not in {"device", "day"}]
