"""The routes about doors and people, over real files: journal, state, access.db and the directory of names."""

import asyncio
import getpass
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.web.exportshapes import ExportOut
from tests.clock import ManualClock
from tests.web.houses import HOUR, NOON, PSEUDONYMS, SITE, House, living
from tests.web.shaped import shaped

WHO = getpass.getuser()
ANA, BEN = PSEUDONYMS("1001"), PSEUDONYMS("1002")
MINUTE = 60_000


@pytest.fixture
async def nameless(tmp_path: Path) -> AsyncIterator[House]:
    """A house without a directory."""
    site = replace(SITE, access=replace(SITE.access, names_key=""))
    async with living(tmp_path, ManualClock(NOON - 2 * HOUR), site) as house:
        yield house


async def named(house: House) -> None:
    """Ana is in the directory."""
    answer = await house.client.post(
        "/access/names", json={"credential": "1001", "put": " Ana ", "note": "flat 3"}
    )
    assert answer.status_code == 200


async def test_doors_are_told_with_their_devices_and_limits(house: House) -> None:
    found = {each["door"]: each for each in (await house.client.get("/access/doors")).json()}

    assert set(found) == {"front", "server"}
    front = found["front"]
    assert (front["name"], front["building"], front["held_after"]) == ("Front", "A", 30.0)
    assert sorted(front["devices"]) == ["front", "front-in", "front-out"]


async def test_zones_count_who_is_in_with_and_without_a_card(house: House) -> None:
    found = {each["zone"]: each for each in (await house.client.get("/access/zones")).json()}

    assert (found["house"]["count"], found["house"]["known"], found["house"]["most"]) == (3, 2, 40)
    assert (found["servers"]["count"], found["servers"]["known"], found["servers"]["within"]) == (1, 1, "house")
    assert (found["house"]["doors"], found["house"]["is_open"]) == (["front"], None)


async def test_the_roll_call_has_everybody_once_and_notes_nothing(house: House) -> None:
    found = (await house.client.get("/access/rollcall")).json()

    assert {each["credential"]: each["zone"] for each in found["present"]} == {ANA: "house", BEN: "servers"}
    assert (found["others"], found["has_names"], found["time"]) == ({"house": 1, "servers": 0}, False, NOON)
    assert (found["site_name"], found["timezone"]) == ("HQ", "Europe/Berlin")
    assert {each["name"] for each in found["present"]} == {""}
    assert await house.commands("names_read") == []


async def test_a_roll_call_of_a_zone_has_who_is_in_it_or_within(house: House) -> None:
    inner = (await house.client.get("/access/rollcall", params={"zone": "servers"})).json()
    outer = (await house.client.get("/access/rollcall", params={"zone": "house"})).json()

    assert ([each["credential"] for each in inner["present"]], inner["others"]) == ([BEN], {"servers": 0})
    assert len(outer["present"]) == 2
    assert [each["zone"] for each in inner["zones"]] == ["servers"]


async def test_names_are_told_only_to_who_asks_and_that_is_noted_without_saying_of_whom(house: House) -> None:
    await named(house)
    found = (await house.client.get("/access/rollcall", params={"names": True})).json()
    events = (await house.client.get("/access/events", params={"names": True, "kind": "card"})).json()
    listed = (await house.client.get("/access/names")).json()

    assert {each["credential"]: each["name"] for each in found["present"]} == {ANA: "Ana", BEN: ""}
    assert {each["credential"]: each["name"] for each in events if each["credential"] == ANA} == {ANA: "Ana"}
    assert listed == [{"pseudonym": ANA, "name": "Ana", "note": "flat 3"}]
    noted = await house.commands("names_read")
    assert [(each.by, each.arguments) for each in noted] == [
        (WHO, {"what": what}) for what in ("rollcall", "events", "directory")
    ]
    [changed] = await house.commands("names_written")
    assert (changed.arguments, "Ana" in repr(changed), ANA in repr(changed)) == ({"count": "1"}, False, False)


async def test_events_are_chosen_by_door_kind_and_number(house: House) -> None:
    every = (await house.client.get("/access/events")).json()
    cards = (await house.client.get("/access/events", params={"kind": "card", "door": "server"})).json()
    last = (await house.client.get("/access/events", params={"last": 1})).json()
    none = (await house.client.get("/access/events", params={"period": "yesterday"})).json()

    assert [each["time"] for each in every] == sorted(each["time"] for each in every)
    assert {each["kind"] for each in every} >= {"card", "passage"}
    assert [(each["device"], each["result"]) for each in cards] == [
        ("server-in", "granted"),
        ("server-in", "denied"),
    ]
    assert (last, none) == (every[-1:], [])
    assert (cards[0]["door"], cards[0]["direction"], cards[0]["credential"]) == ("server", "in", BEN)


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("rollcall", {"zone": "attic"}, 404, "no zone attic"),
        ("events", {"door": "attic"}, 404, "no door attic"),
        ("events", {"period": "never"}, 422, "`never` is no period"),
        ("events", {"last": 0}, 422, "query.last"),
        ("events", {"last": 10_001}, 422, "query.last"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    house: House, path: str, query: dict[str, Any], status: int, words: str
) -> None:
    answer = await house.client.get(f"/access/{path}", params=query)

    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "facts"),
    [
        ("GET", "/access/names", None),
        ("GET", "/access/rollcall?names=true", None),
        ("GET", "/access/events?names=true", None),
        ("POST", "/access/names", {"credential": "1001", "put": "Ana"}),
        ("POST", "/access/names/import", {"csv": "credential,name\n1001,Ana\n"}),
        ("POST", "/access/names/remove", {"credential": "1001"}),
        ("POST", "/access/find", {"name": "Ana"}),
    ],
)
async def test_a_site_without_a_directory_says_how_to_get_one(
    nameless: House, method: str, path: str, facts: dict[str, str] | None
) -> None:
    answer = await nameless.client.request(method, path, json=facts)

    assert answer.status_code == 409
    assert answer.json()["detail"] == "this site has no directory of names"
    assert "access: {names: !secret NAME}" in answer.json()["what_to_do"]
    assert await nameless.commands("names_read") == []


