"""State folders with a long past, for `growth`: a journal of millions of rows, years of alarms and messages."""

import contextlib
import json
import sqlite3
import time
from asyncio import run
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.journal.codec import encode
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.model import Reading
from monitor.site import JournalSettings

__all__ = ["ALARMS", "LETTERS", "MESSAGES", "ROWS", "fill_alarms", "fill_journal", "fill_letters"]

ROWS = 5_000_000
ALARMS = 10_000
MESSAGES = 100_000
LETTERS = 1000
_DAYS = 29 * 86_400_000
_CONSUMERS = ("alarms", "doors", "health", "influxdb")


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")


def fill_journal(folder: Path, devices: Sequence[str]) -> None:
    """A month of small readings, which every consumer has applied."""
    now = time.time_ns() // 1_000_000
    run(SqliteJournal.open(folder / "journal.db", JournalSettings(), now=lambda: now).close())
    run(State.open(folder / "state.db").close())

    def rows() -> Iterator[tuple[int, int, int, str, int, None, bytes]]:
        body = encode(Reading(device="x", time=now, arrived=now, values={"power_7_w": 237.5}))
        for position in range(1, ROWS + 1):
            stamp = now - _DAYS + position * _DAYS // ROWS
            yield position, stamp, 1, devices[position % len(devices)], stamp, None, body

    with _writing(folder / "journal.db") as db:
        db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows())
        db.executemany("INSERT INTO consumers VALUES (?, ?)", [(name, ROWS) for name in _CONSUMERS])
    with _writing(folder / "state.db") as db:
        db.executemany("INSERT INTO positions VALUES (?, ?)", [(name, ROWS) for name in _CONSUMERS])


def fill_alarms(folder: Path, devices: Sequence[str]) -> None:
    """Alarms that are over, and the messages about them that were sent."""
    now = time.time_ns() // 1_000_000
    run(State.open(folder / "state.db").close())
    with _writing(folder / "state.db") as db:
        db.executemany(
            "INSERT INTO alarm (occurrence, rule, source_key, device, title, response_text, state, response,"
            " suppression, severity, latched, normal, momentary, late, since, raised_at, changed_at, cleared_at)"
            " VALUES (?, 'low', ?1, ?, 'low', '', 'clear', 'none', '[]', 'high', 0, 0, 0, 0, ?3, ?3, ?3, ?3)",
            [(f"past-{n}", devices[n % len(devices)], now - n * 60_000) for n in range(ALARMS)],
        )
        body = json.dumps({"title": "low", "time": now, "more": "x" * 700})
        db.executemany(
            "INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,"
            " not_before, expires, state, next_at, body)"
            " VALUES (?, ?, 'raise', ?, 'mail', 0, 'high', ?4, ?4, ?4, 'sent', ?4, ?5)",
            [(f"n-{n}", f"past-{n % ALARMS}", f"person-{n % 10}", now - n, body) for n in range(MESSAGES)],
        )


def fill_letters(folder: Path, devices: Sequence[str]) -> None:
    """Dead letters of the sink."""
    now = time.time_ns() // 1_000_000
    run(State.open(folder / "state.db").close())
    with _writing(folder / "state.db") as db:
        db.executemany(
            "INSERT INTO dead_letters (sink, position, reason, kind, body, time, line)"
            " VALUES (?, ?, ?, 1, ?, ?, ?)",
            [
                ("influxdb", -n, "no", encode(Reading(device=device, time=now, arrived=now, values={})), now, "x")
                for n, device in ((n, devices[n % len(devices)]) for n in range(1, LETTERS + 1))
            ],
        )
