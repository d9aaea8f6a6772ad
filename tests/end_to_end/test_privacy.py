"""A day of people at their doors: no card and no name is in anything that the monitor keeps, says or sends."""

import json
import random
import sqlite3
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from monitor.access.pseudonyms import Pseudonyms
from monitor.credentials import canonical
from tests.drivers.mqtt.publisher import Publisher
from tests.end_to_end.daemon import Daemon, until
from tests.end_to_end.people import Resident, found, residents
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

MORNING = 1_795_330_800
"""2026-11-22 07:00 UTC, for readers whose clocks are trusted."""

PEOPLE = residents(48)
WORDS = ("Always", "Admin", "Expired", "Disabled", "Denied")

PROFILES = {
    "wiegand": {
        "class": "access",
        "mqtt": {"payload": "json", "time": {"json": "$.time", "format": "unix_s", "trusted": True}},
        "events": [
            {
                "when": {"json": "$.cmd", "is": "log"},
                "kind": "card",
                "id": {"json": "$.id"},
                "credential": {"json": "$.uid", "form": "decimal"},
                "result": {"json": "$.access", "map": {"yes": "granted", "no": "denied"}},
                "reason": {"json": "$.access"},
                "attributes": {"direction": {"json": "$.dir"}, "remark": {"json": "$.remark"}},
            }
        ],
    },
    "keypad": {
        "class": "access",
        "mqtt": {"payload": "key_value"},
        "events": [
            {
                "kind": "card",
                "credential": {"key": "card", "form": "hex"},
                "result": {"key": "ok", "map": {"1": "granted", "0": "denied"}},
            },
            {"kind": "tamper", "when": {"key": "tamper", "is": "1"}, "attributes": {"switch": {"key": "switch"}}},
        ],
    },
}


def site(broker: Mosquitto, influx: InfluxServer, mail: MailServer, *, pseudonyms: bool) -> dict[str, Any]:
    """Three kinds of readers, each on a door of its own, and everything that could carry a card further."""
    to = f"mailto://127.0.0.1:{mail.port}/?from=monitor@example.org&to=house@example.org"
    reader = {"connection": "broker", "building": "A"}
    return {
        "site": {"id": "court", "name": "Court", "timezone": "Europe/Berlin"},
        "connections": [{"id": "broker", "mqtt": {"url": broker.url}}],
        "devices": [
            {
                "id": "front",
                "class": "door",
                "topic": "doors/front/contact",
                "points": {"open": {"json": "$.open"}},
            }
            | {"connection": "broker"},
            {"id": "front-reader", "profile": "esp-rfid", "topic": "doors/front", "door": "front"}
            | {"availability": {"topic": "doors/front/lwt"}}
            | reader,
            {"id": "garage-reader", "profile": "wiegand", "topic": "doors/garage/+"} | reader,
            {"id": "keypad", "profile": "keypad", "topic": "doors/keypad"}
            | {"points": {"battery_pct": {"key": "bat", "unit": "%"}}}
            | reader,
        ],
        "rules": [
            {
                "id": "refused",
                "kind": "event",
                "event": "card",
                "where": {"result": "denied"},
                "severity": "medium",
            },
            # Critical: so many alarms at once are a flood, and what is less severe waits for others.
            {"id": "door-forced", "kind": "event", "event": "forced", "severity": "critical"},
            {"stock": "doors"},
            {"stock": "access"},
        ],
        "access": {"unlock_pulse": "1 s", "pseudonyms": pseudonyms},
        "notify": {
            "grouping": {"wait": "0 s", "pace": "0 s"},
            "people": [{"id": "house", "name": "Caretaker", "channels": {"mail": to}}],
            "teams": [{"id": "house", "members": ["house"]}],
            "routes": [{"team": "house"}],
        },
        "sinks": {"influxdb": {"url": influx.url, "token": influx.token, "bucket": "facility", "api": "v1"}},
    }


