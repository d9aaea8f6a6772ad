"""A small site and alarms in it, for the tests of notification."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from monitor.model import Transition
from monitor.notices import Notice, NoticeKind, OutboxRow
from monitor.notify.routing import facts, make_router
from monitor.site import Device, Point, Rule, Site, Source
from monitor.staff import Grouping, Notify, Person, Route, Step, Team

NOW = 1_795_378_523_000
MINUTE = 60_000
AT_ONCE = Grouping(wait=0, pace=0)
"""Each message by itself, and at once."""


@dataclass(frozen=True)
class Params:
    """What routing looks at of a rule's settings."""

    severity: str = "high"
    response: str = "Check the main breaker."
    cause: str = ""
    consequence: str = ""
    owner: str = ""


def person(name: str, language: str = "en", **channels: str) -> Person:
    return Person(id=name, name=name.title(), language=language, channels=channels)


def site(
    *people: Person,
    escalation: Sequence[tuple[float, Sequence[str]]] = (),
    routes: Sequence[Route] = (Route(team="house"),),
    teams: Iterable[Team] = (),
    grouping: Grouping = AT_ONCE,
) -> Site:
    house = Team(
        id="house",
        members=tuple(one.id for one in people),
        escalation=tuple(Step(after=after, notify=tuple(notify)) for after, notify in escalation),
    )
    meter = Device(
        id="main-electricity",
        name="Main meter",
        profile=None,
        connection="plant-room",
        device_class="electricity",
        building="A",
        zone="plant room",
        points={"voltage_l1_v": Point(name="voltage_l1_v", unit="V")},
    )
    return Site(
        id="maple-court",
        name="Maple Court",
        timezone=ZoneInfo("Europe/Berlin"),
        devices={meter.id: meter},
        rules={"undervoltage": rule()},
        notify=Notify(
            people={one.id: one for one in people},
            teams={team.id: team for team in (house, *teams)},
            routes=tuple(routes),
            grouping=grouping,
        ),
    )


def rule(kind: str = "threshold", severity: str = "high") -> Rule:
    return Rule(
        id="undervoltage",
        name="Undervoltage",
        kind=kind,
        params=Params(severity=severity),
        sources=(Source(device="main-electricity", point="voltage_l1_v"),),
        version="1",
    )


def notice(kind: NoticeKind, **changes: object) -> Notice:
    """A notice of the one alarm of the house; `changes` are fields of the transition, and some of the notice."""
    told = changes.pop("told", frozenset())
    about = changes.pop("rule", None)
    besides = changes.pop("facts", {})
    raised_at = changes.pop("raised_at", NOW)
    causes: Mapping[str, str] = {"raise": "raised", "clear": "cleared"}
    said: dict[str, object] = {
        "occurrence": "o1",
        "number": 1,
        "rule": "undervoltage",
        "device": "main-electricity",
        "source_key": "main-electricity/voltage_l1_v",
        "cause": causes.get(kind, kind),
        "condition": "active",
        "response": "unacked",
        "severity": "high",
        "value": 201.3,
        "limit": 207.0,
        "time": raised_at,
    }
    return Notice(
        kind=kind,
        transition=Transition(**(said | changes)),  # type: ignore[arg-type]
        rule=about or rule(),  # type: ignore[arg-type]
        raised_at=raised_at,  # type: ignore[arg-type]
        told=told,  # type: ignore[arg-type]
        facts=besides,  # type: ignore[arg-type]
    )


def insert(db: sqlite3.Connection, rows: Iterable[OutboxRow], created: int) -> None:
    """Do what the engine of alarms does with a router's rows, inside its transaction."""
    for row in rows:
        db.execute(
            "INSERT INTO outbox (notification_id, occurrence, kind, person, channel, step, severity, created,"
            " not_before, expires, next_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.notification_id,
                row.occurrence,
                row.kind,
                row.person,
                row.channel,
                row.step,
                row.severity,
                created,
                row.not_before,
                row.expires,
                row.not_before,
                orjson.dumps(row.body).decode(),
            ),
        )


def rows(house: Site, kind: NoticeKind, **changes: object) -> Sequence[OutboxRow]:
    return make_router(house)(notice(kind, **changes))


HOUSE = site(person("ana", mail="json://a"))


def body(kind: NoticeKind = NoticeKind.RAISE, **changes: object) -> dict[str, Any]:
    """What a message about the one alarm of the house is made of."""
    return dict(facts(HOUSE, notice(kind, **changes)))
