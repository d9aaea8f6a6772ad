"""The pages about the plant: sound for every role in both languages; who may not see people sees nobody."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.model import Event, Missing, Quality, Reading
from monitor.site import Device
from monitor.web.callers import Role
from monitor.web.console.plant.trendprocess import Trends
from tests.clock import ManualClock
from tests.web.console.asking import CSRF, asking, somebody
from tests.web.console.looking import assert_sound, form_fields, notices
from tests.web.houses import DEVICES, HOUR, NOON, PSEUDONYMS, SITE, House, living, said
from tests.web.serving import make_parts

ANA = PSEUDONYMS("1001")
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
PAGES = (
    "/plant",
    "/plant?building=A&class=door&state=trouble&by=class&page=7",
    "/devices/pump-1",
    "/devices/front",
    "/devices/front-in",
    "/devices/climate?point=battery_pct&hours=720",
    "/doors",
    "/quality",
    "/status",
    "/meters",
    "/equipment",
    "/equipment/pump-1",
    "/supply",
    "/reports",
    "/search?q=pump",
    "/search",
)
ROLES = tuple(Role)


def asked_as(house: House, role: Role, language: str = "en") -> Any:
    return asking(house.parts, somebody(role, language=language))


@asynccontextmanager
async def hostile(folder: Path) -> AsyncIterator[House]:
    """A house in which everything has a name that would be a program."""
    devices = {each.id: replace(each, name=EVIL, building=EVIL, zone=EVIL) for each in DEVICES}
    zones = {name: replace(zone, name=EVIL) for name, zone in SITE.access.zones.items()}
    groups = {name: replace(group, name=EVIL) for name, group in SITE.groups.items()}
    machines = {
        name: replace(each, services=tuple(replace(one, name=EVIL) for one in each.services))
        for name, each in SITE.equipment.items()
    }
    site = replace(
        SITE,
        name=EVIL,
        devices=devices,
        access=replace(SITE.access, zones=zones),
        groups=groups,
        equipment=machines,
        supplies=tuple(replace(each, building=EVIL) for each in SITE.supplies),
    )
    async with living(folder, ManualClock(NOON - HOUR), site) as house:
        house.clock.time = NOON
        await house.keep(
            said("pump-1", NOON, running=True, mode=EVIL),
            Event(device="climate", kind=EVIL, time=NOON, arrived=NOON, id="e", attributes={"result": EVIL}),
        )
        yield house


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("role", ROLES)
async def test_every_page_is_sound_for_every_role(house: House, role: Role, language: str) -> None:
    async with asked_as(house, role, language) as client:
        for path in PAGES:
            page = await client.get(path)
            assert page.status_code == 200, path
            assert_sound(page.text)
            if language == "zh":
                assert "The plant" not in page.text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_who_may_not_see_people_finds_nobody_on_any_page(house: House, role: Role) -> None:
    assert house.parts.access is not None
    await house.parts.access.put_name(ANA, "Ana Example", "")
    paths = [
        *PAGES,
        "/rollcall?names=1",
        f"/search?q={ANA}",
        "/search?q=Ana+Example",
        *(f"/devices/{each.id}" for each in DEVICES),
    ]
    async with asked_as(house, role) as client:
        found = {path: (await client.get(path)).text for path in paths}

    told = "\n".join(found.values())
    for typed in (ANA, "Ana Example", f"/search?q={ANA}", "/search?q=Ana+Example"):
        told = told.replace(f'value="{typed}"', "")
    assert ANA not in told
    assert PSEUDONYMS("1003") not in told
    assert "Ana Example" not in told
    assert await house.commands("names_read") == []


async def test_a_supervisor_sees_who_came_and_names_only_when_asked_for_which_is_noted(house: House) -> None:
    assert house.parts.access is not None
    await house.parts.access.put_name(ANA, "Ana Example", "")
    async with asked_as(house, Role.SUPERVISOR) as client:
        doors, plain = await client.get("/doors"), await client.get("/rollcall")
        noted_before = await house.commands("names_read")
        named = await client.get("/rollcall?names=1")
        await house.settle()

    assert ANA in doors.text
    assert (ANA in plain.text, "Ana Example" in plain.text) == (True, False)
    assert (ANA in named.text, "Ana Example" in named.text) == (False, True)
    assert noted_before == []
    assert [each.by for each in await house.commands("names_read")] == ["Ana"]


async def test_the_roll_call_is_for_operators_and_counts_everybody(house: House) -> None:
    async with asked_as(house, Role.VIEWER) as client:
        assert (await client.get("/rollcall")).status_code == 403
    async with asked_as(house, Role.OPERATOR) as client:
        page = await client.get("/rollcall")
        inner = await client.get("/rollcall?zone=servers")
        assert (await client.get("/rollcall?zone=nothing")).status_code == 404

    assert_sound(page.text)
    assert "3 people" in page.text
    assert page.text.count("somebody with a card") == 2
    assert page.text.count("somebody without a card") == 1
    assert "1 person" in inner.text


async def test_the_plant_says_how_each_building_does(house: House) -> None:
    async with asked_as(house, Role.VIEWER) as client:
        everything = (await client.get("/plant")).text
        silent = (await client.get("/plant?state=suspended")).text

    assert "silent" in everything
    assert "there</span>" in everything  # the electricity
    assert 'href="/devices/lift"' in silent
    assert 'href="/devices/pump-1"' not in silent


async def test_two_thousand_devices_are_paged_and_each_page_is_short(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    devices = {
        f"d-{number}": Device(
            id=f"d-{number}",
            name=f"Device {number}",
            connection="broker",
            device_class="environment",
            building=f"B{number % 7}",
        )
        for number in range(2000)
    }
    parts = make_parts(journal, clock)
    parts = replace(
        parts, site=replace(parts.site, devices=devices), health=lambda: dict.fromkeys(devices, "answering")
    )
    async with asking(parts, somebody(Role.VIEWER)) as client:
        seen: set[str] = set()
        for number in range(1, 15):
            page = await client.get(f"/plant?page={number}")
            assert len(page.text) < 200_000
            assert_sound(page.text)
            seen |= {each for each in devices if f'"/devices/{each}"' in page.text}

    assert seen == set(devices)


async def test_names_from_outside_are_text_on_every_page(tmp_path: Path) -> None:
    async with hostile(tmp_path) as house, asked_as(house, Role.ADMINISTRATOR) as client:
        for path in (*PAGES, "/rollcall", "/rollcall?names=1"):
            page = await client.get(path)
            assert page.status_code == 200
            assert "<script>alert" not in page.text, path
            assert "<img src=x" not in page.text, path
            assert_sound(page.text)
        for path in (f"/search?q={EVIL}", f"/plant?building={EVIL}&state={EVIL}", f"/reports/usage?period={EVIL}"):
            assert "<script>alert" not in (await client.get(path)).text, path


async def test_a_device_shows_its_values_and_why_there_is_none(house: House, tmp_path: Path) -> None:
    await house.keep(
        Reading(
            device="main",
            time=NOON - 60_000,
            arrived=NOON,
            values={"voltage_l1_v": 231.5},
            missing={"voltage_l2_v": Missing.QUARANTINED},
            quality=Quality.SUSPECT,
        )
    )
    trends = Trends(tmp_path / "journal.db", now=lambda: NOON)
    try:
        parts = replace(house.parts, trends=trends)
        async with asking(parts, somebody(Role.VIEWER)) as client:
            page = (await client.get("/devices/main?point=voltage_l2_v&hours=168")).text
            reader = (await client.get("/devices/front-in")).text
            picture = await client.get("/devices/main/trend.svg?point=voltage_l2_v&hours=168")
    finally:
        trends.close()

    assert_sound(page)
    assert 'data-point="voltage_l1_v">231.5' in page
    assert '#trend">Voltage L2</a> <code class="id">voltage_<wbr>l2_<wbr>v</code>' in page
    assert "held back: it cannot be right" in page
    assert "doubtful" in page
    assert "trend.svg?point=voltage_l2_v&amp;hours=168" in page
    assert "trend.svg" not in reader
    assert picture.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "/devices/nothing",
        "/meters/nothing",
        "/meters/front",
        "/equipment/nothing",
        "/equipment/main",
        "/reports/nothing",
    ],
)
async def test_what_there_is_not_is_told(house: House, path: str) -> None:
    async with asked_as(house, Role.ADMINISTRATOR) as client:
        page = await client.get(path)

    assert page.status_code == 404
    assert_sound(page.text)


async def test_a_site_without_doors_equipment_and_meters_says_so(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    async with asking(make_parts(journal, clock), somebody(Role.OPERATOR)) as client:
        for path in ("/doors", "/rollcall", "/equipment", "/supply"):
            assert (await client.get(path)).status_code == 404
        for path in ("/plant", "/quality", "/status", "/reports", "/devices/main"):
            assert_sound((await client.get(path)).text)


# Work on equipment ---------------------------------------------------------------------------------------


async def test_work_that_was_done_is_kept_as_a_command(house: House) -> None:
    async with asked_as(house, Role.OPERATOR) as client:
        before = await client.get("/equipment/pump-1")
        form = form_fields(before.text, "/equipment/pump-1/service")
        form |= {"service": "oil", "at": "2026-11-27T12:30", "hours": "1 204,5", "note": "new filter"}
        answer = await client.post("/equipment/pump-1/service", data=form)
        await house.settle()
        after = await client.get(answer.headers["location"])

    assert (answer.status_code, answer.headers["location"]) == (303, "/equipment/pump-1?done=serviced")
    (command,) = await house.commands("service")
    assert (command.target, command.by, command.reason) == ("pump-1", "Ana", "new filter")
    assert command.arguments == {"service": "oil", "at": NOON - HOUR // 2, "hours": 1204.5}
    assert "It is noted that the work was done." in after.text
    assert "new filter" in after.text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"at": "soon"}, "no date"),
        ({"at": "2027-01-01T00:00"}, "is not yet"),
        ({"hours": "many"}, "no number"),
        ({"service": "paint"}, "has no service"),
        ({"hours": "-4"}, "never negative"),
    ],
)
async def test_what_cannot_be_is_told_on_the_form_and_what_was_typed_stays(
    house: House, wrong: dict[str, str], told: str
) -> None:
    form = {"csrf": CSRF, "service": "oil", "note": 'said "so"', **wrong}
    async with asked_as(house, Role.OPERATOR) as client:
        page = await client.post("/equipment/pump-1/service", data=form)

    assert page.status_code == 422
    assert told in page.text
    assert form_fields(page.text, "/equipment/pump-1/service")["note"] == 'said "so"'
    assert_sound(page.text)
    assert await house.commands("service") == []


async def test_work_that_cannot_be_is_refused_in_chinese(house: House) -> None:
    told = []
    async with asked_as(house, Role.OPERATOR, "zh") as client:
        for wrong in ({"service": "paint"}, {"service": "oil", "hours": "-4"}):
            page = await client.post("/equipment/pump-1/service", data={"csrf": CSRF, **wrong})
            told += notices(page.text)

    assert told == [
        "`pump-1` 没有保养项目 `paint`；它有 oil, belt",
        "-4 小时：运行小时数不能是负数",
    ]


async def test_forms_are_refused_without_their_word_or_the_role(house: House) -> None:
    async with asked_as(house, Role.OPERATOR) as client:
        strange = await client.post("/equipment/pump-1/service", data={"service": "oil", "csrf": "another"})
    async with asked_as(house, Role.VIEWER) as client:
        page = await client.get("/equipment/pump-1")
        viewer = await client.post("/equipment/pump-1/service", data={"service": "oil", "csrf": CSRF})

    assert (strange.status_code, viewer.status_code) == (403, 403)
    assert "/equipment/pump-1/service" not in page.text
    assert await house.commands("service") == []
