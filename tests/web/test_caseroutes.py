"""What people do about alarms, by routes and by commands: over the real socket, booked by the real shell."""

import getpass
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from monitor.alarms import Alarms
from monitor.alarms.store import standing
from monitor.causes import CAUSES
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier
from monitor.site import Site
from monitor.staff import Notify, Person
from monitor.web.desk import AlarmDesk, CaseDesk
from tests.alarms.household import DEVICES, LOW, House, site
from tests.cli.running import command
from tests.clock import ManualClock
from tests.rules.build import START, reading
from tests.web.serving import make_parts, serving

SITE = Site(
    id="s",
    name="S",
    timezone=ZoneInfo("UTC"),
    devices=DEVICES,
    rules=site({**LOW, "on_delay": "0 s"}).rules,
    notify=Notify(
        people={name: Person(id=name, name=name, language="en", channels={}) for name in ("ana", "ben")}
    ),
)
KEY = "low/meter/voltage_v"
ME = getpass.getuser()
ALARMS_PAGE = (Path(__file__).parents[2] / "docs" / "alarms.md").read_text("utf-8")


class Asked:
    """A house with an alarm that is raised, and a client of its API."""

    def __init__(self, house: House, client: httpx.AsyncClient, folder: Path, occurrence: str) -> None:
        self.house = house
        self.client = client
        self.folder = folder
        self.occurrence = occurrence
        self.at = 0

    async def says(self, volts: float) -> None:
        """Let the meter say something, and keep what comes of all that was said."""
        self.at += 1000
        await self.house.say(reading(self.at, volts), at=self.at)
        await self.house.applied()

    async def post(self, what: str, body: Mapping[str, Any]) -> httpx.Response:
        return await self.client.post(f"/alarms/{self.occurrence}/{what}", json=body)

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"/alarms/{self.occurrence}")).json()
        return found


@pytest.fixture
async def asked(journal: SqliteJournal, state: State, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Asked]:
    house = House(journal, state, clock)
    notifier = Notifier(state, SITE, channels=Channels(), now=clock.now, standing=standing)
    parts = replace(
        make_parts(journal, clock),
        site=SITE,
        alarms=AlarmDesk(state, notifier, clock.now, Alarms(journal, state, SITE, lambda _: (), clock.now)),
        cases=CaseDesk(state, SITE, clock.now),
    )
    async with house.running(SITE), serving(parts, tmp_path / "api.sock") as client:
        await house.say(reading(0, 200.0), at=0)
        yield Asked(house, client, tmp_path, (await house.only()).occurrence)


async def test_an_alarm_is_given_to_somebody_spoken_of_and_closed_when_it_is_over(asked: Asked) -> None:
    nothing = await asked.shown()
    given = await asked.post("assign", {"person": "ben", "reason": "you know it"})
    said = await asked.post("comment", {"text": "On my way."})
    too_early = await asked.post("close", {"cause": "replaced"})
    await asked.says(200.0)
    open_cases = (await asked.client.get("/cases")).json()
    of_ben, of_ana = [
        (await asked.client.get("/cases", params={"person": person})).json() for person in ("ben", "ana")
    ]
    await asked.says(230.0)
    closed = await asked.post("close", {"cause": "replaced", "note": "New breaker."})
    await asked.says(230.0)
    after = await asked.shown()
    left = (await asked.client.get("/cases")).json()
    again = await asked.post("reopen", {})
    await asked.says(230.0)
    reopened = await asked.shown()

    assert (nothing["case"], nothing["earlier"], nothing["times_in_7_days"], nothing["comments"]) == (
        None,
        None,
        1,
        [],
    )
    assert [each.status_code for each in (given, said, closed, again)] == [202] * 4
    assert (given.json()["target"], given.json()["by"]) == (asked.occurrence, ME)
    assert too_early.status_code == 409
    assert "is not over" in too_early.json()["detail"]
    assert [each["occurrence"] for each in open_cases] == [asked.occurrence]
    assert [each["occurrence"] for each in of_ben] == [asked.occurrence]
    assert of_ana == []
    assert open_cases[0]["response"] == "unacked"
    assert after["case"] == {
        "open": False,
        "assigned_to": "ben",
        "assigned_by": ME,
        "assigned_at": START,
        "closed_at": after["case"]["closed_at"],
        "closed_by": ME,
        "cause": "replaced",
        "note": "New breaker.",
        "comments": 1,
    }
    assert [(each["by"], each["text"]) for each in after["comments"]] == [(ME, "On my way.")]
    assert left == []
    assert reopened["case"]["open"] is True
    assert "it was closed by" in reopened["comments"][-1]["text"]