@dataclass
class House:
    """The servers, the daemon, and what came out of it."""

    folder: Path
    broker: Mosquitto
    influx: InfluxServer
    mail: MailServer
    daemon: Daemon
    outputs: list[bytes] = field(default_factory=list)
    pseudonyms: dict[str, set[str]] = field(default_factory=dict)

    def settings(self, *, pseudonyms: bool) -> None:
        """Write the site file, with the profiles of its own beside it."""
        own = self.folder / "profiles"
        own.mkdir(exist_ok=True)
        for name, profile in PROFILES.items():
            (own / f"{name}.yaml").write_text(yaml.safe_dump(profile))
        written = site(self.broker, self.influx, self.mail, pseudonyms=pseudonyms)
        self.daemon.site.write_text(yaml.safe_dump(written))

    def cards(self) -> int:
        """How many cards the journal has."""
        return len(self.daemon.journal('SELECT 1 FROM entries WHERE kind = 2 AND instr(body, \'"kind":"card"\')'))

    def ask(self, *words: str) -> None:
        """Run a command, for what it prints."""
        ran = self.daemon.command(*words)
        self.outputs += [ran.stdout.encode(), ran.stderr.encode()]

    def files(self, *, but: Sequence[str] = ()) -> list[bytes]:
        """Every file of the state folder, whatever it is for."""
        paths = [path for path in self.daemon.state.rglob("*") if path.is_file() and path.name not in but]
        assert {"journal.db", "state.db"} <= {path.name for path in paths} | set(but)
        return [path.read_bytes() for path in paths]

    def stored(self) -> list[dict[str, Any]]:
        """Every point of every series of both databases."""
        return [row for name in ("facility", "facility-access") for row in self._points(name)]

    def _points(self, database: str) -> Iterator[dict[str, Any]]:
        yield from self.influx.query("SHOW SERIES", database)
        for measurement in self.influx.query("SHOW MEASUREMENTS", database):
            yield from self.influx.query(f'SELECT * FROM "{measurement["name"]}"', database)

    def mails(self) -> list[bytes]:
        """Every mail as it came, and what its reader reads."""
        return [text.encode() for text in (*self.mail.texts(), *self.mail.pages(), *self.mail.subjects())] + [
            bytes(message) for message in self.mail.messages
        ]


def shown(person: Resident, told: str, **changes: Any) -> str:
    """What esp-rfid says of a card."""
    return json.dumps(
        {"type": "access", "time": 9, "isKnown": "true", "access": told, "username": person.name}
        | {"uid": person.unpadded}
        | changes,
        ensure_ascii=False,
    )


def a_day(say: Callable[..., None]) -> int:
    """Everybody at every door, in the spellings of its readers; answers how many cards were well told."""
    dice = random.Random(1)
    for index, person in enumerate(PEOPLE):
        say("doors/front", shown(person, WORDS[index % len(WORDS)]), qos=index % 3)
        passage = {"cmd": "log", "id": f"{person.number}-{index}", "uid": dice.choice([str, int])(person.number)}
        passage |= {"time": MORNING + index * 600, "access": dice.choice(["yes", "no"]), "dir": "in"}
        say("doors/garage/send", json.dumps(passage | {"username": person.name}))
        mark = dice.choice(["", ":", "-"])
        spelt = person.card.hex(*([mark] if mark else []))
        say(
            "doors/keypad",
            f'card={dice.choice([spelt, spelt.upper()])} ok={index % 2} user="{person.name}" bat=88',
        )
    return 3 * len(PEOPLE)


def misfortunes(say: Callable[..., None]) -> int:
    """Messages in which cards and names stand where they should not; answers how many are cards all the same."""
    cards = 0
    for number, person in enumerate(PEOPLE[::4]):
        whole = shown(person, "Denied")
        for broken in (whole[:-1], whole.replace('"', "'"), whole * 2, f"{whole}\n{person.name}", person.unpadded):
            say("doors/front", broken)
        say("doors/front", whole.encode("utf-16"))
        say("doors/front", b"\xff" + whole.encode())
        say("doors/front", shown(person, "Always", padding="x" * 300_000))
        say("doors/front", shown(person, "Always", type=person.name))
        mixed = ({"access": person.unpadded}, {"access": person.name}, {"uid": [person.unpadded]}, {"uid": {}})
        twisted = ({"uid": person.unpadded * 9}, {"uid": f"{person.name} {person.number}"}, {"username": [1]})
        for changes in (*mixed, *twisted):
            say("doors/front", shown(person, "Denied", **changes))
            cards += 1
        say("doors/front", shown(person, "Always"), retain=True)
        cards += 1  # it is live for who has subscribed already
        say(f"doors/garage/{person.number}", json.dumps({"cmd": person.number, "uid": person.number}))
        swapped = {"cmd": "log", "uid": person.number, "id": f"n-{person.number}", "access": str(person.number)}
        say("doors/garage/send", json.dumps(swapped | {"dir": person.number, "remark": f"card {person.number}"}))
        cards += 1
        say("doors/keypad", f"tamper=1 card={person.card.hex()} switch={number}")
        cards += 1
        say(f"unknown/{person.unpadded}", whole)
        say("doors/front/lwt", f"offline {person.name}")
        say("doors/front/contact", shown(person, "Always", open=person.unpadded))
    return cards


