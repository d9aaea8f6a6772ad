"""Work is due by running hours or by the calendar, what comes first; it is told once each time."""

from typing import Any

import orjson
import pytest

from monitor.equipment.commands import service
from monitor.equipment.services import Services
from monitor.errors import RequestRefused
from monitor.model import Command
from monitor.plant import Service
from monitor.site import Site
from tests.equipment.machines import NOON, device, plan, site_of

DAY = 86_400_000
HOURS_ADAY = 12.0


def site(*services: Service, **keys: Any) -> Site:
    return site_of(device("pump"), device("other"), plans={"pump": plan(services=services)}, **keys)


class Running:
    """A pump that runs twelve hours a day from noon on."""

    def __init__(self, *services: Service, ran: float | None = 0.0) -> None:
        self.site = site(*services)
        self.ran = ran
        self.pace = HOURS_ADAY
        self.services = Services(self.site, lambda _: self.ran)
        self.now = NOON
        self.services.tick(NOON)

    def days(self, number: float, step: float = 0.25) -> None:
        for _ in range(round(number / step)):
            self.now += round(step * DAY)
            if self.ran is not None:
                self.ran += self.pace * step
            self.services.tick(self.now)

    def done(self, **keys: Any) -> Command:
        said = {"service": "oil", "by": "ann", "now": self.now} | keys
        command = service(self.site, self.services.due(self.now), device="pump", **said)
        self.services.done(command, self.now)
        return command

    def events(self) -> list[tuple[str, float]]:
        return [(each.kind, (each.time - NOON) / DAY) for each in self.services.news()]


OIL = Service(id="oil", name="Change the oil", hours=600.0, warn=5 * 86400.0)
YEARLY = Service(id="oil", name="Change the oil", every=100 * 86400.0, warn=10 * 86400.0)


def test_hours_become_a_date_by_the_pace_of_the_last_month() -> None:
    pump = Running(OIL)
    assert pump.services.due(pump.now)[0].due is None
    pump.days(10)

    (due,) = pump.services.due(pump.now)
    assert (due.state, due.hours_left) == ("fine", 480.0)
    assert due.due == NOON + 50 * DAY
    pump.pace = 3.0
    pump.days(31)
    (due,) = pump.services.due(pump.now)
    assert due.hours_left == 600 - 120 - 93
    assert due.due == pytest.approx(pump.now + (600 - 120 - 93) / 3.0 * DAY, abs=DAY)


def test_a_pump_that_does_not_run_is_never_due_by_hours() -> None:
    pump = Running(OIL)
    pump.pace = 0.0
    pump.days(400, step=1)

    assert pump.events() == []
    assert pump.services.due(pump.now)[0].due is None


def test_a_pump_that_hardly_runs_has_no_date_beyond_ten_years() -> None:
    pump = Running(OIL)
    pump.pace = 600 / 3660
    pump.days(5)

    (due,) = pump.services.due(pump.now)
    assert (due.due, due.state, due.hours_left) == (None, "fine", pytest.approx(600 - 5 * 600 / 3660))
    pump.pace = 600 / 3600
    pump.days(31)
    (due,) = pump.services.due(pump.now)
    assert due.due == pytest.approx(NOON + 3600 * DAY, abs=10 * DAY)


def test_hours_are_told_soon_and_due_once_each() -> None:
    pump = Running(OIL)
    pump.days(80)

    assert pump.events() == [("service_soon", 45.0), ("service_due", 50.0)]
    (due,) = pump.services.due(pump.now)
    assert (due.state, due.due, due.hours_left) == ("due", NOON + 50 * DAY, 600 - 960)


def test_the_calendar_is_told_soon_and_due_once_each() -> None:
    pump = Running(YEARLY)
    pump.days(200, step=1)

    assert pump.events() == [("service_soon", 90.0), ("service_due", 100.0)]


def test_what_comes_first_counts() -> None:
    both = Service(id="oil", name="oil", hours=600.0, every=30 * 86400.0, warn=0.0)
    pump = Running(both)
    pump.days(60)

    assert pump.events() == [("service_due", 30.0)]


def test_work_that_was_done_begins_a_new_cycle() -> None:
    pump = Running(OIL)
    pump.days(52)
    command = pump.done(note=" new filter ")

    assert [each[0] for each in pump.events()] == ["service_soon", "service_due", "serviced"]
    ((ident, row),) = pump.services.rows()
    assert ident == command.id
    assert (row.device, row.service, row.time, row.hours) == ("pump", "oil", pump.now, 624.0)
    assert (row.by, row.note) == ("ann", "new filter")
    (due,) = pump.services.due(pump.now)
    assert (due.state, due.hours_left, due.last) == ("fine", 600.0, pump.now)
    pump.days(51)
    assert pump.events() == [("service_soon", 97.0), ("service_due", 102.0)]


