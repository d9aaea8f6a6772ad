"""The page of one alarm: what it says, and that each of its forms changes the real alarm."""

import sqlite3

import pytest

from monitor.causes import CAUSES
from monitor.journal.state import State
from monitor.web.callers import Role
from tests.web.console.alarms.alarmhouse import HOUR, Console
from tests.web.console.looking import Element, form_fields, tree_of


def values(html: str, name: str) -> list[str]:
    """What fields of this name can say."""
    return [each.get("value") for each in tree_of(html).all() if each.get("name") == name]


async def test_it_says_what_it_is_where_since_when_and_what_to_do(console: Console) -> None:
    occurrence = await console.alarm(198.5)
    async with console.asked_by(Role.VIEWER) as browser:
        page = tree_of(await browser.see(f"/alarms/{occurrence}"))
    said = page.text
    (picture,) = [each for each in page.all() if each.name == "img"]

    for words in (
        "Undervoltage: Meter",
        "nobody has acknowledged · goes on",
        "198.5 V (limit 207 V)",
        "building A",
        "Check the <main> breaker & call.",
        "A fuse has blown.",
        "Pumps stop.",
        "Electrician",
        "It began: high",
        "mail",
    ):
        assert words in said
    assert picture.get("src").startswith("/devices/meter/trend.svg?point=voltage_v&hours=24&end=")
    assert "198.5 V at the alarm, limit 207 V, since" in picture.get("alt")


async def test_one_tap_acknowledges(console: Console) -> None:
    occurrence = await console.alarm()
    path = f"/alarms/{occurrence}"
    async with console.asked_by(Role.OPERATOR) as browser:
        form = form_fields(await browser.see(path), f"{path}/acknowledge")
        answer = await browser.client.post(f"{path}/acknowledge", data=form)
        after = await browser.see(answer.headers["location"])
        again = await browser.refused(f"{path}/acknowledge")
    shown = await console.shown(occurrence)

    assert answer.status_code == 303
    assert "Done: you have acknowledged the alarm." in after
    assert "acknowledged by Ana" in after
    assert "I take care" not in after
    assert (shown["response"], shown["acknowledged_by"]) == ("acked", "Ana")
    assert "acknowledged already by Ana" in again


async def test_a_reason_is_kept_with_the_acknowledgement(console: Console) -> None:
    occurrence = await console.alarm()
    async with console.asked_by(Role.OPERATOR) as browser:
        after = await browser.done(f"/alarms/{occurrence}/acknowledge", reason="I am on my way")

    assert "I am on my way" in after


async def test_who_resets_is_told_so_first(console: Console) -> None:
    await console.leaks(water=True)
    (alarm,) = await console.alarms()
    path = f"/alarms/{alarm['occurrence']}"
    async with console.asked_by(Role.OPERATOR) as browser:
        before = await browser.see(path)
        await console.leaks(water=False)
        warned = await browser.refused(f"{path}/acknowledge", **form_fields(before, f"{path}/acknowledge"))
        unchanged = await console.shown(alarm["occurrence"])
        await browser.done(f"{path}/acknowledge", **form_fields(warned, f"{path}/acknowledge"))
    shown = await console.shown(alarm["occurrence"])

    assert "to acknowledge it would reset it" in warned
    assert "I have looked: reset" in warned
    assert (unchanged["state"], unchanged["normal"]) == ("active", True)
    assert shown["state"] == "clear"


async def test_an_alarm_is_shelved_for_a_span_that_its_severity_allows_and_taken_off_again(
    console: Console,
) -> None:
    occurrence = await console.alarm()
    path = f"/alarms/{occurrence}"
    async with console.asked_by(Role.OPERATOR) as browser:
        spans = [
            each.get("value") for each in tree_of(await browser.see(path)).all() if each.get("name") == "minutes"
        ]
        shelved = await browser.done(f"{path}/shelve", minutes="240", once="1", reason="the fitter is here")
        held = await console.shown(occurrence)
        listed = await browser.see("/shelves")
        after = await browser.done(f"{path}/unshelve", back="shelves")
    shown = await console.shown(occurrence)

    assert spans == ["15", "60", "240", "480"]
    assert "Shelved by Ana: the fitter is here" in shelved
    assert held["suppression"] == ("shelved",)
    assert (held["shelf"]["reason"], held["shelf"]["once"]) == ("the fitter is here", True)
    assert held["shelf"]["until"] - held["history"][-1]["time"] == pytest.approx(4 * HOUR, abs=60_000)
    assert "the fitter is here" in listed
    assert "Nothing is shelved." in after
    assert shown["shelf"] is None


