"""Houses whose API is asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.houses import House, furnished


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house in which something has happened at doors and with pumps; its files are in `tmp_path`."""
    async with furnished(tmp_path) as house:
        yield house
