"""What people do at the console: from the first link to the alarm seen to, with a thumb, keys, or no script."""

import re

from playwright.sync_api import Page, expect

from tests.browser.browsing import DESK, PHONE, Visitors


def _answer(visitors: Visitors, occurrence: str) -> str:
    """How far people are with an alarm, as the API tells it."""
    return str((visitors.house.daemon.get("alarms", occurrence) or {}).get("response"))


def test_the_first_administrator_comes_by_the_link_and_signs_out_and_in(visitors: Visitors) -> None:
    with visitors.stranger(**PHONE) as visit:
        page = visitors.welcome(visit)
        expect(page.locator("h1")).to_have_text("What needs somebody now")
        page.goto(f"{visitors.house.origin}/users")
        expect(page.locator("main")).to_contain_text("administrator")
        page.click("a.tomenu")
        page.click("text=Sign out")
        page.goto(f"{visitors.house.origin}/alarms?state=all")
        expect(page.locator("h1")).to_have_text("Sign in")
        visit.sign_in()
        expect(page.locator("h1")).to_have_text("Alarms")

        assert page.url.endswith("/alarms?state=all")
        assert visit.complaints == []


def test_two_taps_from_the_mail_to_the_acknowledgement_on_a_phone(visitors: Visitors) -> None:
    house = visitors.house
    house.fails(1)
    alarm = house.alarm("pump-fault")
    house.daemon.until(lambda: house.mail.messages, "a mail comes")
    part = house.mail.messages[-1].get_body(("html",))
    assert part is not None
    with visitors.stranger(**PHONE) as visit:
        page = visit.page
        page.set_content(part.get_content())  # as the reader of mails shows it
        link = page.locator("a[href*='/fm/a/']").first
        expect(link).to_be_visible()

        link.tap()
        page.locator("button", has_text="Acknowledge").tap()

        expect(page.locator("body")).to_contain_text("You have acknowledged this alarm, Ana.")
        assert visit.complaints == []
    assert _answer(visitors, alarm["occurrence"]) == "acked"


def test_an_alarm_is_shelved_with_a_reason_and_not_without(visitors: Visitors) -> None:
    house = visitors.house
    house.fails(2)
    occurrence = house.alarm("lift-fault")["occurrence"]
    with visitors.ana(**PHONE) as visit:
        page = visit.open(f"/alarms/{occurrence}")
        fold = page.locator("#do-shelve")
        fold.locator("summary").tap()
        fold.locator(".choices label").first.tap()
        fold.locator("button").tap()

        assert page.evaluate("() => document.querySelector('#shelve-reason').validity.valueMissing")
        assert not house.daemon.get("alarms", occurrence).get("shelf")

        fold.locator("#shelve-reason").fill("The mechanic is there")
        fold.locator("button").tap()
        expect(page.locator(".notice.good")).to_be_visible()
        expect(page.locator("main")).to_contain_text("Shelved by ana: The mechanic is there")
        page.goto(f"{house.origin}/shelves")
        expect(page.locator("main")).to_contain_text("The mechanic is there")
        assert visit.complaints == []


def test_all_of_it_works_without_scripts(visitors: Visitors) -> None:
    house = visitors.house
    house.volts(199)
    occurrence = house.alarm("volts")["occurrence"]
    with visitors.stranger(**PHONE, java_script_enabled=False) as visit:
        page = visit.page
        page.goto(f"{house.origin}/")
        visit.sign_in()
        page.click("a.tomenu")
        page.click("nav.menu a[href='/alarms']")
        page.click(f"a[href='/alarms/{occurrence}']")
        page.click("summary:has-text('Assign')")
        page.click("#do-assign button")
        expect(page.locator(".notice.good")).to_be_visible()
        page.click("summary:has-text('Comment')")
        page.fill("#comment-text", "A fuse")
        page.click("#do-comment button")
        expect(page.locator("main")).to_contain_text("A fuse")
        page.click("button:has-text('Acknowledge')")
        expect(page.locator(".notice.good")).to_be_visible()
        assert _answer(visitors, occurrence) == "acked"

        page.goto(f"{house.origin}/devices/mains")
        expect(page.locator("#points")).to_contain_text("199 V")
        page.goto(f"{house.origin}/meters/garden")
        page.click("main summary >> nth=0")
        expect(page.locator("main form").first).to_be_visible()
        page.goto(f"{house.origin}/rollcall")
        expect(page.locator("main")).to_be_visible()
        page.goto(f"{house.origin}/maintenance")
        expect(page.locator("main form").first).to_be_attached()
        page.click("a.tomenu")
        page.click("button:has-text('中文')")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        page.click("a.tomenu")
        page.click("button:has-text('English')")
        page.click("a.tomenu")
        page.click("button:has-text('Sign out')")
        expect(page.locator("h1")).to_have_text("Sign in")


def _focused(page: Page) -> str:
    return str(
        page.evaluate(
            """() => { const here = document.activeElement;
            return [here.tagName, here.id, here.getAttribute("href"), here.textContent.trim()].join(" "); }"""
        )
    )


def _tab_to(page: Page, wanted: str, most: int = 80) -> None:
    """Press Tab until something is focused; each stop is visible as such."""
    for _ in range(most):
        page.keyboard.press("Tab")
        here = _focused(page)
        if here.startswith("BODY"):
            continue
        seen = page.evaluate(
            """() => { const style = getComputedStyle(document.activeElement);
            const box = document.activeElement.getBoundingClientRect();
            return box.width > 0 && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2; }"""
        )
        assert seen, f"not seen where the focus is: {here}"
        if re.search(wanted, here):
            return
    raise AssertionError(f"{wanted} is not reached by Tab")


def test_keys_alone_go_from_the_login_to_the_acknowledgement(visitors: Visitors) -> None:
    house = visitors.house
    house.fails(1, fault=False)
    house.daemon.until(lambda: not _open(visitors, "pump-fault"), "it is over")
    house.fails(1)
    occurrence = house.alarm("pump-fault")["occurrence"]
    with visitors.stranger(**DESK) as visit:
        page = visit.page
        page.goto(f"{house.origin}/")
        page.keyboard.press("Tab")
        assert "#main" in _focused(page)
        _tab_to(page, "INPUT login")
        page.keyboard.type("ana")
        page.keyboard.press("Tab")
        page.keyboard.type("seven quiet meters hum")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("What needs somebody now")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        _tab_to(page, f"A .*/alarms/{occurrence}")  # the menu is passed by
        assert "nav" not in str(page.evaluate("() => document.activeElement.closest('nav, main').tagName")).lower()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/alarms/{occurrence}")
        _tab_to(page, "BUTTON .*Acknowledge")
        page.keyboard.press("Enter")
        expect(page.locator(".notice.good")).to_be_visible()

        assert _answer(visitors, occurrence) == "acked"
        assert visit.complaints == []


def _open(visitors: Visitors, rule: str) -> bool:
    return any(each["rule"] == rule and each["active"] for each in visitors.house.daemon.get("alarms"))