async def test_a_critical_alarm_is_shelved_for_an_hour_at_most(console: Console) -> None:
    await console.leaks(water=True)
    (alarm,) = await console.alarms()
    path = f"/alarms/{alarm['occurrence']}"
    async with console.asked_by(Role.OPERATOR) as browser:
        spans = [
            each.get("value") for each in tree_of(await browser.see(path)).all() if each.get("name") == "minutes"
        ]
        refused = await browser.refused(f"{path}/shelve", minutes="61", reason="x")

    assert spans == ["15", "60"]
    assert "This is longer than it may be." in refused
    assert [each.kind for each in await console.commands()] == []


async def test_supervisors_take_out_of_service_and_return(console: Console) -> None:
    occurrence = await console.alarm()
    path = f"/alarms/{occurrence}"
    async with console.asked_by(Role.SUPERVISOR) as browser:
        past = await browser.refused(f"{path}/out-of-service", review="2026-11-01", reason="broken")
        late = await browser.refused(f"{path}/out-of-service", review="2029-11-01", reason="broken")
        wrong = await browser.refused(f"{path}/out-of-service", review="soon", reason="broken")
        out = await browser.done(f"{path}/out-of-service", review="2026-12-24", reason="broken")
        held = await console.shown(occurrence)
        listed = await browser.see("/shelves")
        back = await browser.done(f"{path}/return")
    shown = await console.shown(occurrence)

    assert "This lies in the past." in past
    assert "This is longer than it may be." in late
    assert "Write a day." in wrong
    assert "Taken out of service by Ana: broken" in out
    assert (held["service"]["reason"], held["service"]["review_at"]) == ("broken", 1_798_095_600_000)
    assert "Thu 24 Dec, 08:00" in listed
    assert "back in service" in back
    assert shown["service"] is None


async def test_a_case_is_assigned_spoken_of_closed_and_opened_again(console: Console) -> None:
    occurrence = await console.alarm()
    path = f"/alarms/{occurrence}"
    async with console.asked_by(Role.OPERATOR, person="li") as browser:
        before = await browser.see(path)
        taken = await browser.done(f"{path}/assign", person=values(before, "person")[0])
        mine = await browser.see("/alarms", state="all", mine=1)
        from_him = await browser.done(f"{path}/assign", nobody="1")
        again = await browser.refused(f"{path}/assign", nobody="1")
        await browser.done(f"{path}/assign", person="li")
        await browser.done(f"{path}/comment", text="Two  of three\nfuses were blown.")
        early = await browser.refused(f"{path}/close", cause="replaced")
        await console.says(230.0)
        unsaid = await browser.refused(f"{path}/close", cause="", note="New fuses.")
        closed = await browser.done(f"{path}/close", cause="replaced", note="New fuses.")
        shown = await console.shown(occurrence)
        reopened = await browser.done(f"{path}/reopen", reason="blown again")
        open_again = await console.shown(occurrence)

    assert "Assign it to me" in before
    assert "Assign it to me" not in taken
    assert "assigned to <bdi>李伟</bdi>" in mine
    assert "Take it from <bdi>李伟</bdi>" in taken
    assert "Take it from" not in before
    assert "nobody has it any more" in from_him
    assert "Not done:" in again
    assert "is not over" in early
    assert "Choose one." in unsaid
    assert form_fields(unsaid, f"{path}/close")["note"] == "New fuses."
    assert "Two of three fuses were blown." in closed
    assert "a part or a device, replaced" in closed
    assert shown["case"]["assigned_to"] == "li"
    assert (shown["case"]["cause"], shown["case"]["note"], shown["case"]["open"]) == (
        "replaced",
        "New fuses.",
        False,
    )
    assert "blown again" in reopened
    assert open_again["case"]["open"] is True


