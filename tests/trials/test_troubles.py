"""A past that is not there, or damaged, and rules that fail: told in words."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from monitor.errors import JournalError
from monitor.model import Value
from monitor.trials.backtest import Variant, Wish, backtest
from rules.kinds.threshold import ThresholdJudge
from tests.cli.running import within
from tests.trials.past import BEGIN, END, load, recorded
from tests.trials.test_backtest import loader

_DAY = ("--from", "2026-01-05 18:00", "--to", "2026-01-06 05:00")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("past")
    _, site = load(folder)
    asyncio.run(recorded(folder, site))
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def words(folder: Path) -> tuple[str | Path, ...]:
    return "rules", "backtest", "--state", folder, "--site", folder / "site.yaml"


def test_a_damaged_entry_is_left_out_and_counted(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        db.execute("UPDATE entries SET body = x'6e6f' WHERE position IN (10, 20)")
        db.commit()

    ran = within(*words(folder), *_DAY)

    assert ran.code == 0, ran.err
    assert "2 entries are damaged and were left out" in ran.out


def test_a_damaged_file_ends_it_with_a_word(folder: Path) -> None:
    whole = (folder / "journal.db").read_bytes()
    (folder / "journal.db").write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))

    with pytest.raises(JournalError, match=r"journal\.db cannot be read: "):
        backtest(
            loader,
            [Variant(name="now", file=folder / "site.yaml")],
            Wish(folder=folder, start=BEGIN, end=END),
            lambda *_: None,
            processes=2,
        )


@pytest.mark.parametrize(
    ("span", "says"),
    [
        (("--from", "2025-03-01", "--to", "2025-03-02"), "nothing that these rules hear was recorded then"),
        (("--from", "2026-01-05 12:00", "--to", "2026-01-06 05:00"), "what is older is not in these figures"),
    ],
)
def test_a_period_that_is_not_there_is_told(folder: Path, span: tuple[str, ...], says: str) -> None:
    ran = within(*words(folder), *span)

    assert ran.code == 0, ran.err
    assert says in ran.out
    assert "the journal begins 2026-01-05 18:00" in ran.out


def test_an_empty_journal_is_told(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        db.execute("DELETE FROM entries")
        db.commit()

    ran = within(*words(folder), *_DAY)

    assert ran.code == 0, ran.err
    assert "the journal is empty" in ran.out


def test_no_journal_is_told(folder: Path, tmp_path: Path) -> None:
    ran = within("rules", "backtest", "--state", tmp_path, "--site", folder / "site.yaml", *_DAY)

    assert ran.code != 0
    assert "journal.db cannot be read" in ran.err


def test_a_rule_that_fails_is_named_and_the_others_are_judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def level(judge: ThresholdJudge, value: Value, engaged: int) -> int:
        raise ZeroDivisionError(f"by nothing, {judge.severities[0]} {engaged} {bool(value)}")

    monkeypatch.setattr(ThresholdJudge, "level", level)
    monkeypatch.setattr("os.cpu_count", lambda: 1)

    ran = within(*words(folder), *_DAY)

    assert ran.code == 0, ran.err
    assert ran.out.count("now: the rule low failed: ZeroDivisionError: by nothing, high 0 True") == 1
    assert any(line.startswith("dead ") for line in ran.out.splitlines())
