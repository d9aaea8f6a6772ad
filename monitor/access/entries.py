"""The tables of access.db: what happened at doors and readers, who is in, and how both are forgotten.

All is within `State.transact` of the store; times are UTC ms.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from monitor.access.cards import ERASED
from monitor.access.occupancy import Person
from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.model import Event, Position, Value
from monitor.schema import ACCESS_EVENTS

__all__ = ["KEPT", "Row", "add", "erase", "find", "forget", "key", "let_go", "people", "plain", "save", "to_row"]

KEPT: Final = ACCESS_EVENTS | {"tamper", "reader_online", "reader_offline"}
"""Kinds of events that are kept, of any device."""

Row = tuple[int, str, str, str, int, int, str, str, str, str, str, str, str]
"""A row of the table `entry`."""

_COLUMNS: Final = ("credential", "door", "zone", "direction", "result", "reason")
_LARGEST: Final = 1 << 63


def plain(value: Value | None) -> str:
    """Write a value as a text that SQLite can keep; nothing as the empty text."""
    text = "" if value is None else str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def key(event: Event) -> tuple[str, str]:
    """The identity of an event, as the table has it."""
    return plain(event.device), plain(event.id)


def to_row(  # noqa: PLR0913 - the columns
    position: Position, event: Event, *, door: str, zone: str, direction: str, credential: str
) -> Row:
    """The row of an event. Raises ValueError for times that are none."""
    if any(type(time) is not int or abs(time) >= _LARGEST for time in (event.time, event.arrived)):
        raise ValueError("a time that is none")
    said = event.attributes
    others = {name: value for name, value in said.items() if name not in _COLUMNS}
    return (
        position,
        *key(event),
        plain(event.kind),
        event.time,
        event.arrived,
        plain(door),
        plain(said.get("zone") or zone),
        direction,
        plain(said.get("result")),
        plain(said.get("reason")),
        credential,
        _json(others),
    )


def _json(attributes: Mapping[str, Value]) -> str:
    try:
        return orjson.dumps(attributes).decode()
    except TypeError:  # broken surrogates, numbers beyond 64 bits
        return json.dumps(attributes)


def add(db: sqlite3.Connection, rows: Iterable[Row]) -> int:
    """Keep what happened, but nothing twice; answers how much of it was new."""
    marks = ", ".join("?" * 13)
    return db.executemany(f"INSERT OR IGNORE INTO entry VALUES ({marks})", rows).rowcount  # noqa: S608 - marks


def save(db: sqlite3.Connection, people: Mapping[str, Person | None], memory: Mapping[str, Any]) -> None:
    """Keep who is where, and what else is to be remembered, by key; None: no more."""
    gone = [(credential,) for credential, person in people.items() if person is None]
    there = [
        (credential, person.zone, person.time, person.reader)
        for credential, person in people.items()
        if person is not None
    ]
    db.executemany("DELETE FROM presence WHERE credential = ?", gone)
    db.executemany("INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?)", there)
    rows = [(name, orjson.dumps(body).decode()) for name, body in memory.items() if body is not None]
    db.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?)", rows)
    db.executemany("DELETE FROM memory WHERE key = ?", [(name,) for name, body in memory.items() if body is None])


def find(db: sqlite3.Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
    """Which of these (device, id) are kept already: whose, and in or out."""
    rows = db.execute(
        "SELECT entry.device, entry.id, entry.credential, entry.direction FROM json_each(?) AS asked JOIN entry"
        " ON entry.device = json_extract(asked.value, '$[0]') AND entry.id = json_extract(asked.value, '$[1]')",
        (orjson.dumps(wanted).decode(),),
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def let_go(db: sqlite3.Connection) -> None:
    """Take whoever was erased out of all zones: in a copy his place stays, and nobody would ever leave it."""
    db.execute("DELETE FROM presence WHERE credential = ? OR credential LIKE ?", (ERASED, f"{ERASED}-%"))


def people(db: sqlite3.Connection, outer: Mapping[str, str]) -> dict[str, Person]:
    """Everybody who was ever seen: where he is, and since when. `outer`: the zone around each zone.

    Whose last passage led somewhere else than he is was taken to have left since.
    """
    # In a copy that somebody was erased in, his presence is nobody's; it would never leave.
    db.execute("DELETE FROM presence WHERE credential GLOB ?", (f"{ERASED}*",))
    there = {
        row["credential"]: Person(zone=row["zone"], time=row["since"], reader=row["reader"])
        for row in db.execute("SELECT credential, zone, since, reader FROM presence")
    }
    seen = db.execute(
        "SELECT credential, zone, direction, device, max(time) AS time FROM entry"
        " WHERE kind = 'passage' AND credential <> '' AND credential <> ? AND zone <> '' AND direction <> ''"
        " GROUP BY credential",
        (ERASED,),
    )
    for row in seen:
        led_into = row["zone"] if row["direction"] == "in" else outer.get(row["zone"], "")
        found = there.get(row["credential"]) or Person(zone="", time=row["time"], reader=row["device"])
        there[row["credential"]] = Person(
            zone=found.zone, time=found.time, reader=found.reader, is_reset=found.zone != led_into
        )
    return there


def forget(db: sqlite3.Connection, before: int, most: int) -> int:
    """Delete at most twice so many of what happened, or arrived, before a moment; answers how many there were.

    What a clock said that was not set yet goes by its arrival.
    """
    by_time = (
        "DELETE FROM entry WHERE position IN"
        " (SELECT position FROM entry WHERE time >= ? AND time < ? ORDER BY time LIMIT ?)"
    )
    by_arrival = (
        "DELETE FROM entry WHERE position IN (SELECT position FROM"
        " (SELECT position, arrived FROM entry ORDER BY position LIMIT ?) WHERE arrived < ?)"
    )
    first = db.execute(by_time, (CLOCKS_ARE_RIGHT_FROM, before, most)).rowcount
    return first + db.execute(by_arrival, (most, before)).rowcount


def erase(db: sqlite3.Connection, pseudonym: str) -> int:
    """Put `erased` in the place of a pseudonym, wherever it is, and take its person out of all zones.

    Answers in how many places it was.
    """
    places = db.execute("UPDATE entry SET credential = ? WHERE credential = ?", (ERASED, pseudonym)).rowcount
    places += db.execute("DELETE FROM presence WHERE credential = ?", (pseudonym,)).rowcount
    places += db.execute(
        "UPDATE entry SET id = CASE instr(id, :old) WHEN 0 THEN id ELSE :new || '-' || position END,"
        " reason = replace(reason, :old, :new), attributes = replace(attributes, :old, :new)"
        " WHERE instr(id, :old) OR instr(reason, :old) OR instr(attributes, :old)",
        {"old": pseudonym, "new": ERASED},
    ).rowcount
    for table in ("produced", "unfed"):
        places += db.execute(
            f"UPDATE {table} SET body = CAST(replace(CAST(body AS TEXT), ?, ?) AS BLOB)"  # noqa: S608 - a table
            " WHERE instr(CAST(body AS TEXT), ?)",
            (pseudonym, ERASED, pseudonym),
        ).rowcount
    places += db.execute(
        "UPDATE memory SET body = replace(body, ?, ?) WHERE instr(body, ?)", (pseudonym, ERASED, pseudonym)
    ).rowcount
    return places
