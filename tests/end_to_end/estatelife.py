"""How an estate lives through a day of people, and what is seen of it meanwhile."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from monitor.journal.copies import Copies
from monitor.journal.state import ACCESS, STATE
from tests.access.crowd import DOORS
from tests.end_to_end.estate import CONTACT, Estate, estate, pseudonym
from tests.end_to_end.estateday import ZONE, Day, a_day

__all__ = [
    "GUESTS",
    "HOURS",
    "IS_WHOLE",
    "PEOPLE",
    "Lived",
    "everything",
    "influx_files",
    "live",
    "live_events",
    "of_cards",
    "report",
    "settle",
    "times_on_disk",
    "traffic",
]

PEOPLE: Final = int(os.environ.get("ESTATE_PEOPLE", "60"))
IS_WHOLE: Final = os.environ.get("ESTATE_HOURS") == "all"
HOURS: Final = range(1, 25) if IS_WHOLE else (12, 24)
KILLED: Final = (9, 12, 18, 24)
"""In the middle of what is told until these hours; and at the end of the day."""
GUESTS: Final = ("p001", "p002")


@dataclass
class Lived:
    """What was seen while the day passed."""

    site: Estate
    day: Day
    rooms: dict[int, dict[str, tuple[int, int]]] = field(default_factory=dict)
    written: dict[int, dict[str, tuple[int, int]]] = field(default_factory=dict)
    noon: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def alias(self, who: str) -> str:
        """The pseudonym of somebody."""
        return pseudonym(self.site.daemon.state, self.day.people[who])

    def inside(self) -> dict[str, str]:
        """The roll call with names: name -> zone."""
        found = self.site.daemon.get("access", "rollcall", names=True)
        return {each["name"]: each["zone"] for each in found["present"] if each["zone"] in DOORS}

    def say(self, **facts: Any) -> None:
        """Note a number, and print it for whoever runs it by hand."""
        self.facts |= facts
        sys.stdout.writelines(f"  {name}: {value}\n" for name, value in facts.items())


@contextmanager
def live(folder: Path) -> Iterator[Lived]:
    """The estate after its day, and after some live guests; the monitor runs."""
    day = a_day(20_261_127, PEOPLE)
    with estate(folder) as site:
        site.started()
        lived = Lived(site, day)
        _name_all(lived)
        _pass_the_day(lived)
        site.daemon.kill()
        for store, file in ((ACCESS, "access.db"), (STATE, "state.db")):
            Copies(site.daemon.state / file, store, now=now, timezone=ZONE).copy()
        site.started()
        _have_guests(lived)
        site.daemon.until(site.is_sent, "InfluxDB has it all")
        yield lived


def _name_all(lived: Lived) -> None:
    """Seal the names, from a table that is not in the state folder."""
    table = lived.site.folder / "names.csv"
    rows = [f"{person.card.hex(':')};hex;{person.name}" for person in lived.day.people.values()]
    table.write_text("\n".join(["credential;form;name", *rows]), "utf-8")
    told = lived.site.ask("access", "names", "import", str(table), "--json")
    assert told == {"names": len(rows)}
    table.unlink()


def _pass_the_day(lived: Lived) -> None:
    site, day, begin, count = lived.site, lived.day, 0, 0
    told, took = 0, 0.0
    for hour in HOURS:
        said = [each for each in day.said[begin:] if each.arrived < day.until(hour)]
        begin += len(said)
        began = time.monotonic()
        if hour in KILLED:
            half = len(said) // 2
            site.messages.say(said[:half])
            site.daemon.until(lambda known=count: _heard(site) > known, "some of it is kept")
            site.daemon.kill()
            site.messages.say(said[half:])
            site.started()
        else:
            site.messages.say(said)
        count += len(said)
        site.daemon.until(lambda known=count: _heard(site) >= known, "all of it is kept")
        if hour not in KILLED:
            told, took = told + len(said), took + time.monotonic() - began
        truth = day.truth.counts(day.until(hour))
        settle(lambda truth=truth: site.counts() == truth)
        lived.rooms[hour] = site.counts()
        settle(lambda truth=truth: _written(site) == truth)
        lived.written[hour] = _written(site)
        if hour == 12:
            lived.noon = lived.inside()
    lived.say(messages=count, messages_a_second=round(told / took) if took else None, **memory(site))


def _heard(site: Estate) -> int:
    """How many words of contacts and readers the journal has."""
    sql = "SELECT count(*) AS n FROM entries WHERE device IN (SELECT value FROM json_each(?)) AND %s"
    contacts = json.dumps([door for doors in DOORS.values() for door in doors])
    readers = json.dumps([f"{door}-{way}" for doors in DOORS.values() for door in doors for way in ("in", "out")])
    cards = """kind = 2 AND instr(body, '"kind":"card"')"""
    return int(
        site.daemon.journal(sql % "kind = 1 AND instr(body, '\"open\"')", contacts)[0]["n"]
        + site.daemon.journal(sql % cards, readers)[0]["n"]
    )


def settle(claim: Any, seconds: float = 30) -> None:
    """Give it time; what it comes to is compared afterwards."""
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.1)


def _written(site: Estate) -> dict[str, tuple[int, int]]:
    """How many are in each zone, by InfluxDB."""
    sql = 'SELECT last("count") AS count, last("known") AS known FROM occupancy GROUP BY "zone"'
    rows = site.influx.query(sql, "facility")
    return {row["zone"]: (row["count"], row["known"]) for row in rows if row["zone"] in DOORS}


def memory(site: Estate) -> dict[str, str]:
    """What the daemon needs now, and the most that it ever had."""
    lines = Path(f"/proc/{site.daemon.pid}/status").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return {"memory": told["VmRSS"].strip(), "most_memory": told["VmHWM"].strip()}


def _have_guests(lived: Lived) -> None:
    """Two doors live: both are forced; then a card opens each, and both are held open."""
    site, bus = lived.site, lived.site.bus[CONTACT]
    polled = len(site.daemon.readings("plant"))
    site.messages.now("gate", open=False, at=now())
    site.daemon.until(lambda: len(site.daemon.readings("plant")) > polled + 2, "the contact is polled")
    bus.set("discrete", 0, [1])
    site.messages.now("gate", open=True, at=now())
    site.daemon.until(lambda: len(live_events(site, "forced")) == 2, "both are forced")
    bus.set("discrete", 0, [0])
    site.messages.now("gate", open=False, at=now())
    site.daemon.until(lambda: len(live_events(site, "closed")) == 2, "both are shut after that")
    time.sleep(2.0)
    for number, (door, who) in enumerate(zip(("gate", "plant"), GUESTS, strict=True)):
        card, told = lived.day.people[who], {"at": now(), "n": f"live-{number}", "ok": "yes"}
        site.messages.now(f"{door}-in", **told, uid=card.card.hex("-"), user=card.name)
    site.daemon.until(lambda: len(live_events(site, "card")) == 2, "both cards are known")
    bus.set("discrete", 0, [1])
    site.messages.now("gate", open=True, at=now())
    site.daemon.until(lambda: len(live_events(site, "held")) == 2, "both are held open")
    bus.set("discrete", 0, [0])
    site.messages.now("gate", open=False, at=now())
    site.daemon.until(lambda: len(live_events(site, "closed")) == 4, "both are shut")
    subjects = {f"Door {what}: {door}" for what in ("forced", "held open") for door in ("gate", "plant")}
    site.daemon.until(
        lambda: all(any(each in told for told in site.mail.subjects()) for each in subjects), "mails of both"
    )


def now() -> int:
    return time.time_ns() // 1_000_000


def live_events(site: Estate, kind: str) -> list[dict[str, Any]]:
    live = {"gate", "plant", "gate-in", "plant-in"}
    return [each for each in site.daemon.entries(2) if each["kind"] == kind and each["device"] in live]


def of_cards(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["device"], each["attributes"]["card"]) for each in told)


def report(lived: Lived) -> dict[str, dict[str, dict[str, Any]]]:
    """`report access`: by section, the cells of each row by column; rows by their first cell."""
    made = lived.site.ask("report", "access", "--period", lived.day.date, "--format", "json")
    found = {}
    for section in made["sections"]:
        names = [column["name"] for column in section["columns"]]
        rows = [dict(zip(names, row["cells"], strict=True)) for row in section["rows"]]
        found[section["title"]["key"]] = {str(row[names[0]]): row for row in rows}
    return found


def everything(site: Estate, database: str) -> Iterator[dict[str, Any]]:
    yield from site.influx.query("SHOW SERIES", database)
    for measurement in site.influx.query("SHOW MEASUREMENTS", database):
        yield from site.points(measurement["name"], database)


def influx_files(site: Estate) -> Mapping[str, bytes]:
    """What InfluxDB has written: only its files, the broker's hold what devices say."""
    return {name: data for name, data in site.disk().items() if name.startswith("influxdb")}


def times_on_disk(site: Estate, alias: str) -> int:
    return sum(data.count(alias.encode()) for data in influx_files(site).values())


@contextmanager
def traffic(lived: Lived) -> Iterator[list[str]]:
    """Guests at the gate all the time; answers the ids of their cards."""
    told: list[str] = []
    ended = threading.Event()
    card = lived.day.people[GUESTS[0]]

    def speak() -> None:
        while not ended.wait(0.02):
            ident = f"busy-{len(told)}"
            shown = {"at": now(), "n": ident, "ok": "no", "why": "expired", "user": card.name}
            lived.site.messages.now("gate-in", **shown, uid=card.card.hex())
            told.append(ident)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield told
    finally:
        ended.set()
        thread.join(60)
