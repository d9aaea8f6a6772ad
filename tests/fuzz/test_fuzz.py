"""Bytes that nobody meant: mutilated messages, files and answers give values, reasons or errors, never a crash."""

import asyncio
import contextlib
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import JournalError
from monitor.journal.copies import make_sure
from monitor.journal.opening import open_store
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import LEDGER, State, set_position
from monitor.model import Position, Reading
from monitor.ports import Batch, Gap
from monitor.site import JournalSettings
from tests.clock import ManualClock
from tests.fuzz.targets import NOW, TARGETS
from tests.journal.ledgers import book

_EXAMPLES = {"settings": 60}

_edits = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["put", "cut", "insert", "twice"]), st.binary(max_size=6)),
    max_size=6,
)


def mutilated(seed: bytes, edits: list[tuple[float, str, bytes]]) -> bytes:
    """A seed after some edits, each at a share of its length."""
    for share, how, some in edits:
        at = int(share * len(seed))
        if how == "put":
            seed = seed[:at] + some + seed[at + len(some) :]
        elif how == "cut":
            seed = seed[:at] + seed[at + 1 + len(some) :]
        elif how == "insert":
            seed = seed[:at] + some + seed[at:]
        else:
            seed = seed[:at] + seed[: at // 2] + seed[at:]
    return seed


def feed(name: str) -> None:
    """Give a target its seeds, then mutilated ones, then anything; the same in each run."""
    target = TARGETS[name]
    for seed in target.seeds():
        target.run(seed)

    @settings(max_examples=_EXAMPLES.get(name, 300), deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(target.seeds()), _edits)
    def mutations(seed: bytes, edits: list[tuple[float, str, bytes]]) -> None:
        target.run(mutilated(seed, edits))

    @settings(max_examples=_EXAMPLES.get(name, 100) // 2, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=400))
    def anything(data: bytes) -> None:
        target.run(data)

    mutations()
    anything()


@pytest.mark.fault(
    "hostile bytes",
    part="Modbus",
    outcome="Truncated, oversize and foreign frames give a reason why there is no value, and never a wrong one.",
)
@pytest.mark.parametrize("name", ["modbus-frames", "modbus-rtu", "modbus-ascii", "modbus-contents"])
def test_hostile_frames_give_reasons(name: str) -> None:
    feed(name)


@pytest.mark.fault(
    "hostile bytes",
    part="MQTT",
    outcome="Payloads and topics of whatever bytes give finite values, reasons or nothing, and can be kept.",
)
@pytest.mark.parametrize("name", ["mqtt-payloads", "mqtt-topics"])
def test_hostile_messages_give_entries_that_can_be_kept_or_none(name: str) -> None:
    feed(name)


@pytest.mark.fault(
    "hostile bytes",
    part="settings",
    outcome="A site file of whatever bytes is refused with findings, each with its line and column.",
)
def test_a_hostile_site_file_gives_findings_with_lines() -> None:
    feed("settings")


def test_a_hostile_condition_is_refused_or_judged() -> None:
    feed("expressions")


@pytest.mark.fault(
    "hostile bytes",
    part="InfluxDB sink",
    outcome="An answer of whatever status, header and body is an error that the sink knows how to wait for.",
)
def test_a_hostile_answer_of_a_database_is_an_error_that_the_sink_knows() -> None:
    feed("influxdb-answers")


@pytest.mark.fault(
    "hostile bytes",
    part="journal",
    outcome="A kept entry that was damaged is told as one that cannot be read.",
)
def test_a_damaged_body_is_an_entry_or_cannot_be_read() -> None:
    feed("journal-bodies")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a monitor that was stopped: a journal of 300 readings, state and ledger with a copy."""
    folder = tmp_path_factory.mktemp("kept")

    async def fill() -> None:
        journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=ManualClock(NOW).now)
        readings = [Reading(device="m", time=NOW + n, arrived=NOW + n, values={"a": n / 3}) for n in range(300)]
        await journal.append([Batch(entries=readings)])
        await journal.close()
        state = State.open(folder / "state.db")
        await state.transact(lambda db: set_position(db, "alarms", Position(7)))
        await state.close()
        ledger = State.open(folder / "ledger.db", LEDGER)
        await ledger.transact(book(300, position=7))
        await ledger.close()

    asyncio.run(fill())
    shutil.copy(folder / "state.db", folder / "state.db.copy")
    shutil.copy(folder / "ledger.db", folder / "ledger.db.copy")
    return folder


def changed(content: bytes, seed: int, many: int) -> bytes:
    """Some bytes of a file changed, by chance but the same for a seed."""
    chance = random.Random(seed)
    left = bytearray(content)
    for _ in range(many):
        left[chance.randrange(len(left))] = chance.randrange(256)
    return bytes(left)


def fresh(folder: Path, kept: Path, name: str, seed: int, many: int) -> Path:
    """The files of that monitor once more, one of them changed."""
    again = folder / f"{seed}-{many}"
    shutil.rmtree(again, ignore_errors=True)
    shutil.copytree(kept, again)
    (again / name).write_bytes(changed((kept / name).read_bytes(), seed, many))
    return again


WHATEVER = {"seed": st.integers(0, 2**32), "many": st.sampled_from([1, 3, 40, 2000])}
ONCE_A_FILE = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.fault(
    "file damaged",
    part="journal",
    outcome="It opens with what can be read, or is moved aside and begun anew; nothing crashes.",
)
@ONCE_A_FILE
@given(**WHATEVER)
def test_a_journal_with_changed_bytes_opens_or_is_moved_aside(
    kept: Path, tmp_path: Path, seed: int, many: int
) -> None:
    folder = fresh(tmp_path, kept, "journal.db", seed, many)
    late = Reading(device="m", time=NOW + 999, arrived=NOW, values={"a": 1.0})

    async def use() -> None:
        journal = SqliteJournal.open(folder / "journal.db", JournalSettings(), now=ManualClock(NOW).now)
        with contextlib.suppress(JournalError):  # damage that shows only where it is touched
            position = Position(0)
            while found := await journal.read(position, 100):
                position = found.until if isinstance(found, Gap) else found[-1].position
            await journal.append([Batch(entries=[late])])
        await journal.close()

    asyncio.run(use())


@pytest.mark.fault(
    "file damaged",
    part="state",
    outcome="The start takes the state as it is, where it is whole, or the last good copy.",
)
@ONCE_A_FILE
@given(**WHATEVER)
def test_a_state_with_changed_bytes_is_whole_or_restored(kept: Path, tmp_path: Path, seed: int, many: int) -> None:
    folder = fresh(tmp_path, kept, "state.db", seed, many)
    restored = make_sure(folder / "state.db", folder / "journal.db", NOW)

    async def use() -> Position:
        state = State.open(folder / "state.db")
        position = await state.position("alarms")
        await state.close()
        return position

    assert asyncio.run(use()) == 7 or restored is None


@pytest.mark.fault(
    "file damaged",
    part="ledger",
    outcome="The start takes the ledger as it is, where the ends of its tables are whole, or the last good copy;"
    " then it can be written.",
)
@ONCE_A_FILE
@given(**WHATEVER)
def test_a_ledger_with_changed_bytes_is_taken_or_restored(
    kept: Path, tmp_path: Path, seed: int, many: int
) -> None:
    folder = fresh(tmp_path, kept, "ledger.db", seed, many)

    async def use() -> Position:
        ledger, _ = open_store(folder / "ledger.db", LEDGER, folder / "journal.db")
        position = await ledger.position("metering")
        await ledger.transact(lambda db: set_position(db, "metering", Position(8)))
        await ledger.close()
        return position

    assert asyncio.run(use()) == 7
