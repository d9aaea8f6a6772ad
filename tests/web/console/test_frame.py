"""The frame of the console: who sees it, in which language, and what is said of mistakes."""

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.web.callers import Role
from tests.clock import ManualClock
from tests.web.console.asking import asking, somebody
from tests.web.console.looking import assert_sound
from tests.web.serving import make_parts


async def test_a_stranger_is_sent_to_sign_in_and_back_again(journal: SqliteJournal, clock: ManualClock) -> None:
    async with asking(make_parts(journal, clock), None) as client:
        home = await client.get("/")
        api = await client.get("/api/v1/status")

    assert (home.status_code, home.headers["location"]) == (303, "/login")
    assert (api.status_code, api.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("language", "said"), [("en", "What needs somebody now"), ("zh", "现在需要处理的事")])
async def test_the_home_page_speaks_the_language_of_who_asks(
    journal: SqliteJournal, clock: ManualClock, language: str, said: str
) -> None:
    async with asking(make_parts(journal, clock), somebody(Role.VIEWER, language=language)) as client:
        home = await client.get("/")

    assert home.status_code == 200
    assert said in home.text
    assert_sound(home.text)


async def test_behind_a_proxy_every_address_lies_below_its_place(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    async with asking(make_parts(journal, clock), somebody(), root_path="/fm") as client:
        home = await client.get("/")

    assert 'href="/fm/static/console.css?v=' in home.text
    assert 'href="/static' not in home.text


async def test_what_is_not_there_is_told_as_a_page_and_to_programs_as_json(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    async with asking(make_parts(journal, clock), somebody()) as client:
        page = await client.get("/nothing")
        api = await client.get("/api/v1/nothing")
        static = await client.get("/static/../page.py")

    assert page.status_code == api.status_code == static.status_code == 404
    assert "Not shown" in page.text
    assert api.json()["what_to_do"]


async def test_static_files_are_kept_by_browsers_until_they_change(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    async with asking(make_parts(journal, clock), None) as client:
        plain = await client.get("/static/console.css")
        home = (await client.get("/static/console.css", params={"v": "0"})).headers["cache-control"]

    assert plain.status_code == 200
    assert plain.headers["content-type"] == "text/css; charset=utf-8"
    assert home == "no-cache"
