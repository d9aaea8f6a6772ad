"""What the demo holds against the simulated house: what the monitor knew before."""

import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.cli.compared import Before
from monitor.journal.migrate import migrate


def test_a_folder_of_a_version_that_did_not_follow_equipment_knows_of_none(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as ledger:
        migrate(ledger, "ledger", "ledger.db", until=1)

    assert Before.now(tmp_path).ran == {}


def test_a_folder_without_a_ledger_knows_of_none(tmp_path: Path) -> None:
    assert Before.now(tmp_path).ran == {}


def test_what_equipment_ran_before_is_known(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as ledger:
        migrate(ledger, "ledger", "ledger.db")
        ledger.execute(
            """INSERT INTO equipment_day VALUES ('pump', '2026-11-27', '{"running_s": 12.5, "starts": 3}')"""
        )

    assert Before.now(tmp_path).ran == {"pump": (12.5, 3)}
