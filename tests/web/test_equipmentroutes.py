"""The routes about equipment, services, batteries and supply, over a real journal and a real ledger."""

import getpass
from typing import Any

import pytest

from monitor.equipment.commands import done
from tests.web.houses import DAY, HOUR, NOON, House

WHO = getpass.getuser()
MINUTE = 60_000


async def test_every_piece_of_equipment_is_told_with_its_place_and_its_next_service(house: House) -> None:
    found = {each["device"]: each for each in (await house.client.get("/equipment")).json()}

    assert set(found) == {"pump-1", "pump-2", "lift"}
    pump = found["pump-1"]
    assert (pump["name"], pump["type"], pump["building"], pump["zone"]) == ("Pump 1", "pump", "A", "Cellar")
    assert (pump["group"], pump["state"], pump["health"], pump["service"]) == (
        "boost",
        "running",
        "answering",
        "fine",
    )
    assert (pump["starts"], pump["first"], pump["is_own"]) == (1, NOON - HOUR, False)
    assert pump["hours"] == pytest.approx((HOUR - 6000) / HOUR)
    assert (found["pump-2"]["state"], found["pump-2"]["service"]) == ("fault", "")
    assert (found["lift"]["state"], found["lift"]["health"], found["lift"]["group"]) == (
        "unknown",
        "suspended",
        "",
    )


async def test_a_group_says_who_runs_and_that_nobody_stands_by(house: House) -> None:
    [group] = (await house.client.get("/equipment/groups")).json()

    assert group == {
        "group": "boost",
        "name": "Pressure",
        "members": ["pump-1", "pump-2"],
        "running": ["pump-1"],
        "able": ["pump-1"],
        "unknown": [],
        "needed": 1,
        "reserve": 0,
    }


async def test_one_is_told_with_its_days_services_and_what_was_done(house: House) -> None:
    answer = await house.client.post("/equipment/pump-1/service", json={"service": "belt", "note": "new belt"})
    await house.settle()
    found = (await house.client.get("/equipment/pump-1")).json()

    assert answer.status_code == 202
    [day] = found["days"]
    assert (day["day"], day["starts"], day["running_s"]) == ("2026-11-27", 1, HOUR / 1000 - 6)
    assert {each["service"]: each["last"] for each in found["services"]} == {"oil": None, "belt": NOON}
    [told] = found["done"]
    assert (told["service"], told["time"], told["by"], told["note"]) == ("belt", NOON, WHO, "new belt")
    assert told["hours"] == pytest.approx((HOUR - 6000) / HOUR, abs=0.001)


async def test_all_work_is_told_what_is_due_first_before_the_rest(house: House) -> None:
    found = (await house.client.get("/equipment/services")).json()

    assert [(each["device"], each["service"], each["state"]) for each in found] == [
        ("lift", "belt", "fine"),
        ("pump-1", "belt", "fine"),
        ("pump-1", "oil", "fine"),
    ]


async def test_a_battery_is_told_with_the_name_of_its_device(house: House) -> None:
    [found] = (await house.client.get("/equipment/batteries")).json()

    assert (found["device"], found["name"], found["percent"], found["low"]) == ("climate", "Climate", 64.0, False)
    assert (found["time"], found["empty"], found["per_day"]) == (NOON - HOUR, None, None)


async def test_supply_is_told_with_what_was_the_matter(house: House) -> None:
    [found] = (await house.client.get("/supply")).json()

    assert (found["building"], found["utility"], found["state"], found["device"]) == (
        "A",
        "electricity",
        "present",
        "main",
    )
    assert [(each["state"], each["start"], each["end"], each["lost"]) for each in found["spans"]] == [
        ("present", NOON - HOUR, NOON - 30 * MINUTE, []),
        ("partial", NOON - 30 * MINUTE, NOON - 20 * MINUTE, ["voltage_l2_v"]),
        ("present", NOON - 20 * MINUTE, None, []),
    ]


