"""Signing in on a real port: who guesses is slowed down, keeps nobody else out and learns nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from monitor.accounts.roles import Role
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.web.signin import SignIns, Try
from tests.clock import ManualClock
from tests.web.browsing import PASSWORD, Front, accounts_of, front
from tests.web.serving import make_parts

NEW = "eleven blue valves turn"


@pytest.fixture
async def here(journal: SqliteJournal, state: State, clock: ManualClock) -> AsyncIterator[Front]:
    async with front(make_parts(journal, clock), await accounts_of(state, clock)) as served:
        await served.add("chief", Role.ADMINISTRATOR)
        await served.add("ana", Role.OPERATOR)
        yield served


async def test_an_unknown_login_costs_as_much_as_a_wrong_password(here: Front) -> None:
    await here.accounts.add("new", role=Role.VIEWER, by="")
    await here.add("gone")
    await here.accounts.change("gone", disabled=True)
    told = []
    async with here.browser() as browser:
        for login in ("ana", "nobody", "new", "gone"):
            before = here.accounts.passwords.compared
            answer = await browser.sign_in(login, "not the password")
            told.append(
                (answer.status_code, here.accounts.passwords.compared - before, len(answer.text) - len(login))
            )

    assert told == [told[0]] * 4
    assert told[0][:2] == (422, 1)


async def test_who_guesses_waits_longer_and_longer_and_is_told_how_long(here: Front) -> None:
    async with here.browser() as browser:
        answers = [await browser.sign_in("ana", f"guess number {number}") for number in range(6)]
        right = await browser.sign_in("ana")

    assert [each.status_code for each in answers] == [422, 422, 422, 429, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert right.status_code == 429
    assert "set-cookie" not in right.headers


def _guesses(now: list[float], signins: SignIns, tried: Try, seconds: float) -> int:
    """How many tries somebody has within a time who takes each as soon as he may."""
    end, count = now[0] + seconds, 0
    while now[0] < end:
        wait = signins.wait(tried)
        count += wait == 0
        now[0] += wait
    return count


def test_who_guesses_in_the_house_keeps_nobody_else_out() -> None:
    now = [0.0]
    signins = SignIns(lambda: now[0])
    house = Try(login="chief", network="192.0.2.1", is_known=True)
    guesses = _guesses(now, signins, house, 3600)
    for name in range(30):  # and uses up what the address has
        signins.wait(replace(house, login=f"name-{name}"))

    assert guesses <= 17
    assert signins.wait(house) > 0
    assert signins.wait(replace(house, browser="the chief's own")) == 0
    assert signins.wait(replace(house, network="198.51.100.7", is_known=False)) == 0
    assert signins.wait(replace(house, login="ana", browser="ana's own")) == 0
    now[0] += 6
    assert signins.wait(replace(house, login="ana")) == 0


@pytest.mark.parametrize("is_known", [False, True])
def test_a_day_has_so_many_guesses_as_is_written(*, is_known: bool) -> None:
    now = [0.0]
    signins = SignIns(lambda: now[0])
    tries = [Try(login="ana", network=f"203.0.113.{each}", is_known=is_known) for each in range(50)]
    count = 0
    while now[0] < 86_400:
        count += sum(signins.wait(each) == 0 for each in (tries[:1] if is_known else tries))
        now[0] += 10

    assert 90 <= count <= 600


def test_what_is_told_of_a_name_does_not_depend_on_whether_there_is_one() -> None:
    now = [0.0]
    signins = SignIns(lambda: now[0])
    for is_known in (False, True):
        told = [
            [signins.wait(Try(login=login, network="192.0.2.1", is_known=is_known)) for _ in range(5)]
            for login in ("ana", "nobody")
        ]
        assert told[0] == told[1]
        now[0] += 3600


async def test_a_browser_in_which_somebody_has_signed_in_is_his_own_until_another_password(here: Front) -> None:
    async with here.browser() as own, here.browser() as other:
        await own.sign_in("ana")
        mark = own.http.cookies["browser"]
        await own.send("/logout")
        guesses = [(await other.sign_in("ana", f"guess number {number}")).status_code for number in range(5)]
        stranger = await other.sign_in("ana")
        right = await own.sign_in("ana")
        kept = own.http.cookies["browser"]
        other.http.cookies.set("browser", mark)
        as_chief = [(await other.sign_in("chief", f"guess number {number}")).status_code for number in range(4)]
        await here.accounts.set_password("ana", NEW)
        other.http.cookies.set("browser", mark)
        changed = await other.sign_in("ana", NEW)

    assert guesses == [422, 422, 422, 429, 429]
    assert stranger.status_code == 429
    assert right.status_code == 303
    assert kept == mark
    assert "HttpOnly" in right.headers.get_list("set-cookie")[1]
    assert as_chief == [422, 422, 422, 429]  # it is a sign of nobody else
    assert changed.status_code == 429


async def test_who_is_signed_in_can_change_his_password_whoever_guesses_it(here: Front) -> None:
    async with here.browser() as own, here.browser() as other:
        await own.sign_in("ana")
        for number in range(5):
            await other.sign_in("ana", f"guess number {number}")
        changed = await own.send("/account/password", current=PASSWORD, password=NEW, again=NEW)

    assert changed.status_code == 303


def test_delays_grow_and_are_forgotten_after_a_success() -> None:
    now = 0.0
    signins = SignIns(lambda: now)
    ana = Try(login="ana", network="192.0.2.1")
    waited = []
    for _ in range(14):
        while (wait := signins.wait(ana)) > 0:
            waited.append(wait)
            now += wait
    signins.succeeded(ana)

    assert waited[:4] == [1, 2, 4, 8]
    assert max(waited) <= 900
    assert signins.wait(ana) == 0


def test_whoever_knows_his_password_uses_nothing_up() -> None:
    signins = SignIns(lambda: 0.0)
    for number in range(200):
        ana = Try(login=f"ana-{number % 5}", network="192.0.2.1")
        assert signins.wait(ana) == 0
        signins.succeeded(ana)


def test_what_is_remembered_of_guesses_is_bounded() -> None:
    now = 0.0
    signins = SignIns(lambda: now)
    for number in range(20_000):
        now += 1.0
        network = f"10.{number // 60_000}.{number // 250 % 250}.{number % 250}"
        signins.wait(Try(login=f"login-{number}" * 20, network=network))

    assert len(signins._failures) <= 4000
    assert len(signins._names._clients) <= 2000


@pytest.mark.parametrize(
    "given",
    ["//evil.example.org", "/\\evil.example.org", "https://evil.example.org", "javascript:alert(1)", "\\\\evil",
     "/\t/evil.example.org", "///evil.example.org", "evil.example.org", "/ok\nlocation: x", "http:evil",
     "/%0a/../..//é", "//[", "/../another-app/", "/alarms/%2e%2E/../another-app", "/./x"],
)  # fmt: skip
async def test_nobody_is_sent_on_to_another_site(here: Front, given: str) -> None:
    async with here.browser() as browser:
        form = await browser.get("/login", params={"next": given})
        signed_in = await browser.sign_in("ana", next=given)
        again = await browser.get("/login", params={"next": given})

    assert form.status_code == 200
    assert signed_in.headers["location"] == "/"
    assert again.headers["location"] == "/"


async def test_a_session_that_was_there_before_is_not_the_one_after(here: Front) -> None:
    async with here.browser() as victim, here.browser() as attacker:
        await attacker.sign_in("ana")
        planted = attacker.secret
        chosen = "x" * 43
        for secret in (planted, chosen):
            victim.http.cookies.clear()
            headers = {"cookie": f"session={secret}"}
            answer = await victim.post("/login", {"login": "chief", "password": PASSWORD}, headers=headers)
            assert answer.status_code == 303
            assert secret not in answer.headers["set-cookie"]
        after = await attacker.get("/account")

    assert after.status_code == 303
    assert here.accounts.session(planted) is None
    assert here.accounts.session(chosen) is None