def nights(house: House, say: Callable[..., None]) -> None:
    """A journal that refuses, a broker that ends, a database and a mail server that are away, a kill."""
    told = house.cards()
    with closing(sqlite3.connect(house.daemon.state / "journal.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        say("doors/front", shown(PEOPLE[0], "Denied"))
        house.daemon.until(lambda: "journal_refuses" in house.daemon.tail(), "the journal refuses", 60)
        db.execute("ROLLBACK")
    house.daemon.until(lambda: house.cards() > told, "the journal takes again", 60)
    house.influx.stop()
    house.mail.answers += ["451 later"] * 3
    for person in PEOPLE[:8]:
        say("doors/front", shown(person, "Denied"))
    house.broker.kill()
    house.daemon.until(lambda: "broker_lost" in house.daemon.tail(), "the broker is missed")
    house.daemon.kill()
    house.broker.start()
    house.influx.start()


def asked(house: House) -> None:
    """Every command, as people type them."""
    for words in (("status",), ("devices",), ("alarms", "list"), ("readings", "keypad", "--last", "1000")):
        house.ask(*words)
        house.ask(*words, "--json")
    house.ask("readings", "front", "--last", "1000", "--json")
    for device in ("front", "front-reader", "garage-reader", "keypad"):
        house.outputs.append(json.dumps(house.daemon.get("devices", device), ensure_ascii=False).encode())
    for alarm in house.daemon.get("alarms")[:2]:
        house.ask("alarms", "show", alarm["occurrence"], "--json")
        house.ask("alarms", "ack", alarm["occurrence"], "--reason", "on my way")
    for path in ("events", "alarms", "notifications"):
        house.outputs.append(json.dumps(house.daemon.get(path, last=1000), ensure_ascii=False).encode())
    for mistyped in (PEOPLE[0].unpadded, PEOPLE[1].name):
        assert house.daemon.get("devices", quote(mistyped)) is None
        assert house.daemon.command("alarms", "ack", mistyped).returncode != 0


@contextmanager
def built(folder: Path) -> Iterator[House]:
    """A house with its servers, in which the monitor does not run yet."""
    (folder / "influxdb").mkdir()
    with ExitStack() as servers:
        broker = servers.enter_context(Mosquitto(folder / "broker"))
        influx = servers.enter_context(influxdb(folder / "influxdb"))
        influx.create("facility", "facility-access")
        mail = servers.enter_context(MailServer())
        daemon = servers.enter_context(Daemon(folder / "site.yaml", folder / "state"))
        yield House(folder, broker, influx, mail, daemon)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The house after its day; the monitor has ended in order."""
    folder = tmp_path_factory.mktemp("house")
    with built(folder) as house:
        daemon, broker = house.daemon, house.broker
        house.settings(pseudonyms=False)
        daemon.start()
        daemon.until(lambda: connected(daemon), "the broker is there")
        with Publisher(broker) as publisher:
            well = a_day(publisher.say)
            daemon.until(lambda: house.cards() >= well, "the day is kept", 60)
            well += misfortunes(publisher.say)
            daemon.until(lambda: house.cards() >= well, "the misfortunes are kept", 60)
            publisher.say("doors/front/contact", json.dumps({"open": False}))
            nights(house, publisher.say)
        daemon.start()
        daemon.until(lambda: connected(daemon), "the broker is back")
        with Publisher(broker) as publisher:  # long after the last granted card
            publisher.say("doors/front/contact", json.dumps({"open": True}))
        daemon.until(lambda: b'"forced"' in events(daemon), "the door is forced")
        asked(house)
        daemon.until(
            lambda: any("forced" in each.lower() for each in house.mail.subjects()), "mails of the forced door"
        )
        last = house.daemon.journal("SELECT max(position) AS last FROM entries WHERE kind = 2")[0]["last"]
        daemon.until(lambda: any(row.get("seq") == last for row in house.stored()), "InfluxDB has it all", 60)
        assert daemon.stop() == 0
        key = Pseudonyms.open(daemon.state)
        for form, spelt in (
            ("hex_unpadded", [person.unpadded for person in PEOPLE]),
            ("decimal", [str(person.number) for person in PEOPLE]),
            ("hex", [person.card.hex(":") for person in PEOPLE]),
        ):
            house.pseudonyms[form] = {key(canonical(card, form)) for card in spelt}
        yield house


def connected(daemon: Daemon) -> bool:
    status = daemon.get("status")
    return bool(status) and bool(status["connections"]["broker"]["connected"])


def events(daemon: Daemon) -> bytes:
    return json.dumps(daemon.entries(2)).encode()


def text_of(rows: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(list(rows), ensure_ascii=False).encode()


def test_the_search_finds_a_person_in_every_spelling() -> None:
    person = PEOPLE[1]
    spelt = [person.card.hex(":").upper(), f"x{person.number:014d}y", person.name.upper(), json.dumps(person.name)]

    assert all(found(PEOPLE, text.encode()) for text in spelt)
    assert not found(PEOPLE, string.printable.encode())


def test_the_journal_has_everybody_by_a_pseudonym(house: House) -> None:
    kept = b"".join(house.files())

    assert {form: len(names) for form, names in house.pseudonyms.items()} == dict.fromkeys(house.pseudonyms, 48)
    for names in house.pseudonyms.values():
        assert [name for name in names if name.encode() not in kept] == []


def test_the_state_folder_knows_nobody(house: House) -> None:
    assert found(PEOPLE, *house.files()) == set()


def test_the_log_knows_nobody(house: House) -> None:
    log = house.daemon.log.read_bytes()

    assert all(edge in log for edge in (b"broker_lost", b"journal_refuses"))
    assert found(PEOPLE, log) == set()


def test_influxdb_knows_nobody_and_no_pseudonym(house: House) -> None:
    rows = house.stored()
    stored = text_of(rows)
    disk = [path.read_bytes() for path in (house.folder / "influxdb").rglob("*") if path.is_file()]

    assert len({row.get("device") for row in rows if row.get("event") == "card"}) == 3
    assert sum(row.get("event") == "card" for row in rows) == house.cards()
    assert b"credential" not in stored
    assert found(PEOPLE, stored, *disk) == set()
    assert [name for names in house.pseudonyms.values() for name in names if name.encode() in stored] == []


def test_mails_know_nobody_and_no_pseudonym(house: House) -> None:
    mails = house.mails()

    assert any(b"refused" in mail for mail in mails)
    assert found(PEOPLE, *mails) == set()
    assert [
        name for names in house.pseudonyms.values() for name in names if name.encode() in b"".join(mails)
    ] == []


def test_commands_print_nobody(house: House) -> None:
    printed = b"".join(house.outputs)

    assert printed.count(b"front-reader") > 10
    assert found(PEOPLE, printed) == set()


def test_pseudonyms_go_to_influxdb_when_the_site_asks_for_it(house: House) -> None:
    house.settings(pseudonyms=True)
    wanted = Pseudonyms.open(house.daemon.state)(PEOPLE[5].unpadded)
    house.daemon.start()
    house.daemon.until(lambda: connected(house.daemon), "the broker is there")

    with Publisher(house.broker) as publisher:
        publisher.say("doors/front", shown(PEOPLE[5], "Always"))
    until(lambda: any(row.get("credential") == wanted for row in house.stored()), lambda: "the pseudonym", 30)

    assert house.daemon.stop() == 0
    assert found(PEOPLE, text_of(house.stored()), *house.files(), house.daemon.log.read_bytes()) == set()
