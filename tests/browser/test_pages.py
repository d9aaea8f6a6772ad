"""Every page of the console, as a browser shows it: on phones and desks, light and dark, in both languages."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Page

from monitor.notify.languages import CATALOGUES
from monitor.web.permits import PERMITS
from tests.browser.browsing import DESK, PHONE, Visitors, violations
from tests.browser.house import NAMES
from tests.examples import IS_LONG

_FILLED: Final = {
    "/devices/{device}": ("/devices/mains", "/devices/pump", "/devices/door"),
    "/meters/{device}": ("/meters/mains", "/meters/garden"),
    "/equipment/{device}": ("/equipment/pump",),
    "/labels/sheet": ("/labels/sheet?kind=devices&size=small",),
    "/search": ("/search?q=pump", "/search?q=nowhere"),
    "/reports/{kind}": (),  # documents of their own, with a frame of their own
    "/alarms": ("/alarms", "/alarms?state=all&severity=critical"),
}
_NO_PAGES: Final = frozenset(
    {"/welcome/{token}", "/static/{name}", "/devices/{device}/trend.svg", "/metrics", "/healthz", "/readyz"}
)
_ENGLISH: Final = re.compile(r"\b[A-Za-z][a-z]+ [a-z]{2,}\b")
_NAMES: Final = re.compile("|".join(sorted(map(re.escape, NAMES), key=len, reverse=True)))
_TEXTS: Final = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const about = walker.currentNode.parentElement;
    if (!about.closest("bdi, code, [lang=en], script, [dir=auto]")) found.push(walker.currentNode.data.trim());
  }
  for (const each of document.querySelectorAll("[aria-label], [placeholder], img[alt]"))
    if (!each.closest("[lang=en]")) found.push(each.ariaLabel || each.placeholder || each.alt);
  return [document.title, ...found].filter(Boolean);
}"""


@pytest.fixture(scope="module")
def pages(visitors: Visitors) -> list[str]:
    """The addresses of all pages, in a house where something is wrong, shelved and planned."""
    house = visitors.house
    house.fails(1)
    house.fails(2)
    house.volts(199)
    house.messages.say_json("z/door", {"contact": True, "battery": 90})
    house.messages.say_json("r/in", {"type": "access", "time": 1, "uid": "a1b2c3", "access": "Always"})
    house.messages.say_json("z/door", {"contact": False, "battery": 90})
    alarms = [house.alarm(rule)["occurrence"] for rule in ("pump-fault", "lift-fault", "volts")]
    for words in (("shelve", alarms[1], "--for", "1h", "--reason", "Monteur"), ("ack", alarms[2])):
        assert house.daemon.command("alarms", *words).returncode == 0
    house.daemon.until(lambda: house.daemon.get("access", "rollcall")["present"], "somebody is in")
    return [*_addresses(), *(f"/alarms/{each}" for each in alarms)]


def _addresses() -> Iterator[str]:
    for path, methods in PERMITS.items():
        if "GET" in methods and not path.startswith("/api/") and path not in _NO_PAGES:
            if path in _FILLED:
                yield from _FILLED[path]
            elif path != "/alarms/{occurrence}":
                assert "{" not in path, f"{path}: say in _FILLED how it is filled in"
                yield path


def _overflow(page: Page) -> list[str]:
    """What makes a page wider than its window, and tables that have to fit a phone and do not."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll(".narrow")].filter((each) => innerWidth >= 360 &&
              each.scrollWidth > each.clientWidth).map((each) => each.outerHTML.slice(0, 120)).concat(
            document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("main *, header *, nav *")].filter((each) =>
              each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".table, .unseen"))
              .map((each) => each.outerHTML.slice(0, 120)).slice(0, 5)
              .concat([`${document.documentElement.scrollWidth} > ${innerWidth}`]))"""
        )
    )


def test_axe_finds_no_serious_fault_and_the_browser_complains_of_nothing(
    visitors: Visitors, pages: list[str]
) -> None:
    faults: list[str] = []
    milder: dict[str, str] = {}
    with visitors.ana(**PHONE, color_scheme="light") as visit:
        for path in pages:
            page = visit.open(path)
            looks = [("light phone", violations(page))]
            page.emulate_media(color_scheme="dark")
            looks.append(("dark phone", violations(page, only=("color-contrast",))))
            page.set_viewport_size(DESK["viewport"])
            if IS_LONG:
                looks.append(("dark desk", violations(page, only=("color-contrast", "target-size"))))
            page.emulate_media(color_scheme="light")
            looks.append(("light desk", violations(page, only=("heading-order", "region", "target-size"))))
            page.set_viewport_size(PHONE["viewport"])
            for look, found in looks:
                for impact, rule, where in found:
                    if impact in {"serious", "critical"}:
                        faults.append(f"{path} ({look}): {rule}: {where}")
                    else:
                        milder.setdefault(f"{impact} {rule}", f"{path} ({look}): {where}")
        complaints, asked = visit.complaints, visit.asked
        visit.open("/")
        visit.page.evaluate("() => document.documentElement.removeAttribute('lang')")
        spoilt = violations(visit.page)
    print(json.dumps(milder, indent=1))  # noqa: T201 - what is not held against it, for whoever asks with -s

    assert [rule for _, rule, _ in spoilt] == ["html-has-lang"]  # it does look
    assert not faults, "\n".join(faults)
    assert complaints == []
    assert [each for each in asked if not each.startswith(f"{visitors.house.origin}/")] == []


@pytest.mark.parametrize("language", ["en", "zh"] if IS_LONG else ["en"])
def test_no_page_is_wider_than_a_small_phone_nor_when_letters_are_twice_as_large(
    visitors: Visitors, pages: list[str], language: str
) -> None:
    wide: list[str] = []
    with visitors.ana(language, viewport={"width": 360, "height": 640}) as visit:
        for path in pages:
            page = visit.open(path)
            for width in (360, 320, 640):  # a small phone; a desk of 1280 pixels at 400 % and at 200 %
                page.set_viewport_size({"width": width, "height": 640})
                wide += [f"{path} at {width}: {each}" for each in _overflow(page)]
            page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            wide += [f"{path}, unfolded: {each}" for each in _overflow(page)]
            page.set_viewport_size({"width": 360, "height": 640})

    assert not wide, "\n".join(wide)


def _catalogues() -> frozenset[str]:
    """All that has Chinese words of its own, as English says it."""
    found: set[str] = set()
    for file in Path(CATALOGUES, "zh", "LC_MESSAGES").glob("*.po"):
        with file.open("rb") as lines:
            for each in read_po(lines):
                ids = each.id if isinstance(each.id, tuple) else (each.id,)
                found |= {one for one in ids if one and one != each.string}
    return frozenset(found)


def test_nothing_on_a_chinese_page_is_left_in_english(visitors: Visitors, pages: list[str]) -> None:
    known = _catalogues()
    left: list[str] = []
    with visitors.ana("zh", **DESK) as visit:
        for path in pages:
            page = visit.open(path)
            assert page.get_attribute("html", "lang") == "zh-Hans"
            for text in page.evaluate(_TEXTS):
                said = _NAMES.sub("", text).strip()
                if said in known or _ENGLISH.search(said):
                    left.append(f"{path}: {text[:120]}")

    assert not left, "\n".join(left)
