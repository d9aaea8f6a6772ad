"""The frame of the console: who sees it, in which language, and what is said of mistakes."""

import re
from pathlib import Path

import pytest

from monitor.journal.sqlite import SqliteJournal
from monitor.web.callers import Caller, Role, Via
from monitor.web.console import static
from tests.clock import ManualClock
from tests.web.console.asking import CSRF, asking, somebody
from tests.web.console.looking import assert_sound, form_fields, tree_of
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


async def test_the_menu_can_be_opened_and_left_without_a_script(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    async with asking(make_parts(journal, clock), somebody(Role.VIEWER)) as client:
        page = tree_of((await client.get("/alarms")).text)
    (menu,) = [each for each in page.all() if each.get("id") == "menu"]
    here = [each.get("href") for each in menu.all() if each.get("aria-current")]

    assert [each.get("href") for each in page.all() if "tomenu" in each.get("class")] == ["#menu"]
    assert [each.get("href") for each in menu.all() if each.name == "a"][-1] == "#main"
    assert here == ["/alarms"]


async def test_who_has_signed_in_can_sign_out_and_change_the_language_from_every_page(
    journal: SqliteJournal, clock: ManualClock
) -> None:
    on_socket = Caller(name="root", role=Role.ADMINISTRATOR, via=Via.SOCKET)
    async with asking(make_parts(journal, clock), somebody()) as client:
        signed_in = (await client.get("/shelves")).text
        filtered = (await client.get("/alarms?state=over&text=a%26b&done=closed")).text
        icon = next(each.get("href") for each in tree_of(signed_in).all() if each.get("rel") == "icon")
        drawn = await client.get(icon)
        failed = (await client.post("/maintenance/nothing", data={"csrf": CSRF})).text
    async with asking(make_parts(journal, clock), on_socket) as client:
        by_socket = (await client.get("/shelves")).text

    assert form_fields(signed_in, "/logout") == {"csrf": CSRF}
    assert form_fields(signed_in, "/account/language") == {"csrf": CSRF, "back": "/shelves"}
    assert form_fields(filtered, "/account/language")["back"] == "/alarms?state=over&text=a%26b"
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert form_fields(failed, "/account/language")["back"] == "/maintenance"  # no page has the address of a form
    assert "/logout" not in by_socket
    assert_sound(by_socket)


_COLOURS = re.compile(r"--(\w+):(#[0-9a-f]{3,6})")


def contrast(one: str, other: str) -> float:
    """How far two colours are apart; source: WCAG 2.2, "contrast ratio" and "relative luminance"."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_light_and_dark(scheme: str) -> None:
    css = (Path(static.__file__).parent / "static" / "console.css").read_text("utf-8")
    light, dark = css.split("@media (prefers-color-scheme:dark)", 1)
    colours = dict(_COLOURS.findall(light if scheme == "light" else dark.split("}}", 1)[0]))
    words = ("ink", "quiet", "link", "critical", "high", "medium", "low", "ok", "off")
    grounds = ("ground", "paper", "good", "bad", "warn")
    badges = ("critical", "high", "medium", "low", "ok", "off", "link")

    faint = [
        (word, ground) for word in words for ground in grounds if contrast(colours[word], colours[ground]) < 4.5
    ]
    faint += [("on", badge) for badge in badges if contrast(colours["on"], colours[badge]) < 4.5]
    assert faint == []
    assert contrast(colours["edge"], colours["paper"]) >= 3  # the edges of fields
    assert len(css.splitlines()) < 400
