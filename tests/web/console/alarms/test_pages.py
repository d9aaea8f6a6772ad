"""Roles, languages, strangers' forms and strange names, on all pages of this area."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.web.callers import Role
from monitor.web.console.alarms.routes import make_alarms
from monitor.web.console.page import Pages
from tests.clock import ManualClock
from tests.web.console.alarms.alarmhouse import EVIL, Console, living, make_site
from tests.web.console.asking import CSRF, asking, somebody
from tests.web.console.looking import tree_of

PAGES = ("/", "/alarms", "/shelves", "/maintenance", "/notifications", "/channels", "/on-call")
OPERATOR = ("acknowledge", "shelve", "unshelve", "assign", "comment", "close", "reopen")
SUPERVISOR = ("out-of-service", "return")


def posts(console: Console) -> Sequence[str]:
    """The address of every form."""
    site = console.parts.site
    routes = make_alarms(console.parts, Pages(site, console.parts.now, ()))
    return [route.path for route in routes if "POST" in (getattr(route, "methods", None) or ())]


def filled(path: str, occurrence: str) -> str:
    return path.replace("{occurrence}", occurrence).replace("{name}", "x").replace("{ident}", "x")


async def test_viewers_see_every_page_and_no_form(console: Console) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.VIEWER) as browser:
        for path in (*PAGES, f"/alarms/{occurrence}"):
            page = tree_of(await browser.see(path))
            (main,) = [each for each in page.all() if each.name == "main"]
            forms = [each.get("action") for each in main.all() if each.get("method") == "post"]
            assert forms == []
        refused = [(await browser.send(filled(path, occurrence))).status_code for path in posts(console)]
    shown = await console.shown(occurrence)

    assert len(refused) == 14
    assert set(refused) == {403}
    assert shown["response"] == "unacked"
    assert await console.commands() == []


async def test_operators_see_to_alarms_and_do_not_plan(console: Console) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.OPERATOR) as browser:
        page = await browser.see(f"/alarms/{occurrence}")
        maintenance = await browser.see("/maintenance")
        refused = [
            (await browser.send(filled(path, occurrence))).status_code
            for path in posts(console)
            if not path.endswith(OPERATOR)
        ]

    assert f"/alarms/{occurrence}/shelve" in page
    assert not any(f"/alarms/{occurrence}/{action}" in page for action in SUPERVISOR)
    assert "Plan maintenance" not in maintenance
    assert len(refused) == 7
    assert set(refused) == {403}


@pytest.mark.parametrize("csrf", ["", "what-another-session-carries"])
async def test_a_form_of_another_page_does_nothing(console: Console, csrf: str) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.ADMINISTRATOR) as browser:
        answers = [
            await browser.client.post(
                filled(path, occurrence),
                data={"csrf": csrf, "reason": "x", "minutes": "15", "person": "ana", "text": "x"},
            )
            for path in posts(console)
        ]

    assert {each.status_code for each in answers} == {403}
    assert await console.commands() == []


async def test_nobody_who_is_not_signed_in_sees_any_of_it(console: Console) -> None:
    occurrence = await console.alarm()
    async with asking(console.parts, None) as client:
        for path in (*PAGES, f"/alarms/{occurrence}"):
            assert (await client.get(path)).headers["location"].startswith("/login")
        for path in posts(console):
            assert (await client.post(filled(path, occurrence))).status_code == 303
    assert await console.commands() == []


async def test_names_values_and_comments_of_strangers_are_only_text(
    journal: SqliteJournal, state: State, clock: ManualClock
) -> None:
    there = make_site(meter=EVIL, sensor=EVIL, door=EVIL)
    rules = {
        ident: replace(
            rule, name=EVIL, params=rule.params.model_copy(update={"response": EVIL, "cause": EVIL, "owner": EVIL})
        )
        for ident, rule in there.rules.items()
    }
    people = {"ana": replace(there.notify.people["ana"], name=EVIL)}
    there = replace(there, name=EVIL, rules=rules, notify=replace(there.notify, people=people))
    async with living(journal, state, clock, there) as console:
        occurrence = await console.alarm()
        path = f"/alarms/{occurrence}"
        async with console.asked_by(Role.SUPERVISOR) as browser:
            await browser.done(f"{path}/comment", text=EVIL)
            await browser.done(f"{path}/assign", person="ana", reason=EVIL)
            await browser.done(f"{path}/acknowledge", reason=EVIL)
            await browser.done(f"{path}/shelve", minutes="15", reason=EVIL)
            await browser.done("/maintenance/plan", name=EVIL, length="1", unit="hours", reason=EVIL)
            await browser.done(
                "/on-call/stand-in", roster="duty", person="ana", ends="2026-12-24T08:00", reason=EVIL
            )
            pages = [await browser.see(each) for each in (*PAGES, path)]
            pages.append(await browser.see("/alarms", text=EVIL, building=EVIL, hold=EVIL, state=EVIL))
            pages.append(await browser.see("/notifications", person=EVIL, channel=EVIL, state=EVIL, page=EVIL))
            pages.append(await browser.see(path, done=EVIL))
            pages.append(await browser.refused(f"{path}/shelve", minutes=EVIL, reason=EVIL))
            pages.append(await browser.refused("/maintenance/plan", device=EVIL, length=EVIL, unit="hours"))

    assert sum("&lt;script&gt;alert(1)" in page for page in pages) == len(pages)
    for page in pages:
        assert "<script>alert" not in page
        (script,) = [each for each in tree_of(page).all() if each.name == "script"]
        assert script.get("src").startswith("/static/console.js?")


async def test_every_page_is_in_chinese_for_who_reads_that(console: Console) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.SUPERVISOR, language="zh") as browser:
        pages = {path: await browser.see(path) for path in (*PAGES, f"/alarms/{occurrence}")}
        refused = await browser.refused(f"/alarms/{occurrence}/shelve", minutes="15", reason="")

    assert all('<html lang="zh-Hans">' in page for page in pages.values())
    for path, words in {
        "/": "有 1 条报警等待处理。",
        "/alarms": "1 条报警",
        "/shelves": "没有搁置的报警。",
        "/maintenance": "安排维护",
        "/notifications": "发给人员的消息",
        "/channels": "从未试过",
        "/on-call": "未来一周",
        f"/alarms/{occurrence}": "确认：由我处理",  # noqa: RUF001 - Chinese punctuation
    }.items():
        assert words in pages[path]
    assert "欠压" in pages["/alarms"]  # the name of a stock rule
    assert "其他人需要知道" in refused


async def test_behind_a_proxy_links_forms_and_redirects_lie_below_its_place(console: Console) -> None:
    occurrence = await console.alarm()
    async with asking(console.parts, somebody(), root_path="/fm") as client:
        page = await client.get(f"/alarms/{occurrence}")
        answer = await client.post(f"/alarms/{occurrence}/acknowledge", data={"csrf": CSRF})

    addresses = [
        each.get(name)
        for each in tree_of(page.text).all()
        for name in ("href", "src", "action")
        if each.get(name) and not each.get(name).startswith("#")
    ]
    assert [each for each in addresses if not each.startswith("/fm/")] == []
    assert answer.headers["location"] == f"/fm/alarms/{occurrence}?done=acknowledged"
