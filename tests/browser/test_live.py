"""A page that stays open shows what happens, keeps what is typed, and comes back after the server was away."""

from playwright.sync_api import expect

from tests.browser.browsing import DESK, Visitors


def test_an_alarm_and_a_value_appear_without_loading_the_page_again(visitors: Visitors) -> None:
    house = visitors.house
    with visitors.ana(**DESK) as visit:
        home = visit.open("/")
        home.evaluate("() => { window.kept = true; }")
        expect(home.locator("[data-live-state=on]")).to_be_visible()
        device = home.context.new_page()
        device.goto(f"{house.origin}/devices/mains")
        device.evaluate("() => { window.kept = true; }")
        value = device.locator("[data-point=voltage_l1_v]").first
        expect(value).to_have_text("230 V")
        expect(device.locator("[data-live-state=on]")).to_be_visible()

        house.fails(1)
        house.volts(241)

        expect(home.locator("#waiting")).to_contain_text("Pumpe gestoert")
        expect(value).to_have_text("241 V")
        assert home.evaluate("() => window.kept")
        assert device.evaluate("() => window.kept")
        assert visit.complaints == []


def test_what_is_typed_and_where_the_focus_is_stay(visitors: Visitors) -> None:
    house = visitors.house
    house.fails(1)
    occurrence = house.alarm("pump-fault")["occurrence"]
    with visitors.ana(**DESK) as visit:
        page = visit.open(f"/alarms/{occurrence}")
        expect(page.locator("[data-live-state=on]")).to_be_visible()
        page.click("summary:has-text('Comment')")
        page.locator("#comment-text").press_sequentially("Half a sent")
        assert house.daemon.command("alarms", "comment", occurrence, "from elsewhere").returncode == 0
        other = page.context.new_page()
        other.goto(f"{house.origin}/alarms/{occurrence}")
        expect(other.locator("main")).to_contain_text("from elsewhere")

        expect(page.locator("main")).to_contain_text("from elsewhere")
        page.locator("#comment-text").press_sequentially("ence")
        expect(page.locator("#comment-text")).to_be_focused()
        expect(page.locator("#comment-text")).to_have_value("Half a sentence")
        page.click("#do-comment button")
        expect(page.locator("main")).to_contain_text("Half a sentence")


def test_a_page_comes_back_by_itself_after_the_server_was_away(visitors: Visitors) -> None:
    house = visitors.house
    with visitors.ana(**DESK) as visit:
        page = visit.open("/")
        page.evaluate("() => { window.kept = true; }")
        expect(page.locator("[data-live-state=on]")).to_be_visible()
        assert house.daemon.stop() == 0
        expect(page.locator("[data-live-state=off]")).to_be_visible()
        house.fails(2)
        house.daemon.start()

        expect(page.locator("[data-live-state=on]")).to_be_visible(timeout=60_000)
        expect(page.locator("#waiting")).to_contain_text("Aufzug steht", timeout=60_000)
        assert page.evaluate("() => window.kept")


def test_a_page_says_when_nobody_tells_it_anything_and_when_one_has_to_sign_in(visitors: Visitors) -> None:
    with visitors.ana(**DESK):  # there is an account
        pass
    with visitors.stranger(**DESK) as visit:
        page = visit.open("/login?next=/alarms")
        visit.sign_in()
        expect(page.locator("[data-live-state=on]")).to_be_visible()
        crowded = page.context.new_page()
        crowded.route("**/api/v1/live?*", lambda route: route.fulfill(status=429, body="{}"))
        crowded.goto(f"{visitors.house.origin}/alarms")
        expect(crowded.locator("[data-live-state=slow]")).to_be_visible()
        crowded.click("form[action$='/logout'] button")

        expect(page.locator("[data-live-state=out] a")).to_be_visible(timeout=60_000)
        page.click("[data-live-state=out] a")
        expect(page.locator("#password")).to_be_visible()
        assert page.locator("input[name=next]").get_attribute("value") == "/alarms"
