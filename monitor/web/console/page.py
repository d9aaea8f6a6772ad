"""What all pages of the console have in common: their frame, their words, and what they say of mistakes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from monitor.notify.languages import LANGUAGES, TAGS, Speech, point_names, speech, words_of
from monitor.schema import unit_sign
from monitor.site import Site
from monitor.web.callers import Role, Scope, known_caller
from monitor.web.console.reasons import known_reason
from monitor.web.console.static import version_of
from monitor.web.drawing import templates
from monitor.web.shapes import PREFIX
from monitor.wording import Sentence

__all__ = ["Pages", "Place", "address", "is_console", "language_of", "say", "sign_in_first"]

_FOR_PROGRAMS: Final = (PREFIX, "/healthz", "/readyz", "/metrics")
_FOLDER: Final = Path(__file__).parent / "templates"
LANGUAGE_COOKIE: Final = "language"
_LONGEST_QUERY: Final = 500
_LONGEST_BACK: Final = 1000
"""Of an address to go on to after signing in: proxies refuse answers with long headers."""


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation: where it leads, what it is called (English, in a catalogue), who sees it.

    `group` is the heading that it stands below (templates/frame.html.j2): now, plant, people, records or run.
    """

    path: str
    name: str
    role: Role = Role.VIEWER
    scope: Scope = Scope.READ
    group: str = "now"


def is_console(request: Request) -> bool:
    """Whether a page was asked for, and not what is for programs."""
    return not request.url.path.removeprefix(request.scope.get("root_path", "")).startswith(_FOR_PROGRAMS)


def address(request: Request, path: str, **query: object) -> str:
    """The address of a page for the browser that asks, below the place a proxy may have given the console."""
    asked = {name: str(value) for name, value in query.items() if value not in {None, ""}}
    return f"{request.scope.get('root_path', '')}{quote(path)}{'?' if asked else ''}{urlencode(asked)}"


def language_of(request: Request, site: Site) -> str:
    """The language of who asks: his account's, what he chose on this browser, what it prefers, the site's."""
    caller = known_caller(request)
    chosen = (caller.language if caller else "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    preferred = request.headers.get("accept-language", "").split(",")
    known = (each.split(";")[0].strip()[:2].lower() for each in preferred)
    return next((each for each in known if each in LANGUAGES), site.language)


def _stamp(ms: int) -> str:
    """UTC ms as HTML writes a time."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def _again(request: Request, here: str) -> str:
    """The page that is open, with what was asked of it, but not what was just done."""
    asked = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "done"])
    return f"{here}?{asked}" if asked and len(asked) <= _LONGEST_QUERY else here


class Pages:
    """Draws pages. `now` is UTC ms; `places` are the navigation's, in its order."""

    def __init__(self, site: Site, now: Callable[[], int], places: Iterable[Place]) -> None:
        self._site = site
        self._now = now
        self._places = tuple(places)

    def draw(self, request: Request, template: str, *, status: int = 200, **facts: object) -> HTMLResponse:
        """Answer a page: a template of the console over `facts`.

        All templates also know `site`, `caller` (None on the page to sign in), `speech` (how numbers, units and
        times are written), `now` (UTC ms), `stamp(ms)` (for `<time datetime>`), `say` (words of programs),
        `sign(unit)`, `point_name(point)`, `worded(sentence)`, `known_reason(told)` (of a message),
        `url(path, **query)`, `static(name)`, `places`, `here`, `back` (a page that can be opened: not the address
        of a form) and `csrf`.
        """
        caller = known_caller(request)
        language = language_of(request, self._site)
        here = request.url.path.removeprefix(request.scope.get("root_path", ""))
        known: Mapping[str, Any] = {
            "site": self._site,
            "caller": caller,
            "lang": TAGS[language],
            "speech": self.speech(request),
            "sign": unit_sign,
            "point_name": point_names(language),
            "say": words_of(language).ugettext,
            "worded": lambda sentence: sentence.said(words_of(language).ugettext),
            "known_reason": lambda told: known_reason(told, words_of(language).ugettext),
            "now": self._now(),
            "stamp": _stamp,
            "url": lambda path, **query: address(request, path, **query),
            "places": [place for place in self._places if caller and caller.may(place.role, place.scope)],
            "here": here,
            "back": _again(request, here) if request.method in {"GET", "HEAD"} else self._place_of(here),
            "static": lambda name: address(request, f"/static/{name}", v=version_of(name)),
            "csrf": caller.csrf if caller else "",
        }
        text = templates(_FOLDER, language).get_template(template).render({**known, **facts})
        return HTMLResponse(text, status)

    def _place_of(self, path: str) -> str:
        """The page of the navigation that a path lies below."""
        above = [place.path for place in self._places if path.startswith(f"{place.path}/")]
        return max(above, key=len, default="/")

    def words(self, request: Request) -> Callable[[str], str]:
        """What puts English into the language of who asks."""
        say: Callable[[str], str] = words_of(language_of(request, self._site)).ugettext
        return say

    def speech(self, request: Request) -> Speech:
        """How numbers, units and times are written for who asks."""
        return speech(language_of(request, self._site), self._site.timezone.key)

    def say(self, request: Request, status: int, told: str | Sentence, what_to_do: str = "") -> HTMLResponse:
        """Answer a page that says why there is nothing else to see; `told`: as it is, or marked by `say`."""
        words = self.words(request)
        told = told.said(words) if isinstance(told, Sentence) else told and words(told)
        return self.draw(request, "message.html.j2", status=status, told=told, what_to_do=what_to_do)


def sign_in_first(request: Request) -> RedirectResponse:
    """Send a browser to the page to sign in, and from there back to what it asked for."""
    asked = request.url.path.removeprefix(request.scope.get("root_path", ""))
    wanted = f"{asked}?{request.url.query}" if request.url.query else asked
    is_page = request.method in {"GET", "HEAD"} and len(wanted) <= _LONGEST_BACK
    back = wanted if is_page else "/"
    return RedirectResponse(address(request, "/login", next=back if back != "/" else ""), 303)


def say(request: Request, status: int, told: str | Sentence, what_to_do: str = "") -> HTMLResponse:
    """The same of `Pages`, for what answers mistakes of any page."""
    pages: Pages = request.app.state.pages
    return pages.say(request, status, told, what_to_do)
