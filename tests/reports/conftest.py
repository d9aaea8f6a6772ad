"""The pages of a module's `reports`, in both languages."""

from collections.abc import Mapping, Sequence

import pytest

from monitor.reports.html import html
from monitor.reports.report import Report
from tests.reports.page import Page


@pytest.fixture(scope="module")
def pages(reports: Sequence[Report]) -> Mapping[str, Page]:
    return {language: Page(html(reports, language=language)) for language in ("en", "zh")}


@pytest.fixture(params=["en", "zh"])
def page(request: pytest.FixtureRequest, pages: Mapping[str, Page]) -> Page:
    return pages[request.param]
