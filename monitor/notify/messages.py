"""Messages in the languages of people: templates over the facts that routing put into a row.

Each kind of message has one template. It is rendered in two forms: plain text, whose first line is the title, and
a page for mail. What is not known is not mentioned.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.notify import languages
from monitor.notify.languages import LANGUAGES, TAGS
from monitor.notify.short import shorten, squeeze
from monitor.ports import Message

__all__ = ["KINDS", "LANGUAGES", "render", "shows_value"]

_TEMPLATES: Final = Path(__file__).parent / "templates"

KINDS: Final = (
    "raise",
    "severity",
    "clear",
    "acknowledged",
    "assigned",
    "combined",
    "gathered",
    "shelf_expiring",
    "chatter",
    "unrecorded",
    "recorded",
    "remind",
    "assigned",
    "self_test",
)
"""The messages there are; `combined`: of an alarm that cleared before it could be told; `gathered`: of many."""

_TITLE_LIMIT: Final = 150
_FACT_LIMIT: Final = 1000

_WITHOUT_VALUE: Final = frozenset({"state", "event", "stale", "offline", "segment", "supply"})
"""Kinds of rules that judge no quantity: what they carry as value would puzzle the reader."""

_UNKNOWN: Final[Mapping[str, Any]] = {
    "rule": {"name": "", "kind": ""},
    "device": {"name": "", "id": ""},
    "occurrence": "",
}
"""What a message about no alarm leaves out of its facts."""
_WEB: Final = ("https://", "http://")
_STOCK_TEXTS: Final = ("response", "usual_cause", "consequence")

_TEXT, _PAGE = "forms/text.j2", "forms/page.j2"
_OVER: Final = frozenset({"clear", "recorded"})
_COLOURS: Final[Mapping[str, str]] = {
    "critical": "#b91c1c",
    "high": "#c2410c",
    "medium": "#a16207",
    "low": "#0369a1",
    "over": "#15803d",
}
"""Severity -> the colour of its bar; white on it can be read (a contrast of 4.5 at least)."""


def render(
    kind: str, language: str, body: Mapping[str, Any], *, cleared: int | None = None, image: str = ""
) -> Message:
    """Write the message of a kind for one language (an unknown one: English) from a row's body.

    `cleared`: UTC ms of the end of the alarm, for kind `combined`. `image`: the name of a picture that goes with
    the message, which its page shows.
    """
    known = languages.known(language)
    say = languages.words_of(known).ugettext
    facts = _in_words({**_UNKNOWN, **_clean(body)}, say)
    if not str(facts.get("link", "")).startswith(_WEB):
        facts.pop("link", None)
    if "gathered" in facts:
        facts["gathered"] = _gathered(facts["gathered"], say)
    ended = facts.get("time") if cleared is None else cleared
    told = {
        "facts": facts,
        "ended": ended,
        "lasted": _lasted(facts.get("since"), facts.get("time") if ended is None else ended),
        "shows_value": shows_value(facts["rule"]["kind"]),
        "kind": kind,
        "image": image,
    }
    zone = facts["site"]["timezone"]
    title, lines = _text(kind, known, zone, told)
    said = _environment(known, zone, form=_TEXT).get_template("short.j2").render(told)
    return Message(
        title=title,
        text="\n".join(lines),
        severity=str(facts["severity"]),
        html=_page(kind, known, zone, told, (title, lines[0] if lines else "")),
        short=squeeze(said.splitlines(), say(". ")),
    )


def shows_value(kind: str) -> bool:
    """Whether rules of a kind judge a quantity."""
    return kind not in _WITHOUT_VALUE


def _text(kind: str, language: str, zone: str, told: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The title, and the lines of the plain text."""
    template = _environment(language, zone, form=_TEXT).get_template(f"{kind}.j2")
    lines = [line.strip() for line in template.render(told, form=_TEXT).splitlines()]
    title, *rest = [line for line in lines if line]
    return shorten(title, _TITLE_LIMIT), rest


def _page(kind: str, language: str, zone: str, told: Mapping[str, Any], above: tuple[str, str]) -> str:
    """The page of a mail. `above`: its title, and what an inbox shows behind it."""
    facts = told["facts"]
    environment = _environment(language, zone, form=_PAGE)
    state, _, content = environment.get_template(f"{kind}.j2").render(told, form=_PAGE).partition("\x1e")
    is_over = kind in _OVER or ("gathered" in facts and facts["gathered"]["over"])
    return environment.get_template("page.j2").render(
        tag=TAGS[language],
        title=above[0],
        glimpse=above[1],
        state=Markup(state.strip()),  # noqa: S704 - escaped by its own template
        content=Markup("\n".join(line for line in content.splitlines() if line.strip())),  # noqa: S704 - likewise
        site=facts["site"]["name"],
        colour=_COLOURS["over"] if is_over else _COLOURS.get(facts["severity"], _COLOURS["low"]),
    )


@cache
def _environment(language: str, timezone: str, *, form: str) -> ImmutableSandboxedEnvironment:
    """Make the templates of one language and form. Plain text: Apprise escapes it for services that want HTML."""
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=form == _PAGE,
    )
    install: Any = environment
    install.install_gettext_translations(languages.words_of(language), newstyle=True)
    speech = languages.speech(language, timezone)
    environment.globals |= {"colours": _COLOURS, "point_name": languages.point_names(language)}
    environment.filters |= {
        "clock": speech.clock,
        "hour": speech.hour,
        "lasting": speech.lasting,
        "quantity": speech.quantity,
        "money": speech.money,
    }
    return environment


def _lasted(since: int | None, ended: int | None) -> int | None:
    """Milliseconds between two UTC ms; None when the clock was certainly set in between."""
    if since is None or ended is None or ended < since:
        return None
    return None if since < CLOCKS_ARE_RIGHT_FROM <= ended else ended - since


def _in_words(facts: Mapping[str, Any], say: Callable[[str], str]) -> dict[str, Any]:
    """The facts with the texts of stock rules in the reader's language; what a site wrote itself stays."""
    said = {key: say(facts[key]) for key in _STOCK_TEXTS if facts.get(key)}
    rule = facts["rule"]
    return {**facts, **said, "rule": {**rule, "name": say(rule["name"]) if rule["name"] else ""}}


def _gathered(gathered: Mapping[str, Any], say: Callable[[str], str]) -> dict[str, Any]:
    """What is told together, with how long each lasted; `over`: all that it names have come to their end."""
    alarms = [
        {
            **_in_words({**one, "rule": _named(one["rule"]), "device": _named(one["device"])}, say),
            "cleared": one.get("cleared"),
            "lasted": _lasted(one.get("since"), one.get("cleared")),
        }
        for one in gathered["alarms"]
    ]
    is_over = bool(alarms) and all(one.get("kind") == "clear" for one in alarms)
    return {**gathered, "alarms": alarms, "over": is_over}


def _named(thing: Any) -> Mapping[str, Any]:
    """A rule or a device by itself, or by its name alone."""
    return thing if isinstance(thing, Mapping) else {"name": str(thing)}


def _clean(value: Any) -> Any:
    """Bound every text and take line breaks and control characters out: some texts came over a wire."""
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        printed = value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)
        return " ".join(printed.split())[:_FACT_LIMIT]
    return value
