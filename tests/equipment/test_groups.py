"""Two pumps of which one has to run: who takes over is told, and when nobody is left that could."""

from typing import Any
from zoneinfo import ZoneInfo

import orjson

from monitor.equipment.groups import Group
from monitor.equipment.machine import Machine
from monitor.equipment.tally import Midnights
from monitor.plant import Group as Plan
from rules.timeline import Timeline
from tests.equipment.machines import HOUR, MINUTE, NOON, SECOND, device, plan, said

PUMPS = ("one", "two", "three")


class House:
    """Some pumps and their group; `at` are ms since noon."""

    def __init__(self, *members: str, needed: int = 1, rest: float | None = None) -> None:
        self.time = Timeline()
        self.time.now = NOON
        midnights = Midnights(ZoneInfo("UTC"))
        self.machines = {each: Machine(device(each), plan(), self.time, midnights) for each in members}
        named = Plan(id="feed", name="Feed", members=members, needed=needed, rest=rest)
        self.group = Group(named, self.machines, self.time)
        self.said: dict[str, dict[str, Any]] = {}

    def says(self, at: int, **pumps: str) -> None:
        """Each pump is off, called, running or fault; those that are not named do as before, `""` is silent."""
        self.time.now = max(self.time.now, NOON + at)
        for ident, word in pumps.items():
            self.said[ident] = {
                "called": word in {"called", "running"},
                "running": word == "running",
                "fault": word == "fault",
            }
            if not word:
                del self.said[ident]
        for ident, values in self.said.items():
            self.machines[ident].take(said(ident, NOON + at, **values))
            self.group.follow()
        for machine in self.machines.values():
            machine.tick()
        self.group.follow()

    def goes_on(self, first: int, last: int) -> None:
        for at in range(first, last + 1, 10 * SECOND):
            self.says(at)

    def events(self) -> list[tuple[str, str, int, dict[str, Any]]]:
        return [
            (each.kind, each.device, each.time - NOON, {k: v for k, v in each.attributes.items() if k != "group"})
            for each in self.group.news()
        ]


def test_who_runs_and_who_could() -> None:
    house = House(*PUMPS, needed=2)
    house.says(0, one="running", two="off", three="fault")

    now = house.group.now()
    assert (now.running, now.able, now.unknown, now.reserve) == (("one",), ("one", "two"), (), 0)


def test_a_pump_that_starts_for_one_with_a_fault_took_over() -> None:
    house = House(*PUMPS, needed=1)
    house.says(0, one="running", two="off", three="off")
    house.says(10 * SECOND, one="fault", two="called")
    house.says(20 * SECOND, two="running")
    house.goes_on(30 * SECOND, HOUR)

    assert house.events() == [("took_over", "two", 20 * SECOND, {"for": "one"})]
    assert house.machines["two"].state == "running"


def test_a_pump_that_starts_for_one_that_does_not_took_over_though_it_was_quicker_than_the_verdict() -> None:
    house = House(*PUMPS)
    house.says(0, one="off", two="off", three="off")
    house.says(10 * SECOND, one="called")
    house.says(18 * SECOND, two="running")
    house.says(20 * SECOND)
    house.says(30 * SECOND, one="off")

    assert house.events() == [("took_over", "two", 20 * SECOND, {"for": "one"})]


def test_pumps_that_take_turns_take_nothing_over() -> None:
    house = House("one", "two")
    house.says(0, one="running", two="off")
    house.says(10 * SECOND, one="off", two="running")
    house.goes_on(20 * SECOND, 10 * MINUTE)
    house.says(11 * MINUTE, one="fault")
    house.says(11 * MINUTE + 10 * SECOND, two="off")
    house.says(11 * MINUTE + 20 * SECOND, two="running")

    assert [each[0] for each in house.events()] == ["no_reserve"]


def test_no_reserve_is_told_once_until_there_is_one_again() -> None:
    house = House("one", "two")
    house.says(0, one="running", two="off")
    house.says(10 * SECOND, two="fault")
    house.goes_on(20 * SECOND, MINUTE)
    assert house.events() == [("no_reserve", "two", 10 * SECOND, {"able": 1, "needed": 1})]
    assert house.group.now().reserve == 0

    house.says(70 * SECOND, two="off")
    house.says(80 * SECOND, two="fault")
    assert house.events() == [("no_reserve", "two", 80 * SECOND, {"able": 1, "needed": 1})]


def test_a_group_that_needs_all_its_members_has_no_reserve_to_lose() -> None:
    house = House("one", "two", needed=2)
    house.says(0, one="running", two="running")
    house.says(10 * SECOND, two="fault")

    assert house.events() == []


def test_a_pump_that_failed_is_no_reserve_until_it_has_run() -> None:
    house = House("one", "two")
    house.says(0, one="off", two="off")
    house.says(10 * SECOND, one="called")
    house.says(20 * SECOND, one="off", two="running")
    house.says(30 * SECOND)
    assert house.events() == []  # the call was withdrawn in time

    house.says(40 * SECOND, one="called")
    house.says(50 * SECOND)
    house.says(60 * SECOND, one="off")
    assert [each[:2] for each in house.events()] == [("no_reserve", "one")]
    assert house.group.now().able == ("two",)
    house.says(70 * SECOND, one="running")
    assert house.group.now().able == ("one", "two")


def test_silence_is_no_reserve_only_after_two_minutes_and_never_before_the_first_word() -> None:
    house = House("one", "two")
    house.says(0, one="running")
    house.goes_on(10 * SECOND, HOUR)
    assert house.events() == []
    assert house.group.now().unknown == ("two",)

    house.says(HOUR + 10 * SECOND, two="off")
    house.says(HOUR + 20 * SECOND, two="")
    house.goes_on(HOUR + 30 * SECOND, HOUR + 4 * MINUTE)
    assert house.events() == []
    house.goes_on(HOUR + 4 * MINUTE, HOUR + 6 * MINUTE)
    assert [each[:2] for each in house.events()] == [("no_reserve", "two")]


def test_a_pump_that_rests_for_too_long_is_told_once() -> None:
    house = House("one", "two", rest=3600.0)
    house.says(0, one="running", two="running")
    house.says(10 * SECOND, two="off")
    for at in range(0, 3 * HOUR, MINUTE):
        house.says(at + 10 * SECOND)

    assert house.events() == [("idle", "two", HOUR, {"since": NOON})]
    house.says(3 * HOUR, two="running")
    house.says(3 * HOUR + MINUTE, two="off")
    for at in range(3 * HOUR + 2 * MINUTE, 5 * HOUR, MINUTE):
        house.says(at)
    assert house.events() == [("idle", "two", 4 * HOUR, {"since": NOON + 3 * HOUR})]


def test_nothing_is_told_of_what_was_before() -> None:
    house = House(*PUMPS)
    house.says(0, one="running", two="off", three="off")
    house.group.news()
    kept = house.group.dump()
    house.says(10 * SECOND, one="fault", two="running")
    assert [each[0] for each in house.events()] == ["took_over"]

    house.group.load(kept)
    house.group.skip()
    house.says(20 * SECOND)
    assert house.events() == []


def test_a_group_goes_on_after_a_restart() -> None:
    house = House("one", "two", rest=3600.0)
    house.says(0, one="running", two="off")
    house.says(10 * SECOND, one="fault", two="running")
    assert sorted(each[0] for each in house.events()) == ["no_reserve", "took_over"]

    other = Group(house.group.plan, house.machines, house.time)
    other.load(orjson.loads(orjson.dumps(house.group.dump())))
    house.group = other
    house.says(20 * SECOND)

    assert house.events() == []
