"""Debian's Chromium, driven: who looks, on which screen, and what the browser complained about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.house import LOGIN, PASSWORD, House

__all__ = ["DESK", "PHONE", "Visit", "Visitors", "chromium", "violations"]

PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 800}}
_PATIENCE: Final = 60_000
"""Milliseconds that anything in a browser may take."""
expect.set_options(timeout=_PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser with a profile of its own, which asks nobody else for anything."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """Somebody's page, what the browser complained about meanwhile, and whom it asked for something."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def open(self, path: str) -> Page:
        """Open a page of the console, which has to be there."""
        answer = self.page.goto(f"{self.origin}{path}")
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"
        return self.page

    def sign_in(self) -> None:
        """Fill in the page to sign in, which is open."""
        self.page.fill("#login", LOGIN)
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")


@dataclass
class Visitors:
    """Lets people look into a house; who has signed in once is known afterwards."""

    browser: Browser
    house: House
    _known: Any = None

    @contextmanager
    def stranger(self, **how: Any) -> Iterator[Visit]:
        """Somebody whom the console does not know."""
        context = self.browser.new_context(locale="en-GB", **how)
        try:
            yield self._visit(context)
        finally:
            context.close()

    @contextmanager
    def ana(self, language: str = "en", **how: Any) -> Iterator[Visit]:
        """The administrator, signed in."""
        if self._known is None:
            self._known = self._first_visit()
        context = self.browser.new_context(locale="en-GB", storage_state=self._known, **how)
        context.add_cookies([{"name": "language", "value": language, "url": self.house.origin}])
        try:
            yield self._visit(context)
        finally:
            context.close()

    def welcome(self, visit: Visit) -> Page:
        """Open the first one-time link and choose a password, as the first administrator does."""
        page = visit.page
        page.goto(self.house.link())
        page.fill("#password", PASSWORD)
        page.fill("#again", PASSWORD)
        page.click("main button")
        page.wait_for_url(lambda url: "/welcome/" not in url)
        return page

    def _first_visit(self) -> Any:
        """Sign in; where nobody has an account yet, the first one is made."""
        with self.stranger() as visit:
            if self.house.has_users:
                visit.page.goto(f"{self.house.origin}/login")
                visit.sign_in()
                visit.page.wait_for_url(lambda url: "/login" not in url)
            else:
                self.welcome(visit)
            return visit.page.context.storage_state()

    def _visit(self, context: BrowserContext) -> Visit:
        context.set_default_timeout(_PATIENCE)
        visit = Visit(context.new_page(), self.house.origin)
        context.on(
            "console",
            lambda said: (
                visit.complaints.append(
                    f"{said.page.url if said.page else ''}: {said.text} {said.location['url']}"
                )
                if said.type in {"error", "warning"}
                else None
            ),
        )
        context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
        context.on("request", lambda request: visit.asked.add(request.url.split("?")[0]))
        return visit


def violations(page: Page, *, only: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """What axe-core finds wrong with a page: impact, rule and the elements. `only`: rules to look at."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    how: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        how["runOnly"] = {"type": "rule", "values": list(only)}
    found = page.evaluate("(how) => axe.run(document, how)", how)
    return [
        (each["impact"], each["id"], "; ".join(str(node["html"])[:160] for node in each["nodes"][:3]))
        for each in found["violations"]
    ]
