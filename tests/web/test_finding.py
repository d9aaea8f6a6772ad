"""Finding things by their names."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.folding import plain
from monitor.journal.sqlite import SqliteJournal
from monitor.notify.languages import words_of
from monitor.site import Device, Rule
from monitor.staff import Notify, Person
from monitor.web.finding import EACH, Finder
from tests.clock import ManualClock
from tests.web.console.asking import asking, somebody
from tests.web.houses import SITE as HQ
from tests.web.serving import ALARM, METER, ScriptedAlarms, make_parts


def _finder(journal: SqliteJournal, clock: ManualClock, *devices: Device, **facts: Any) -> Finder:
    parts = make_parts(journal, clock)
    known = devices or tuple(HQ.devices.values())
    rule = Rule(
        id="undervoltage", name="Undervoltage", kind="threshold", params=SimpleNamespace(), sources=(), version="1"
    )
    site = replace(HQ, devices={one.id: one for one in known}, rules={rule.id: rule}, **facts)
    return Finder(replace(parts, site=site))


def _named(ident: str, name: str) -> Device:
    return replace(METER, id=ident, name=name)


async def test_what_is_called_so_comes_before_what_begins_so_and_what_holds_it(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    finder = _finder(
        journal,
        clock,
        _named("a", "Big old pump"),
        _named("b", "Superpump"),
        _named("pump", "P"),
        _named("d", "Pump 2"),
    )

    found = await finder.find("PUMP")

    assert [one.id for one in found] == ["pump", "d", "a", "b"]


@pytest.mark.parametrize("question", ["Büro", "buro", "BÜRO  haupt", "zähler büro", "bu\u0308ro"])
async def test_neither_case_nor_accents_nor_order_count(
    journal: SqliteJournal, clock: ManualClock, question: str
) -> None:
    finder = _finder(journal, clock, _named("m", "Hauptzähler Büro"))

    assert [one.id for one in await finder.find(question)] == ["m"]


async def test_chinese_is_found_without_spaces_and_rules_in_the_language_of_who_asks(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    finder = _finder(journal, clock, _named("m", "地下室主电表"))
    said = words_of("zh").ugettext

    device = await finder.find("主电表", said=said)
    rule = await finder.find(said("Undervoltage"), said=said)

    assert said("Undervoltage") != "Undervoltage"
    assert [one.id for one in device] == ["m"]
    assert {(one.kind, one.id) for one in rule} == {("rule", "undervoltage"), ("alarm", "undervoltage-1")}


async def test_doors_zones_rules_alarms_and_those_who_are_told_are_found(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    ana = Person(id="ana", name="Ana Lind", language="en", channels={"mail": "mailto://secret"})
    finder = _finder(journal, clock, notify=Notify(people={"ana": ana}))

    kinds = {
        question: {(one.kind, one.id) for one in await finder.find(question)}
        for question in ("front", "server room", "undervoltage", "lind", "secret")
    }

    assert ("door", "front") in kinds["front"]
    assert kinds["server room"] == {("zone", "servers")}
    assert kinds["undervoltage"] == {("rule", "undervoltage"), ("alarm", "undervoltage-1")}
    assert kinds["lind"] == {("person", "ana")}
    assert not kinds["secret"]  # an address


async def test_of_each_kind_there_are_twenty_at_most(journal: SqliteJournal, clock: ManualClock) -> None:
    finder = _finder(journal, clock, *(_named(f"m-{n}", f"Meter {n}") for n in range(100)))

    found = await finder.find("meter")

    assert len([one for one in found if one.kind == "device"]) == EACH


@pytest.mark.parametrize("question", ["", "   ", "%", "_%", "' OR 1=1", "\x00", "x" * 10_000])
async def test_signs_mean_nothing(journal: SqliteJournal, clock: ManualClock, question: str) -> None:
    assert not await _finder(journal, clock).find(question)


async def test_the_route_answers_where_it_is_in_the_console(journal: SqliteJournal, clock: ManualClock) -> None:
    parts = replace(make_parts(journal, clock), alarms=ScriptedAlarms(clock, {"undervoltage-1": dict(ALARM)}))
    async with asking(parts, somebody()) as client:
        answer = await client.get("/api/v1/search", params={"q": "main"})
        nothing = await client.get("/api/v1/search")

    assert {one["page"] for one in answer.json()} >= {"/devices/main", "/alarms/undervoltage-1"}
    assert nothing.status_code == 422


async def test_of_an_alarm_it_says_which_point_and_when(journal: SqliteJournal, clock: ManualClock) -> None:
    (alarm,) = [one for one in await _finder(journal, clock).find("undervoltage") if one.kind == "alarm"]

    assert (alarm.where, alarm.time) == ("Voltage L1", ALARM["raised_at"])


def test_what_looks_alike_is_the_same() -> None:
    assert plain("Straße \uff21\uff11 ÉCOLE") == plain("strasse a1 école")
