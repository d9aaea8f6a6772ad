"""The routes about who is on call, on a real socket, over a real journal and a real state."""

import getpass
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.alarms.booking import book
from monitor.duty import Layer, Roster
from monitor.journal.files import Files, open_files
from monitor.model import Command, Position
from monitor.site import JournalSettings, Site
from monitor.staff import Notify, Person
from monitor.web.dutydesk import DutyDesk
from tests.clock import ManualClock
from tests.web.serving import SITE as HOUSE
from tests.web.serving import make_parts, serving

WHO = getpass.getuser()
HOUR = 3_600_000
NOW = 1_795_780_800_000  # Friday, 2026-11-27 13:00 in Berlin
MONDAY = NOW + (2 * 24 + 19) * HOUR
"""The hand-over."""
PEOPLE = {
    name: Person(id=name, name=name.title(), language="en", channels={"mail": "mailto://x"})
    for name in ("ana", "ben")
}
DUTY = Roster(id="duty", name="On-call duty", layers=(Layer(people=("ana", "ben"), begins=date(2026, 11, 23)),))
SITE: Site = replace(HOUSE, notify=Notify(people=PEOPLE, rosters={"duty": DUTY}))


@dataclass
class House:
    client: httpx.AsyncClient
    files: Files
    clock: ManualClock

    async def booked(self) -> None:
        """What was asked is written down, as the shell of the alarms does it."""
        found = await self.files.journal.read(Position(0), 100)
        assert isinstance(found, Sequence)
        commands = [each.entry for each in found if isinstance(each.entry, Command)]
        await self.files.state.transact(lambda db: book(db, commands))

    async def duty(self, **query: int) -> Any:
        (found,) = (await self.client.get("/duty", params=query)).json()
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock(NOW)
    async with open_files(tmp_path, JournalSettings(), now=clock.now, timezone=SITE.timezone) as files:
        desk = DutyDesk(files.state, SITE, clock.now)
        parts = replace(make_parts(files.journal, clock), site=SITE, duty=desk)
        async with serving(parts, tmp_path / "api.sock") as client:
            yield House(client, files, clock)


async def test_each_roster_says_who_is_on_call_until_when_and_who_is_next(house: House) -> None:
    found = await house.duty()

    assert found == {
        "id": "duty",
        "name": "On-call duty",
        "at": NOW,
        "now": {"person": "ana", "reason": "ana's turn", "until": MONDAY},
        "next": {"person": "ben", "reason": "ben's turn", "until": MONDAY + 7 * 24 * HOUR},
        "overrides": [],
    }
    assert (await house.duty(at=MONDAY))["now"]["person"] == "ben"
    assert (await house.duty(at=NOW - 300 * 24 * HOUR))["now"]["person"] is None


async def test_who_goes_on_for_another_reason_is_told_as_one_turn(house: House) -> None:
    for name, starts in (("ana", NOW + HOUR), ("ben", NOW + 3 * HOUR)):
        wish = {"person": name, "starts": starts, "ends": starts + HOUR}
        await house.client.post("/duty/duty/override", json=wish)
    await house.booked()

    found = await house.duty()

    assert (found["now"]["person"], found["now"]["until"]) == ("ana", NOW + 3 * HOUR)
    assert (found["next"]["person"], found["next"]["until"]) == ("ben", NOW + 4 * HOUR)


async def test_who_stands_in_is_kept_and_told_and_taken_back(house: House) -> None:
    wish = {"person": "ben", "ends": NOW + HOUR, "reason": "a  dentist"}
    answer = await house.client.post("/duty/duty/override", json=wish)
    await house.booked()
    found = await house.duty()
    said = answer.json()

    assert (answer.status_code, said["roster"], said["by"]) == (202, "duty", WHO)
    assert found["now"] == {
        "person": "ben",
        "reason": f"ben stands in, said {WHO}: a dentist",
        "until": NOW + HOUR,
    }
    (override,) = found["overrides"]
    assert override == {
        "id": said["id"],
        "roster": "duty",
        "person": "ben",
        "starts": NOW,
        "ends": NOW + HOUR,
        "by": WHO,
        "reason": "a dentist",
    }

    house.clock.advance(60_000)
    ended = await house.client.post(f"/duty/overrides/{said['id'][:6]}/end", json={})
    await house.booked()

    assert (ended.status_code, ended.json()["id"]) == (202, said["id"])
    assert (await house.duty())["now"]["person"] == "ana"
    assert (await house.duty())["overrides"] == []


@pytest.mark.parametrize(
    ("path", "wish", "status", "words"),
    [
        ("duty/override", {"person": "bne", "ends": NOW + 1}, 409, "did you mean ben?"),
        ("dutty/override", {"person": "ben", "ends": NOW + 1}, 409, "did you mean duty?"),
        ("duty/override", {"person": "ben", "ends": NOW - 1}, 409, "later than the begin"),
        ("duty/override", {"person": "ben"}, 422, "ends"),
        ("duty/override", {"person": "ben", "ends": -1}, 422, "ends"),
        ("duty/override", {"person": "ben", "ends": NOW + 1, "reason": "x" * 501}, 422, "reason"),
        ("overrides/nothing/end", {}, 409, "nobody stands in by the id nothing"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(
    house: House, path: str, wish: dict[str, object], status: int, words: str
) -> None:
    answer = await house.client.post(f"/duty/{path}", json=wish)

    assert answer.status_code == status
    assert words in str(answer.json())
