"""Staff's side of what residents report, and labels to print, which a real reader of QR codes reads."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx import Response

from monitor.alarms import Alarms
from monitor.alarms.store import standing
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier
from monitor.site import ConsoleSettings
from monitor.web.callers import Role
from monitor.web.desk import AlarmDesk
from monitor.web.labels import code_of
from monitor.web.parts import Parts
from tests.alarms.household import House
from tests.clock import ManualClock
from tests.web.console.asking import CSRF, asking, somebody
from tests.web.console.looking import assert_sound
from tests.web.residents.porch import Porch, on_the_porch
from tests.web.serving import METER, make_parts

HOSTILE = "<script>alert(1)</script> Meter & <b>"


@pytest.fixture
async def porch(journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Porch]:
    async with on_the_porch(House(journal, state, clock), tmp_path) as porch:
        yield porch


def parts_of(porch: Porch, *, base: str = "https://house.example.org/fm") -> Parts:
    parts = make_parts(porch.house.journal, porch.house.clock)
    site = replace(
        porch.site, console=ConsoleSettings(base=base), devices={"main": replace(METER, name=HOSTILE, id="main")}
    )
    return replace(parts, site=site, residents=porch.parts.desk)


@pytest.mark.parametrize(("language", "said"), [("en", "Nobody has seen it"), ("zh", "尚无人查看")])
async def test_staff_see_what_was_reported_how_it_stands_and_what_was_written(
    porch: Porch, language: str, said: str
) -> None:
    await porch.report("water", HOSTILE)
    await porch.report("water", "again")
    (alarm,) = await porch.judged()
    async with asking(parts_of(porch), somebody(Role.OPERATOR, language=language)) as client:
        page = await client.get("/residents")
        odd = [await client.get("/residents", params={"before": each}) for each in ("-1", "x", "9" * 40, "٣")]

    assert_sound(page.text)
    assert said in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert page.text.count(f'href="/alarms/{alarm.occurrence}"') == 2
    assert [each.status_code for each in odd] == [200] * 4


async def test_the_page_of_the_alarm_has_what_was_written_for_those_who_act_on_it(porch: Porch) -> None:
    await porch.report("water", HOSTILE)
    await porch.report("water", "again")
    (alarm,) = await porch.judged()
    state, now = porch.house.state, porch.house.clock.now
    desk = AlarmDesk(
        state,
        Notifier(state, porch.site, channels=Channels(), now=now, standing=standing),
        now,
        Alarms(porch.house.journal, state, porch.site, lambda _: (), now),
    )
    parts = replace(parts_of(porch), site=porch.site, alarms=desk)
    path = f"/alarms/{alarm.occurrence}"
    async with asking(parts, somebody(Role.OPERATOR)) as client:
        acts = (await client.get(path)).text
    async with asking(parts, somebody(Role.VIEWER)) as client:
        sees = (await client.get(path)).text

    assert_sound(acts)
    assert "What residents reported" in acts
    assert acts.count("A resident wrote:") == 2
    assert "&lt;script&gt;alert(1)" in acts
    assert "Water where there should be none" in acts
    assert "A resident wrote" not in sees
    assert "alert(1)" not in sees


async def test_viewers_do_not_read_what_residents_write(porch: Porch) -> None:
    async with asking(parts_of(porch), somebody(Role.VIEWER)) as client:
        page = await client.get("/residents")
        labels = await client.get("/labels")

    assert page.status_code == 403
    assert labels.status_code == 200
    assert_sound(labels.text)
    assert 'href="/residents"' not in labels.text


async def test_a_supervisor_closes_a_place_and_makes_new_codes_on_the_page(porch: Porch) -> None:
    old = porch.address()
    async with asking(parts_of(porch), somebody(Role.SUPERVISOR, name="Ben"), root_path="/fm") as client:

        async def press(action: str, place: str = "hall", csrf: str = CSRF) -> Response:
            return await client.post(f"/residents/places/{place}/{action}", data={"csrf": csrf})

        before = (await client.get("/residents")).text
        pressed = [await press(action) for action in ("close", "close", "open", "renew")]
        await press("close", "lift")
        after = (await client.get("/residents?done=renew")).text
        wrong = [await press("close", "attic"), await press("burn"), await press("close", csrf="x")]
        labels = (await client.get("/api/v1/labels", params={"kind": "places"})).json()
        places = (await client.get("/api/v1/residents/places")).json()

    assert_sound(after)
    assert "Close Hall" in before
    assert [each.headers["location"] for each in pressed] == [
        f"/fm/residents?done={done}#places" for done in ("close", "as_it_was", "open", "renew")
    ]
    assert "Open Lift &lt;A&gt; again" in after
    assert "Print a new one" in after
    assert [each.status_code for each in wrong] == [404, 404, 403]
    assert [each["address"] for each in labels] == [porch.address("hall")] != [old]
    assert [(each["id"], each["code"], each["closed"], each["changed_by"]) for each in places] == [
        ("lift", 0, True, "Ben"),
        ("hall", 1, False, "Ben"),
    ]


async def test_operators_read_reports_and_leave_the_labels_alone(porch: Porch) -> None:
    async with asking(parts_of(porch), somebody(Role.OPERATOR)) as client:
        page = await client.get("/residents")
        form = await client.post("/residents/places/hall/close", data={"csrf": CSRF})
        api = await client.post("/api/v1/residents/places/hall/renew", json={})
    async with asking(parts_of(porch), somebody(Role.SUPERVISOR)) as client:
        unknown = await client.post("/api/v1/residents/places/attic/close", json={})
        twice = [await client.post("/api/v1/residents/places/hall/close", json={}) for _ in range(2)]

    assert "Close Hall" not in page.text
    assert (form.status_code, api.status_code) == (403, 403)
    assert unknown.status_code == 404
    assert unknown.json()["detail"] == "there is no place attic where residents report"
    assert [each.status_code for each in twice] == [200, 409]
    assert porch.parts.desk.codes.of("hall").number == 0


async def test_a_site_without_residents_says_so(porch: Porch) -> None:
    parts = replace(parts_of(porch, base=""), residents=None)
    parts = replace(parts, site=replace(parts.site, residents=None))
    async with asking(parts, somebody()) as client:
        page = await client.get("/residents")
        labels = await client.get("/labels")
        none = [await client.get("/labels/sheet", params={"kind": kind}) for kind in ("places", "devices", "x")]
        api = await client.get("/api/v1/labels", params={"kind": "places"})

    assert "the site file has no section" in page.text
    assert "base in the section console" in labels.text
    assert [each.status_code for each in none] == [422] * 3
    assert api.status_code == 409


async def test_sheets_have_what_was_chosen_and_nothing_inline(porch: Porch) -> None:
    async with asking(parts_of(porch), somebody(Role.VIEWER, language="zh"), root_path="/fm") as client:
        places = await client.get("/labels/sheet", params={"kind": "places", "size": "small"})
        devices = await client.get("/labels/sheet", params={"kind": "devices", "class": "electricity"})
        none = await client.get("/labels/sheet", params={"kind": "devices", "class": "water"})
        style = await client.get("/static/labels.css")
        listed = (await client.get("/api/v1/labels", params={"kind": "places", "building": "A"})).json()

    assert places.text.count("<svg") == 2
    assert "Report a problem here" in places.text
    assert "扫码报修" in places.text
    assert "Lift &lt;A&gt;" in places.text
    assert "&lt;script&gt;" in devices.text
    for sheet in (places, devices):
        assert "<style" not in sheet.text
        assert " style=" not in sheet.text
        assert "<script" not in sheet.text
        assert 'href="/fm/static/labels.css?v=' in sheet.text
    assert none.status_code == 422
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert [each["address"] for each in listed] == [porch.address("lift"), porch.address("hall")]


@pytest.mark.parametrize(
    "address", ["https://house.example.org/report/r/hall-abcdefgh", "https://h.example/fm/devices/main", "a" * 250]
)
def test_a_reader_finds_the_address_in_the_code_as_it_is_drawn(address: str) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    (found,) = zxingcpp.read_barcodes(_picture(code_of(address)))

    assert found.text == address
    assert found.format == zxingcpp.BarcodeFormat.QRCode


def _picture(svg: str) -> Any:
    """The picture of a code: its path goes right in black, and jumps to where it is black again."""
    (side,) = {int(float(each)) for each in re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0]}
    (path,) = re.findall(r' d="([^"]+)"', svg)
    pixels = np.full((side, side), 255, np.uint8)
    x, y = 0.0, 0.0
    for step, said in re.findall(r"([Mmh])([^Mmh]*)", path):
        numbers = [float(each) for each in re.findall(r"-?[\d.]+", said)]
        if step == "h":
            pixels[int(y), int(x) : int(x + numbers[0])] = 0
            x += numbers[0]
        else:
            x, y = numbers if step == "M" else (x + numbers[0], y + numbers[1])
    return np.kron(pixels, np.ones((6, 6), np.uint8))


def test_a_code_has_its_quiet_zone_and_no_style_of_its_own() -> None:
    svg = code_of("https://house.example.org/report/r/hall-abcdefgh")

    assert " style=" not in svg
    assert int((_picture(svg)[: 4 * 6] == 0).sum()) == 0
