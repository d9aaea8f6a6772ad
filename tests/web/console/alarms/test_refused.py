"""What desks refuse is said on pages in the language of who asked, whole and with its facts."""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

from monitor.web.callers import Role
from tests.web.console.alarms.alarmhouse import Console
from tests.web.console.looking import form_fields, notices


async def test_what_desks_refuse_is_said_in_chinese(console: Console) -> None:
    there = await console.alarm()
    key = "low/meter/voltage_v"
    async with console.asked_by(Role.SUPERVISOR, language="zh") as browser:
        plan = form_fields(await browser.see("/maintenance"), "/maintenance/plan") | {"reason": "x"}
        stand_in = {"roster": "duty", "person": "li", "starts": "2030-01-01T10:00", "ends": "2030-01-02T10:00"}
        await browser.done(f"/alarms/{there}/acknowledge")
        told = {
            words: notices(await browser.refused(path, **form))
            for words, path, form in (
                (f"报警 {there} 已由 Ana 确认", f"/alarms/{there}/acknowledge", {}),
                (f"报警 {there} 尚未结束：报警结束后才能结案", f"/alarms/{there}/close", {"cause": "weather"}),
                (f"报警 {there} 尚未结案", f"/alarms/{there}/reopen", {}),
                (f"报警 {key} 并未搁置", f"/alarms/{there}/unshelve", {}),
                (f"报警 {key} 并未停用", f"/alarms/{there}/return", {}),
                ("没有设备 metre；是否指 meter？", "/maintenance/plan", {**plan, "device": "metre"}),
                ("没有楼栋为 elsewhere 的设备", "/maintenance/plan", {**plan, "building": "elsewhere"}),
                (
                    "这样设定的话，它已经结束了",
                    "/maintenance/plan",
                    {**plan, "starts": "2020-01-01T10:00"},
                ),
                ("没有维护 gone", "/maintenance/gone/end", {}),
                ("须在一年之内开始：更晚的请写入站点文件", "/on-call/stand-in", stand_in),
                ("没有编号为 gone 的代班，或代班已结束", "/on-call/gone/end", {}),
                (
                    "li 没有通知渠道 'hook'；现有 mail",
                    "/channels/test",
                    {"person": "li", "channel": "hook", "severity": "low"},
                ),
            )
        }
        nowhere = await browser.client.get("/alarms/nowhere")

    assert [words for words, found in told.items() if found != [f"未完成： {words}"]] == [], told
    assert nowhere.status_code == 404
    assert "没有这条报警。" in nowhere.text


async def test_who_may_not_or_comes_with_an_old_page_is_told_in_chinese(console: Console) -> None:
    there = await console.alarm()
    async with console.asked_by(Role.VIEWER, language="zh") as browser:
        forbidden = await browser.send(f"/alarms/{there}/acknowledge")
    async with console.asked_by(Role.OPERATOR, language="zh") as browser:
        old = await browser.send(f"/alarms/{there}/acknowledge", csrf="another")

    assert notices(forbidden.text) == ["需要至少操作员角色，或范围为 alarms 的令牌"]
    assert notices(old.text) == ["此页面是您登录之前打开的：请重新加载"]


async def test_english_readers_are_told_what_programs_are(console: Console) -> None:
    there = await console.alarm()
    async with console.asked_by(Role.SUPERVISOR) as browser:
        page = await browser.refused(f"/alarms/{there}/unshelve")
        answer = await browser.client.post(f"/api/v1/alarms/{there}/unshelve", json={})

    assert notices(page) == [f"Not done: {answer.json()['detail']}"]