async def test_many_names_are_taken_or_none(house: House) -> None:
    wrong = await house.client.post("/access/names/import", json={"csv": "credential,name\n1001,Ana\n1002,\n"})
    right = await house.client.post("/access/names/import", json={"csv": "credential,name\n1001,Ana\n1002,Ben\n"})
    listed = (await house.client.get("/access/names")).json()

    assert wrong.status_code == 409
    assert "no name was taken; line 3" in wrong.json()["detail"]
    assert "access names import" in wrong.json()["what_to_do"]
    assert "1002" not in wrong.text
    assert (right.json(), [each["name"] for each in listed]) == ({"names": 2}, ["Ana", "Ben"])


async def test_a_name_is_removed_once(house: House) -> None:
    await named(house)
    gone = await house.client.post("/access/names/remove", json={"name": "Ana"})
    again = await house.client.post("/access/names/remove", json={"pseudonym": ANA})

    assert gone.json() == {"pseudonym": ANA, "name": ""}
    assert again.status_code == 404
    assert again.json()["detail"] == "the directory does not have that person"


async def test_a_card_is_found_by_its_number_its_pseudonym_and_its_name(house: House) -> None:
    await named(house)
    ways: list[dict[str, str]] = [
        {"credential": "1001"},
        {"credential": "0001001", "form": "decimal"},
        {"pseudonym": ANA},
        {"name": "Ana"},
    ]

    assert [(await house.client.post("/access/find", json=way)).json() for way in ways] == [
        {"pseudonym": ANA, "name": "Ana", "is_known": True, "other_forms": []}
    ] * len(ways)


@pytest.mark.parametrize("path", ["find", "export", "erase", "names/remove"])
@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"credential": "  "},
        {"credential": "1001", "name": "Ana"},
        {"pseudonym": "XYZ"},
        {"pseudonym": "ABCDEFABCDEFABCDEFABCDEF"},
        {"credential": "secret-4711", "form": "wiegand"},
        {"credential": "secret-4711" * 100},
    ],
)
async def test_who_is_not_meant_clearly_is_refused_and_never_quoted(
    nameless: House, path: str, wish: dict[str, str]
) -> None:
    answer = await nameless.client.post(f"/access/{path}", json={**wish, "reason": "asked"})

    assert answer.status_code == 422
    assert "secret-4711" not in answer.text


async def test_nobody_has_the_name(house: House) -> None:
    answer = await house.client.post("/access/export", json={"name": "Nobody"})

    assert answer.status_code == 404
    assert answer.json()["what_to_do"] == "say the card or the pseudonym"


async def test_a_name_of_spaces_is_refused_with_advice_about_names(house: House) -> None:
    answer = await house.client.post("/access/names", json={"credential": "1001", "put": "   "})

    assert answer.status_code == 409
    assert "a credential and a name" in answer.json()["detail"]
    assert "alarms" not in answer.json()["what_to_do"]


async def test_everything_of_a_person_is_exported_and_that_is_noted(house: House) -> None:
    found = (await house.client.post("/access/export", json={"credential": "1002"})).json()

    kept = shaped(ExportOut, found)
    assert (kept.pseudonym, {each.kind for each in kept.journal}) == (BEN, {"event"})
    assert [each.kind for each in kept.entries] == ["card", "passage", "card", "passage"]
    assert BEN in str(found)
    assert ANA not in str(found)
    [noted] = await house.commands("access_export")
    assert (noted.by, noted.arguments, BEN in repr(noted)) == (WHO, {}, False)


async def test_a_person_is_erased_and_the_proof_does_not_say_who(house: House) -> None:
    await named(house)
    answer = await house.client.post("/access/erase", json={"credential": "1001", "reason": "moved out"})
    number = answer.json()["id"]
    async with asyncio.timeout(60):
        while True:
            [one] = (await house.client.get("/access/erasures")).json()
            if one["done"] is not None:
                break
            await asyncio.sleep(0.05)
    events = (await house.client.get("/access/events")).json()

    assert (answer.status_code, one["id"], one["by"], one["reason"]) == (202, number, WHO, "moved out")
    assert one["places"].get("found_after", 0) == 0
    assert {each["credential"] for each in events} >= {BEN, "erased"}
    assert ANA not in str((events, one))
    assert (await house.client.get("/access/names")).json() == []
    [noted] = await house.commands("access_erase")
    assert (noted.arguments, noted.reason, noted.by) == ({"erasure": number}, "moved out", WHO)


@pytest.mark.parametrize("reason", [{}, {"reason": ""}])
async def test_an_erasure_needs_a_reason(house: House, reason: dict[str, str]) -> None:
    answer = await house.client.post("/access/erase", json={"credential": "1001", **reason})

    assert answer.status_code == 422
    assert (await house.client.get("/access/erasures")).json() == []


async def test_the_reason_of_an_erasure_must_not_say_who(house: House) -> None:
    answer = await house.client.post("/access/erase", json={"credential": "1001", "reason": f"{ANA} moved out"})

    assert answer.status_code == 409
    assert "access erase --reason" in answer.json()["what_to_do"]
    assert (await house.commands("access_erase"), (await house.client.get("/access/erasures")).json()) == ([], [])