def test_work_of_some_days_ago_counts_by_the_hours_of_then() -> None:
    pump = Running(OIL)
    pump.days(40)
    pump.done(at=pump.now - 10 * DAY)

    (due,) = pump.services.due(pump.now)
    assert due.hours_left == pytest.approx(600 - 120)
    assert pump.services.rows()[0][1].hours == pytest.approx(360)


def test_hours_that_a_person_reads_off_are_kept_and_ours_count_on() -> None:
    pump = Running(OIL)
    pump.days(40)
    pump.done(hours=9120.0)

    assert pump.services.rows()[0][1].hours == 9120.0
    assert pump.services.due(pump.now)[0].hours_left == 600.0


def test_the_site_file_says_when_it_was_done_last() -> None:
    before = Service(id="oil", name="oil", every=100 * 86400.0, last=NOON - 95 * DAY, warn=86400.0)
    pump = Running(before)
    pump.days(10)

    assert pump.events() == [("service_soon", 4.0), ("service_due", 5.0)]
    assert pump.services.due(pump.now)[0].last == NOON - 95 * DAY


def test_what_has_been_due_for_long_is_told_as_due_alone() -> None:
    pump = Running(Service(id="oil", name="oil", every=100 * 86400.0, last=NOON - 900 * DAY))
    pump.days(10)

    assert pump.events() == [("service_due", 0.0)]


def test_its_own_hours_count_from_the_first_that_it_says() -> None:
    pump = Running(OIL, ran=None)
    pump.days(2)
    pump.ran = 8000.0
    pump.days(10)

    assert pump.services.due(pump.now)[0].hours_left == pytest.approx(600 - 117)
    pump.ran = 3.0  # another controller
    pump.days(1)
    assert pump.services.due(pump.now)[0].hours_left == pytest.approx(600 - 9)
    assert pump.events() == []


def test_what_it_remembers_survives_a_restart() -> None:
    pump = Running(OIL)
    pump.days(47)
    pump.events()
    kept = orjson.loads(orjson.dumps(pump.services.dump_changed()))
    other = Services(pump.site, lambda _: pump.ran)
    other.load(kept.items())

    assert other.due(pump.now) == pump.services.due(pump.now)
    pump.services = other
    pump.days(20)
    assert pump.events() == [("service_due", 50.0)]


def test_all_work_what_is_due_first() -> None:
    pump = Running(
        Service(id="a", name="a", hours=1000.0),
        Service(id="b", name="b", every=30 * 86400.0),
        Service(id="c", name="c", every=3 * 86400.0),
        Service(id="d", name="d", every=20 * 86400.0),
    )
    pump.days(10)

    assert [(each.service, each.state) for each in pump.services.due(pump.now)] == [
        ("c", "due"),
        ("d", "soon"),
        ("b", "fine"),
        ("a", "fine"),
    ]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"device": "other"}, "`other` has no service; those with one: pump"),
        ({"device": "pmup"}, "there is no device `pmup`; those with one: pump"),
        ({"device": "pump", "service": "seal"}, "`pump` has no service `seal`; it has oil, belt"),
        ({"device": "pump"}, "say which service of `pump` was done: oil, belt"),
        ({"device": "pump", "service": "oil", "at": NOON + DAY}, "2026-11-28 13:00 is not yet"),
        ({"device": "pump", "service": "oil", "at": NOON - 2 * DAY}, "only the last time matters"),
        ({"device": "pump", "service": "oil", "hours": -1.0}, "never negative"),
        ({"device": "pump", "service": "oil", "hours": float("nan")}, "never negative"),
        ({"device": "pump", "service": "oil", "note": "x" * 501}, "500 is the most"),
    ],
)
def test_a_word_that_cannot_be_is_refused_with_its_reason(keys: dict[str, Any], words: str) -> None:
    made = site(
        Service(id="oil", name="oil", every=DAY / 1000, last=NOON - DAY),
        Service(id="belt", name="belt", every=1.0),
    )
    services = Services(made, lambda _: 0.0)
    services.tick(NOON)

    with pytest.raises(RequestRefused, match=words):
        service(made, services.due(NOON), by="ann", now=NOON, **keys)


def test_a_device_with_one_service_needs_no_name() -> None:
    made = site(OIL)
    command = service(made, [], device="pump", by="ann", now=NOON, hours=5.0)

    assert (command.kind, command.target) == ("service", "pump")
    assert command.arguments == {"service": "oil", "at": NOON, "hours": 5.0}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"service": "oil"},
        {"service": "oil", "at": "now"},
        {"service": "seal", "at": NOON},
        {"service": 3, "at": 4},
    ],
)
def test_a_malformed_command_is_refused(arguments: dict[str, Any]) -> None:
    services = Services(site(OIL), lambda _: 0.0)
    command = Command(id="x", time=NOON, by="ann", kind="service", target="pump", arguments=arguments)

    with pytest.raises((ValueError, KeyError)):
        services.done(command, NOON)
    assert services.news() == []
