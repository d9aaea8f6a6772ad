"""A site of nested zones that runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.access import people as people_module
from tests.access.homes import NOON, SITE, Home, home
from tests.clock import ManualClock


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever counts people looks at the time a hundred times a second."""
    monkeypatch.setattr(people_module, "_TICK", 0.01)


@pytest.fixture
async def at(tmp_path: Path, clock: ManualClock, quick: None) -> AsyncIterator[Home]:  # noqa: ARG001 - for its effect
    """A site that runs since noon, in `tmp_path`."""
    clock.time = NOON + 1000
    async with home(tmp_path, SITE, clock) as made:
        await made.settle()
        yield made
