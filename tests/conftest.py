"""What tests all over the house need: a real journal, a real state, and a clock that stands still."""

import gc
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.longest import LONGEST

_TESTS = Path(__file__).parent

settings.register_profile("tests", deadline=None)  # how long something takes says nothing on a busy machine
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Hand files out to workers in the order that is made below, not by how many tests they have."""
    config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Have each worker compile its share of the test files, which pytest does anew: all workers need all of them.

    Without that, each one compiles all in the same order, ten seconds long. What cannot be imported says so when
    it is collected.
    """
    worker = getattr(session.config, "workerinput", None)
    is_everything = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if worker is not None and is_everything and not sys.dont_write_bytecode:
        files = sorted(_TESTS.rglob("test_*.py"))
        for file in files[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
            with suppress(Exception, pytest.skip.Exception):
                import_module(".".join(file.relative_to(_TESTS.parent).with_suffix("").parts))
    gc.disable()  # nearly all that is made meanwhile stays
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: whoever ends last then has little left to do alone."""
    place = {file: at for at, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_collection_finish() -> None:
    """Spare the collector what stays for the whole run: looking at it would stop tests for a tenth of a second.

    Nothing is collected before: what little is garbage by then is not worth the seconds that the search takes.
    """
    gc.freeze()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal.open(tmp_path / "journal.db", JournalSettings(), now=clock.now)
    yield journal
    await journal.close()


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    state = State.open(tmp_path / "state.db")
    yield state
    await state.close()