async def test_what_comes_again_names_what_the_last_one_came_of(console: Console) -> None:
    first = await console.alarm()
    await console.says(230.0)
    async with console.asked_by(Role.OPERATOR, language="zh") as browser:
        await browser.done(f"/alarms/{first}/acknowledge")
        await browser.done(f"/alarms/{first}/close", cause="weather", note="Lightning.")
        second = await console.alarm()
        page = await browser.see(f"/alarms/{second}")

    assert f'href="/alarms/{first}"' in page
    assert "七天内第 2 次。" in page
    assert CAUSES["weather"][1] in page
    assert "Lightning." in page


@pytest.mark.parametrize(
    ("action", "said", "words", "kept"),
    [
        ("shelve", {"minutes": "60", "reason": " "}, "others have to know", ("minutes", "60")),
        ("shelve", {"minutes": "", "reason": "why"}, "Choose one.", ("reason", "why")),
        ("shelve", {"minutes": "99999999", "reason": "why"}, "Choose one.", ("reason", "why")),
        ("shelve", {"minutes": "481", "reason": "why"}, "longer than it may be", ("reason", "why")),
        ("comment", {"text": " "}, "others have to know", ("text", "")),
        ("comment", {"text": "x" * 501}, "500 characters", ("text", "x" * 501)),
        ("assign", {"person": "nobody", "reason": "why"}, "Choose somebody.", ("reason", "why")),
        ("acknowledge", {"reason": "y" * 501}, "500 characters", ("reason", "y" * 501)),
    ],
)
async def test_what_is_wrong_is_said_at_the_form_and_what_was_typed_is_kept(
    console: Console, action: str, said: dict[str, str], words: str, kept: tuple[str, str]
) -> None:
    path = f"/alarms/{await console.alarm()}"
    async with console.asked_by(Role.OPERATOR) as browser:
        page = await browser.refused(f"{path}/{action}", **said)
    forms = [each for each in tree_of(page).all() if each.get("action") == f"{path}/{action}"]

    assert words in page
    assert any(_field(form, kept[0]) == kept[1] for form in forms)
    assert await console.commands() == []


def _field(form: Element, name: str) -> str | None:
    for each in form.all():
        if each.get("name") == name and each.name == "textarea":
            return "".join(map(str, each.children)).removeprefix("\n")
        if each.get("name") == name and (each.get("type") != "radio" or "checked" in each.attributes):
            return each.get("value")
    return None


async def test_what_nobody_knows_is_not_found_and_asks_nothing(console: Console) -> None:
    async with console.asked_by() as browser:
        page = await browser.client.get("/alarms/none")
        form = await browser.send("/alarms/none/acknowledge")
        strange = await browser.client.get("/alarms/%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    assert [each.status_code for each in (page, form, strange)] == [404, 404, 404]
    assert "<script>alert" not in strange.text


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ('{"day_cost": 12.5, "currency": "EUR"}', "about €12.50 a day"),
        ('{"month_cost": 300, "currency": "EUR"}', "€300.00 more of demand charge this month"),
        ('{"cost": 7, "currency": "CNY", "day_m3": 3}', "about CN¥7.00 so far"),
        ('{"day_m3": 3}', ""),
        ('{"day_cost": "much", "currency": "EUR"}', ""),
        ("[1]", ""),
    ],
)
async def test_what_it_costs_is_what_its_message_says(
    console: Console, state: State, facts: str, words: str
) -> None:
    occurrence = await console.alarm()

    def put(db: sqlite3.Connection) -> None:
        db.execute("UPDATE outbox SET body = json_set(body, '$.facts', json(?))", (facts,))

    await state.transact(put)
    async with console.asked_by(Role.VIEWER) as browser:
        page = await browser.see(f"/alarms/{occurrence}")

    assert ("What it costs" in page) == bool(words)
    assert words in page


async def test_a_damaged_message_costs_nothing(console: Console, state: State) -> None:
    occurrence = await console.alarm()
    await state.transact(lambda db: db.execute("UPDATE outbox SET body = '{'"))
    async with console.asked_by(Role.VIEWER) as browser:
        page = await browser.see(f"/alarms/{occurrence}")

    assert "What it costs" not in page
