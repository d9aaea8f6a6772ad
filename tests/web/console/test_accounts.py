"""The pages about accounts on a real port: sessions, passwords, users, tokens, the trail."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from monitor.accounts.roles import Role, Scope
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from tests.clock import ManualClock
from tests.web.browsing import PASSWORD, Front, accounts_of, front
from tests.web.console.looking import notices
from tests.web.serving import make_parts

NEW = "eleven blue valves turn"


@pytest.fixture
async def here(journal: SqliteJournal, state: State, clock: ManualClock) -> AsyncIterator[Front]:
    async with front(make_parts(journal, clock), await accounts_of(state, clock)) as served:
        await served.add("chief", Role.ADMINISTRATOR)
        await served.add("ana", Role.OPERATOR)
        yield served


# One's own account ---------------------------------------------------------------------------------------


async def test_another_password_ends_all_other_sessions_and_goes_on_here(here: Front) -> None:
    async with here.browser() as browser, here.browser() as phone:
        await browser.sign_in("ana")
        await phone.sign_in("ana")
        before = browser.secret
        wrong = await browser.send("/account/password", current="no", password=NEW, again=NEW)
        differ = await browser.send("/account/password", current=PASSWORD, password=NEW, again=NEW + "x")
        usual = await browser.send(
            "/account/password", current=PASSWORD, password="password1234", again="password1234"
        )
        changed = await browser.send("/account/password", current=PASSWORD, password=NEW, again=NEW)
        here_after, there = await browser.get("/account"), await phone.get("/account")
        old, new = await phone.sign_in("ana"), await phone.sign_in("ana", NEW)

    assert [each.status_code for each in (wrong, differ, usual)] == [422, 422, 422]
    assert (changed.status_code, changed.headers["location"]) == (303, "/account?done=password")
    assert browser.secret != before
    assert here.accounts.session(before) is None
    assert (here_after.status_code, there.status_code) == (200, 303)
    assert (old.status_code, new.status_code) == (422, 303)


async def test_all_other_browsers_can_be_signed_out(here: Front) -> None:
    async with here.browser() as browser, here.browser() as phone:
        await browser.sign_in("ana")
        await phone.sign_in("ana")
        await browser.send("/account/sessions")
        here_after, there = await browser.get("/"), await phone.get("/")

    assert (here_after.status_code, there.status_code) == (200, 303)


async def test_sessions_end_when_idle_and_in_any_case(here: Front, clock: ManualClock) -> None:
    async with here.browser() as idle, here.browser() as busy:
        await idle.sign_in("ana")
        await busy.sign_in("chief")
        seen = []
        for _ in range(30):
            clock.time += 3_000_000
            seen.append((await busy.get("/")).status_code)
        out = (await idle.get("/")).status_code

    assert out == 303
    assert seen[:28] == [200] * 28
    assert seen[-1] == 303


async def test_somebody_chooses_his_language_for_every_browser(here: Front) -> None:
    async with here.browser() as browser, here.browser() as other:
        chosen = await browser.get("/login?language=zh")
        form = await browser.get("/login")
        await browser.sign_in("ana")
        await browser.send("/account/language", language="zh")
        await other.sign_in("ana")
        home = await other.get("/account")

    assert chosen.status_code == 303
    assert 'lang="zh-Hans' in form.text or 'lang="zh' in form.text
    assert "我的账户" in home.text


# Users and tokens ----------------------------------------------------------------------------------------


async def test_an_administrator_adds_somebody_who_chooses_his_password(here: Front) -> None:
    async with here.browser() as browser, here.browser() as bens:
        await browser.sign_in("chief")
        added = await browser.send("/users", login="ben", name="Ben", role="supervisor")
        link = added.text.partition("<code>")[2].partition("</code>")[0]
        await bens.post(link.removeprefix(here.origin), {"password": NEW, "again": NEW})
        mine = await bens.get("/account")
        listed = await browser.get("/users")
        kept = await here.accounts.audit.look(limit=500)

    assert added.status_code == 200
    assert "Ben" in mine.text
    secret = link.rpartition("/")[2]
    assert len(secret) == 43
    assert secret not in listed.text
    assert secret not in str(kept)
    assert here.accounts.account("ben").role is Role.SUPERVISOR


@pytest.mark.parametrize(
    "form",
    [
        {"login": "Ana B", "role": "viewer"},
        {"login": "ana", "role": "viewer"},
        {"login": "new", "role": "king"},
        {"login": "new", "role": "viewer", "name": "ANA"},
        {"login": "new", "role": "viewer", "name": "a\nb"},
        {"login": "new", "role": "viewer", "person": "nobody"},
        {"login": "", "role": "viewer"},
        {},
    ],
)
async def test_users_that_cannot_be_are_refused_with_what_was_typed(here: Front, form: dict[str, str]) -> None:
    async with here.browser() as browser:
        await browser.sign_in("chief")
        answer = await browser.send("/users", **form)

    assert answer.status_code == 422
    assert len(here.accounts.people()) == 2


async def test_administrators_are_refused_in_their_own_language(here: Front) -> None:
    await here.accounts.change("chief", language="zh")
    async with here.browser() as browser:
        await browser.sign_in("chief")
        answers = [
            await browser.send("/users", login="ana", role="viewer"),
            await browser.send("/users", login="new", role="viewer", name="ANA"),
            await browser.send("/users/chief/disable"),
            await browser.send("/users/gone/disable"),
            await browser.send("/users/ana/remove", sure="an"),
            await browser.send("/tokens", name="grafana", days="30"),
            await browser.send("/tokens/gone/remove"),
        ]

    assert [each for answer in answers for each in notices(answer.text)] == [
        "用户 ana 已存在",
        "已有人名为 ANA：两人的操作将无法区分",
        "chief 是最后一个管理员：请先设置另一个管理员",
        "没有用户 gone",
        "要删除用户，请输入其登录名",
        "令牌至少需要一个权限范围",
        "没有令牌 gone",
    ]


async def test_the_last_administrator_stays_one(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("chief")
        refused = [
            await browser.send("/users/chief/role", role="viewer"),
            await browser.send("/users/chief/disable"),
            await browser.send("/users/chief/remove", sure="chief"),
        ]
        await browser.send("/users/ana/role", role="administrator")
        allowed = await browser.send("/users/chief/role", role="viewer")
        after = await browser.get("/users")

    assert [each.status_code for each in refused] == [422] * 3
    assert allowed.status_code == 303
    assert after.status_code == 303
    assert here.accounts.account("chief").role is Role.VIEWER


@pytest.mark.parametrize(
    ("action", "form"), [("role", {"role": "viewer"}), ("disable", {}), ("remove", {"sure": "ana"})]
)
async def test_who_loses_his_role_is_out_at_once(here: Front, action: str, form: dict[str, str]) -> None:
    async with here.browser() as browser, here.browser() as anas:
        await browser.sign_in("chief")
        await anas.sign_in("ana")
        done = await browser.send(f"/users/ana/{action}", **form)
        after = await anas.get("/")

    assert done.status_code == 303
    assert after.status_code == 303


async def test_a_token_is_shown_once(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("chief")
        none = await browser.send("/tokens", name="grafana", days="30")
        made = await browser.send("/tokens", name="grafana", scope=["read", "metrics"], days="30")
        twice = await browser.send("/tokens", name="Grafana", scope="read")
        secret = made.text.partition("<code>")[2].partition("</code>")[0]
        listed = await browser.get("/tokens")
        api = await browser.get("/api/v1/tokens")
        token = here.accounts.tokens.all()[0]
        removed = await browser.send(f"/tokens/{token.id}/remove")

    assert (none.status_code, twice.status_code) == (422, 422)
    assert secret.startswith("fm_")
    assert token.scopes == {Scope.READ, Scope.METRICS}
    assert secret not in listed.text + api.text
    assert token.secret not in listed.text + api.text
    assert removed.status_code == 303
    assert here.accounts.tokens.find(secret) is None


# The trail -----------------------------------------------------------------------------------------------


async def test_what_was_done_and_refused_is_in_the_trail_without_secrets(here: Front, state: State) -> None:
    async with here.browser() as browser, here.browser() as anas:
        await anas.sign_in("ana", "a wrong password of hers")
        await anas.sign_in("her password by mistake", "x")
        await anas.sign_in("ana")
        await anas.send("/users", login="eve", role="administrator")
        await anas.send("/logout")
        await browser.sign_in("chief")
        await browser.send("/users", login="ben", role="viewer")
        page = await browser.get("/audit")
        refused = await browser.get("/audit?refused=1")
        api = (await browser.get("/api/v1/audit?by=Ana&limit=2")).json()
    rows = [(row["by"], row["action"], row["outcome"]) for row in await here.accounts.audit.look(limit=100)][::-1]

    assert rows[:8] == [
        ("Ana", "sign_in", 422),
        ("", "sign_in", 422),
        ("Ana", "sign_in", 303),
        ("Ana", "POST /users", 403),
        ("Ana", "sign_out", 303),
        ("Chief", "sign_in", 303),
        ("Chief", "POST /users", 200),
        ("Chief", "GET /audit", 200),
    ]
    assert "POST /users" in page.text
    assert "sign_out" not in refused.text
    assert [each["action"] for each in api] == ["sign_out", "POST /users"]
    everything = str([tuple(row) for row in await state.query("SELECT * FROM audit")])
    for secret in (PASSWORD, "a wrong password of hers", "her password by mistake", browser.secret):
        assert secret not in everything


async def test_older_lines_are_on_further_pages(here: Front) -> None:
    async with here.browser() as browser:
        await browser.sign_in("chief")
        for _ in range(60):
            await browser.post("/nothing")
        page = await browser.get("/audit")
        older = page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        second = await browser.get(older)

    assert page.text.count("<tr>") == 51
    assert 1 < second.text.count("<tr>") < 51


async def test_names_are_shown_as_text(here: Front) -> None:
    await here.accounts.add("eve", name='<script>alert("1")</script>', role=Role.VIEWER, by="<b>x</b>")
    async with here.browser() as browser:
        await browser.sign_in("chief")
        await here.accounts.tokens.add("<img src=x onerror=alert(1)>", [Scope.READ], expires_at=None, by="<i>")
        pages = [(await browser.get(path)).text for path in ("/users", "/tokens", "/audit", "/account")]
        login = await browser.get("/login?next=/%22%3E%3Cscript%3E")

    for page in (*pages, login.text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>x" not in page


async def test_passwords_are_nowhere_in_the_state(here: Front, state: State) -> None:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(here.browser())
        await browser.sign_in("ana")
        secret = browser.secret
    found = {
        table: str([tuple(row) for row in await state.query(f"SELECT * FROM {table}")])
        for table in ("account", "session", "invitation", "api_token", "audit")
    }

    assert PASSWORD not in str(found)
    assert secret not in str(found)
    assert "$argon2id$" in found["account"]
