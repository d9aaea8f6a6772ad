"""Signing in and out on a real port, and the link that gives somebody a password."""

from collections.abc import AsyncIterator

import pytest

from monitor.accounts.roles import Role
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from tests.clock import ManualClock
from tests.web.browsing import PASSWORD, Front, accounts_of, front
from tests.web.serving import make_parts


@pytest.fixture
async def here(journal: SqliteJournal, state: State, clock: ManualClock) -> AsyncIterator[Front]:
    async with front(make_parts(journal, clock), await accounts_of(state, clock)) as served:
        yield served


async def test_who_signs_in_sees_what_he_asked_for(here: Front) -> None:
    await here.add("ana")
    async with here.browser() as browser:
        asked = await browser.get("/account?a=b")
        form = await browser.get(asked.headers["location"])
        wrong = await browser.sign_in("ana", "not her password")
        right = await browser.sign_in("Ana ", next="/account?a=b")
        home = await browser.get("/")

    assert asked.headers["location"] == "/login?next=%2Faccount%3Fa%3Db"
    assert 'value="/account?a=b"' in form.text
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (422, False)
    assert (right.status_code, right.headers["location"]) == (303, "/account?a=b")
    assert "HttpOnly" in right.headers["set-cookie"]
    assert "SameSite=lax" in right.headers["set-cookie"]
    assert home.status_code == 200


async def test_a_link_gives_a_password_once(here: Front) -> None:
    await here.accounts.add("ana", role=Role.ADMINISTRATOR, by="root")
    secret, _ = await here.accounts.invite("ana", by="root")
    path = f"/welcome/{secret}"
    given = {"password": PASSWORD, "again": PASSWORD}
    async with here.browser() as browser, here.browser() as other:
        looked = [(await browser.get(path)).status_code for _ in range(3)]
        differ = await browser.post(path, {**given, "again": "another one, quite long"})
        short = await browser.post(path, {"password": "short", "again": "short"})
        chosen = await browser.post(path, given)
        again = await other.post(path, given)
        home = await browser.get("/")
        signed_in = await other.sign_in("ana")

    assert looked == [200, 200, 200]
    assert differ.status_code == short.status_code == 422
    assert chosen.status_code == 303
    assert again.status_code == 404
    assert home.status_code == 200
    assert signed_in.status_code == 303


async def test_who_signs_out_is_out(here: Front) -> None:
    await here.add("ana")
    async with here.browser() as browser:
        await browser.sign_in("ana")
        secret = browser.secret
        await browser.send("/logout")
        home = await browser.get("/", headers={"cookie": f"session={secret}"})

    assert home.status_code == 303
    assert here.accounts.session(secret) is None
