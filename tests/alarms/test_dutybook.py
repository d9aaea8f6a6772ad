"""Who stands in: what is refused, in words, and what is written down, on a real state."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.alarms import dutybook
from monitor.alarms.booking import book
from monitor.duty import Layer, Override, Roster
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.model import Command
from monitor.site import Site
from tests.notify.house import MINUTE, NOW, person, site

HOUR = 60 * MINUTE
DAY = 24 * HOUR


def _house() -> Site:
    made = site(person("ana", mail="mailto://a"), person("ben", mail="mailto://b"), person("cy"))
    return replace(
        made, notify=replace(made.notify, rosters={"duty": Roster(id="duty", layers=(Layer(people=("ana",)),))})
    )


def _asked(**changes: object) -> Command:
    said = {"roster": "duty", "person": "ben", "starts": NOW, "ends": NOW + HOUR, "by": "ana", "reason": "ill"}
    known = changes.pop("known", ())
    return dutybook.override(_house(), known, now=NOW, **(said | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"roster": "dutty"}, "there is no roster dutty; did you mean duty?"),
        ({"person": "bne"}, "there is no person bne; did you mean ben?"),
        ({"person": "cy"}, "cy has no channel"),
        ({"ends": NOW}, "later than the begin"),
        ({"starts": NOW - DAY, "ends": NOW - HOUR}, "over already"),
        ({"ends": NOW + 367 * DAY}, "a year at most"),
        ({"starts": NOW + 367 * DAY, "ends": NOW + 368 * DAY}, "begins within a year"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"known": [Override(roster="duty", person="ana", starts=0, ends=NOW + 1)] * 500}, "500 already"),
    ],
)
def test_what_cannot_be_is_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(RequestRefused, match=words.replace("?", r"\?")):
        _asked(**changes)


def _known(*idents: str, ends: int = NOW + HOUR) -> list[Override]:
    return [Override(roster="duty", person="ben", starts=NOW, ends=ends, id=ident) for ident in idents]


@pytest.mark.parametrize(
    ("known", "ident", "words"),
    [
        (_known("abc"), "x", "nobody stands in by the id x"),
        (_known("abc"), "", "nobody stands in by the id"),
        (_known("abc", ends=NOW), "abc", "nobody stands in by the id abc"),
        (_known("abc", "abd"), "ab", "2 ids begin with ab"),
    ],
)
def test_what_cannot_be_taken_back_is_refused_in_words(known: list[Override], ident: str, words: str) -> None:
    with pytest.raises(RequestRefused, match=words):
        dutybook.end(known, ident, by="ana", reason="", now=NOW)


def test_the_begin_of_an_id_is_enough() -> None:
    assert dutybook.end(_known("abc", "xyz"), "x", by="ana", reason="", now=NOW).target == "xyz"


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    made = State.open(tmp_path / "state.db")
    yield made
    await made.close()


async def _booked(state: State, *commands: Command) -> list[tuple[str, str]]:
    return await state.transact(lambda db: book(db, commands))


async def _rows(state: State) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await state.query("SELECT * FROM duty_override ORDER BY rowid")]


async def test_a_command_is_written_down_once(state: State) -> None:
    command = _asked()

    assert await _booked(state, command, command) == []
    assert await _rows(state) == [(command.id, "duty", "ben", NOW, NOW + HOUR, "ana", "ill")]


async def test_what_has_begun_ends_and_what_has_not_is_forgotten(state: State) -> None:
    begun, coming = _asked(), _asked(starts=NOW + 2 * HOUR, ends=NOW + 3 * HOUR)
    await _booked(state, begun, coming)
    known = [*_known(begun.id), *_known(coming.id, ends=NOW + 3 * HOUR)]
    ends = [dutybook.end(known, each.id, by="ben", reason="", now=NOW + MINUTE) for each in (begun, coming)]

    assert await _booked(state, *ends) == []
    assert [row[:5] for row in await _rows(state)] == [(begun.id, "duty", "ben", NOW, NOW + MINUTE)]
    assert await _booked(state, ends[1]) == [(ends[1].id, "it is over, or was taken back already")]


async def test_what_was_over_long_ago_is_forgotten(state: State) -> None:
    await _booked(state, _asked())

    await _booked(state, replace(_asked(), id="later", time=NOW + 402 * DAY))

    assert [row[0] for row in await _rows(state)] == ["later"]
