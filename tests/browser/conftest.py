"""One house and one browser for each file of tests; who looks gets a fresh context."""

from collections.abc import Iterator

import pytest

from tests.browser.browsing import Visitors, chromium
from tests.browser.house import living


@pytest.fixture(scope="module")
def visitors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    """Those who may look into a house of their own."""
    with living(tmp_path_factory.mktemp("house")) as house, chromium() as browser:
        yield Visitors(browser, house)
