"""Draws docs/console-*.png: pages of the console of the demo's house. Run by `make console-pictures`.

The demo runs meanwhile: on a folder of its own, with a past of two days; or as somebody has
started it, whose one-time link is the argument.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["main"]

_CHOSEN: Final = "seven quiet meters hum"
COLOURS: Final = 48
_PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 1.5,
}
_DESK: Final[dict[str, Any]] = {"viewport": {"width": 1200, "height": 820}}
_LINK: Final = re.compile(r"http://127\.0\.0\.1:\d+/welcome/[\w-]+")
_PAST: Final = "2"
"""Days: a trend shows one."""
_LASTS: Final = 60.0
_PATIENCE: Final = 300.0


@dataclass(frozen=True)
class Picture:
    """A page: its name here, where it is, on what screen, in which language and colours."""

    name: str
    path: str
    screen: str = "desk"
    language: str = "en"
    colours: str = "light"


PICTURES: Final = (
    Picture("home", "/", "phone"),
    Picture("alarms", "/alarms", "desk"),
    Picture("alarm", "ALARM", "phone", colours="dark"),
    Picture("plant", "/plant", "desk", language="zh"),
    Picture("device", "/devices/main-electricity?point=voltage_l2_v&hours=24", "desk", colours="dark"),
    Picture("doors", "/doors", "phone", language="zh"),
    Picture("rollcall", "/rollcall", "paper"),
)


@contextmanager
def _demo(state: Path) -> Iterator[str]:
    """Run the demo; yields the one-time link of its first administrator, once something has gone wrong."""
    log = state.with_name("log")
    words = [
        sys.executable,
        "-m",
        "monitor",
        "demo",
        "--state",
        str(state),
        "--no-caretaker",
        "--seed-days",
        _PAST,
    ]
    with log.open("wb") as said, subprocess.Popen(words, stdout=said, stderr=said) as demo:  # noqa: S603 - ours
        try:
            link = _link_in(log, demo)
            time.sleep(_LASTS)  # until all that goes wrong in its first minute has
            yield link
        finally:
            demo.terminate()


def _link_in(log: Path, demo: "subprocess.Popen[bytes]") -> str:
    """The link that the demo prints once its past is made and its console listens."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and demo.poll() is None:
        found = _LINK.search(log.read_text())
        if found is not None:
            return found[0]
        time.sleep(1)
    raise RuntimeError(f"the demo names no console:\n{log.read_text()[-2000:]}")


def _need_chinese_letters() -> None:
    """Some pages are drawn in Chinese: without a font they would be empty boxes."""
    known = subprocess.run(["fc-list", ":lang=zh"], capture_output=True, check=False)  # noqa: S607 - Debian's fontconfig
    if not known.stdout:
        sys.exit("no font here has Chinese letters: install one, such as Debian's fonts-wqy-microhei")


def _draw(browser: Browser, origin: str, known: Any, wanted: Picture) -> bytes:
    screen = _PHONE if wanted.screen == "phone" else _DESK
    context = browser.new_context(storage_state=known, color_scheme=wanted.colours, **screen)  # type: ignore[arg-type]
    context.add_cookies([{"name": "language", "value": wanted.language, "url": origin}])
    page = context.new_page()
    path = wanted.path
    if path == "ALARM":
        page.goto(f"{origin}/alarms?text=Undervoltage")
        path = page.locator("a.go").first.get_attribute("href") or "/alarms"
    page.goto(f"{origin}{path}", wait_until="load")
    if wanted.screen == "paper":
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 794, "height": 700})
    page.wait_for_timeout(1500)  # until it says that it is live
    drawn = page.screenshot()
    context.close()
    return drawn


def _save(drawn: bytes, name: str) -> None:
    target = Path(__file__).with_name(f"console-{name}.png")
    image = Image.open(BytesIO(drawn)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def _sign_up(page: Page, link: str) -> None:
    page.goto(link)
    page.fill("#password", _CHOSEN)
    page.fill("#again", _CHOSEN)
    page.click("main button")
    page.wait_for_url(lambda url: "/welcome/" not in url)


def draw(link: str) -> None:
    """Draw all pictures of the demo whose one-time link this is."""
    origin = link.partition("/welcome/")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"]
        )
        context = browser.new_context(locale="en-GB", **_PHONE)
        page = context.new_page()
        page.goto(f"{origin}/login")
        _save(page.screenshot(), "login")
        _sign_up(page, link)
        for wanted in PICTURES:
            _save(_draw(browser, origin, context.storage_state(), wanted), wanted.name)
        browser.close()


def main() -> None:
    """Draw all, of a demo that somebody started and whose link is given, or of one that is started for it."""
    _need_chinese_letters()
    if len(sys.argv) > 1:
        draw(sys.argv[1])
        return
    with tempfile.TemporaryDirectory(prefix="console-") as folder, _demo(Path(folder) / "state") as link:
        draw(link)


if __name__ == "__main__":
    main()