@pytest.mark.parametrize("nobody", [None, ""])
async def test_an_alarm_is_taken_from_who_was_given_it(asked: Asked, nobody: str | None) -> None:
    too_early = await asked.post("assign", {"person": nobody})
    await asked.post("assign", {"person": "ben"})
    await asked.says(200.0)
    taken = await asked.post("assign", {"person": nobody, "reason": "on leave"})
    await asked.says(200.0)
    case = (await asked.shown())["case"]

    assert (too_early.status_code, too_early.json()["detail"]) == (409, f"nobody was given {asked.occurrence}")
    assert taken.status_code == 202
    assert (case["assigned_to"], case["assigned_by"], case["open"]) == ("", ME, True)
    assert (await asked.client.get("/cases")).json() == []


@pytest.mark.parametrize(
    ("what", "body", "status", "words"),
    [
        ("assign", {"person": "anna"}, 409, "did you mean ana"),
        ("assign", {}, 422, "person"),
        ("comment", {"text": " "}, 409, "say something"),
        ("comment", {"text": "x" * 501}, 422, "500"),
        ("close", {"cause": "fixd"}, 409, "is no cause that is counted: did you mean fixed?"),
        ("reopen", {}, 409, "is not closed"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    asked: Asked, what: str, body: Mapping[str, Any], status: int, words: str
) -> None:
    answer = await asked.post(what, body)

    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_what_nobody_knows_is_not_found(asked: Asked) -> None:
    asked.occurrence = "none"
    for what, body in {
        "assign": {"person": "ana"},
        "comment": {"text": "x"},
        "close": {"cause": "fixed"},
        "reopen": {},
    }.items():
        assert (await asked.post(what, body)).status_code == 404


async def test_the_same_by_commands(asked: Asked) -> None:
    options = ("--state", asked.folder)
    given = await command("alarms", "assign", KEY, "ben", *options, "--json")
    await asked.says(200.0)
    mine = await command("alarms", "list", "--mine", "ben", *options)
    of_ana = await command("alarms", "list", "--mine", "ana", *options)
    refused = await command("alarms", "close", KEY, "--cause", "fixed", *options)
    said = await command("alarms", "comment", KEY, "It drips.", *options)
    await asked.says(200.0)
    shown = await command("alarms", "show", asked.occurrence[:6], *options)
    both = await command("alarms", "list", "--open-cases", "--shelved", *options)
    taken = await command("alarms", "assign", KEY, "--nobody", *options, "--json")
    unclear = [await command("alarms", "assign", KEY, *words, *options) for words in ([], ["ana", "--nobody"])]

    assert given.json["target"] == asked.occurrence
    assert mine.out.splitlines()[-1].split()[-2:] == ["ben", "-"]
    assert of_ana.out == "no open case\n"
    assert refused.code == 1
    assert "is not over" in refused.err
    assert said.code == 0
    assert "assigned_to ben" in shown.out
    assert re.search(r"comments:\n.*\n.*\n.*It drips\.", shown.out)
    assert both.code == 2
    assert taken.json["target"] == asked.occurrence
    assert [each.code for each in unclear] == [2, 2]
    assert "write PERSON or --nobody" in unclear[0].err


def test_the_page_names_every_cause() -> None:
    table = ALARMS_PAGE[ALARMS_PAGE.index("| `--cause` |") :]
    listed = re.findall(r"^\| `(\w+)` \| ([^;|\n]+?)(?:; [^|]*)? \|$", table, re.MULTILINE)

    assert listed == [(word, english.replace("; ", ", ")) for word, (english, _) in CAUSES.items()]
