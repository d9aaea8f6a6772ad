"""A person is erased in a running house, while cards and readings come in and the monitor is killed."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.access.pseudonyms import Pseudonyms
from tests.drivers.mqtt.publisher import Publisher
from tests.end_to_end.test_privacy import PEOPLE, House, built, connected, shown


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with built(tmp_path) as house:
        house.settings(pseudonyms=True)
        yield house


def ask(house: House, pseudonym: str) -> None:
    row = ("erasure-1", 1, "house", "moved out", pseudonym, None, "{}")
    with closing(sqlite3.connect(house.daemon.state / "access.db", timeout=10)) as db, db:
        db.execute("INSERT INTO erasure VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def is_done(house: House) -> bool:
    with closing(sqlite3.connect(house.daemon.state / "access.db", timeout=10)) as db:
        body = json.loads(db.execute("SELECT body FROM erasure").fetchone()[0])
    return bool(body.get("clean"))


def test_nothing_links_to_a_person_who_was_erased_though_the_monitor_is_killed_meanwhile(house: House) -> None:
    daemon, gone, stays = house.daemon, PEOPLE[0], PEOPLE[1]
    daemon.start()
    daemon.until(lambda: connected(daemon), "the broker is there")
    key = Pseudonyms.open(daemon.state)
    erased, kept = key(gone.unpadded), key(stays.unpadded)
    with Publisher(house.broker) as publisher:
        for number in range(40):
            publisher.say("doors/front", shown(gone if number % 2 else stays, "Always"))
        daemon.until(lambda: house.cards() >= 40, "the cards are kept", 60)
    daemon.until(
        lambda: sum(row.get("credential") == erased for row in house.stored()) == 20, "InfluxDB has them", 60
    )
    for _ in range(3):
        daemon.kill()
        if not _asked(house):
            ask(house, erased)
        is_gone = not any(erased.encode() in content for content in house.files())
        daemon.start()
        if is_gone:  # it may have been killed before it said so
            break
    daemon.until(lambda: is_done(house), "it is done", 60)
    events = json.dumps(daemon.get("events", last=1000))

    assert erased not in events
    assert daemon.stop() == 0
    assert [True for content in house.files() if erased.encode() in content] == []
    assert sum(row.get("credential") == kept for row in house.stored()) == 20
    assert [row for row in house.stored() if row.get("credential") == erased] == []
    assert b"".join(house.files()).count(kept.encode()) >= 20
    assert erased.encode() not in daemon.log.read_bytes()


def _asked(house: House) -> bool:
    with closing(sqlite3.connect(house.daemon.state / "access.db", timeout=10)) as db:
        return db.execute("SELECT 1 FROM erasure").fetchone() is not None