async def test_work_that_was_done_is_kept_in_the_name_of_who_asks(house: House) -> None:
    wish = {"service": "oil", "at": NOON - 2 * DAY, "note": " filter too "}
    answer = await house.client.post("/equipment/pump-1/service", json=wish)

    [command] = await house.commands("service")
    assert answer.status_code == 202
    assert answer.json() == {
        "command": command.id,
        "device": "pump-1",
        "service": "oil",
        "at": NOON - 2 * DAY,
        "by": WHO,
    }
    assert (done(command).by, done(command).time, done(command).note) == (WHO, NOON - 2 * DAY, "filter too")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/equipment/nobody", "no device nobody"),
        ("/equipment/climate", "climate is no equipment"),
    ],
)
async def test_what_is_no_equipment_is_not_found(house: House, path: str, words: str) -> None:
    asked = await house.client.get(path)
    told = await house.client.post(f"{path}/service", json={"service": "oil"})

    for answer in (asked, told):
        assert answer.status_code == 404
        assert answer.json()["detail"] == words
        assert answer.json()["what_to_do"] == "list it with `facility-monitor equipment`"


@pytest.mark.parametrize(
    ("device", "wish", "status", "words"),
    [
        ("pump-1", {"service": "paint"}, 409, "`pump-1` has no service `paint`; it has oil, belt"),
        ("pump-1", {"service": ""}, 409, "say which service of `pump-1` was done: oil, belt"),
        ("pump-2", {"service": "oil"}, 409, "`pump-2` has no service; those with one: lift, pump-1"),
        ("pump-1", {"service": "oil", "at": NOON + HOUR}, 409, "is not yet: it is 2026-11-27 13:00 now"),
        ("pump-1", {"service": "oil", "at": 10**18}, 422, "at: Input should be less"),
        ("pump-1", {"service": "oil", "at": -(10**18)}, 422, "at: Input should be greater"),
        ("pump-1", {"service": "oil", "at": 10**30}, 422, "body.at"),
        ("pump-1", {"service": "oil", "note": "x" * 501}, 422, "body.note"),
        ("pump-1", {"service": "oil", "hours": -1}, 422, "body.hours"),
        ("pump-1", {"service": "oil", "hours": "1e400"}, 422, "body.hours"),
        ("pump-1", {"service": "oil", "hours": "nan"}, 422, "body.hours"),
        ("pump-1", {"note": "oil"}, 422, "body.service"),
    ],
)
async def test_work_that_cannot_be_is_refused_and_not_kept(
    house: House, device: str, wish: dict[str, Any], status: int, words: str
) -> None:
    answer = await house.client.post(f"/equipment/{device}/service", json=wish)

    assert (answer.status_code, await house.commands("service")) == (status, [])
    assert words in answer.json()["detail"]


async def test_work_before_what_was_done_last_is_refused(house: House) -> None:
    await house.client.post("/equipment/lift/service", json={"service": "belt", "at": NOON - DAY})
    await house.settle()
    answer = await house.client.post("/equipment/lift/service", json={"service": "belt", "at": NOON - 2 * DAY})

    assert answer.status_code == 409
    assert "is before `belt` of `lift` was done last, at 2026-11-26 13:00" in answer.json()["detail"]
    assert answer.json()["what_to_do"] == "look at it with `facility-monitor equipment show lift`"


async def test_what_the_panel_showed_is_kept_and_the_next_cycle_goes_by_what_was_counted(house: House) -> None:
    answer = await house.client.post("/equipment/pump-1/service", json={"service": "oil", "hours": 8123.5})
    await house.settle()
    found = (await house.client.get("/equipment/pump-1")).json()

    assert answer.status_code == 202
    assert [each["hours"] for each in found["done"]] == [8123.5]
    assert {each["service"]: each["hours_left"] for each in found["services"]} == {"oil": 2000.0, "belt": None}
