"""The page on dashboards and what is shipped."""

import re

import pytest

from monitor.grafana import DASHBOARDS
from monitor.grafana.model import Dashboard
from tests.docs.pages import ROOT

_PAGE = (ROOT / "docs" / "dashboards.md").read_text("utf-8")
_GUIDED = ("overview", "devices")


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_each_dashboard_has_a_section(dashboard: Dashboard):
    assert re.search(rf"^## {re.escape(dashboard.title)}$", _PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", _GUIDED)
def test_each_panel_of_what_everybody_sees_is_explained(name: str):
    section = _PAGE.split(f"## {DASHBOARDS[name].title}\n")[1].split("\n## ")[0]
    explained = " ".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE))
    between = (
        {"Supplies lost", "Detectors in alarm", "Machines at fault", "Doors"} if name == "overview" else set()
    )

    for panel in (panel for row in DASHBOARDS[name].rows for panel in row.panels):
        words = set(re.findall(r"\w+", panel.title))
        assert panel.title in between or words <= set(re.findall(r"\w+", explained)), panel.title
