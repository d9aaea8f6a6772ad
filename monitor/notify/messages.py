"""Messages in the languages of people: templates over the facts that routing put into a row.

A template's first line is the title, the rest the text. What is not known is not mentioned.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.clock import CLOCKS_ARE_RIGHT_FROM
from monitor.ports import Message
from monitor.schema import unit_sign

__all__ = ["KINDS", "LANGUAGES", "render"]

_TEMPLATES: Final = Path(__file__).parent / "templates"

LANGUAGES: Final = ("en", "zh")
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
)
"""The messages there are; `combined`: of an alarm that cleared before it could be told; `gathered`: of many."""

_TITLE_LIMIT: Final = 150
_FACT_LIMIT: Final = 1000

_WITHOUT_VALUE: Final = frozenset({"state", "event", "stale", "offline", "segment", "supply"})
"""Kinds of rules that judge no quantity: what they carry as value would puzzle the reader."""

_PARTS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_DURATION_WORDS: Final = {
    "en": {"d": "d", "h": "h", "min": "min", "s": "s"},
    "zh": {"d": "天", "h": "小时", "min": "分钟", "s": "秒"},
}


def render(kind: str, language: str, body: Mapping[str, Any], *, cleared: int | None = None) -> Message:
    """Write the message of a kind for one language (an unknown one: English) from a row's body.

    `cleared`: UTC ms of the end of the alarm, for kind `combined`.
    """
    known = language if language in LANGUAGES else LANGUAGES[0]
    facts = _clean(body)
    ended = facts.get("time") if cleared is None else cleared
    text = (
        _environment(known, facts["site"]["timezone"])
        .get_template(f"{kind}.j2")
        .render(
            facts=facts,
            ended=ended,
            lasted=_lasted(facts.get("since"), facts.get("time") if ended is None else ended),
            shows_value=facts["rule"]["kind"] not in _WITHOUT_VALUE,
        )
    )
    title, _, rest = text.strip().partition("\n")
    return Message(title=_shorten(title), text=rest.strip(), severity=str(facts["severity"]))


@cache
def _environment(language: str, timezone: str) -> ImmutableSandboxedEnvironment:
    """Make the templates of one language. Plain text: Apprise escapes it for services that want HTML."""
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_TEMPLATES / language),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    zone = ZoneInfo(timezone)
    environment.filters["clock"] = lambda ms: _clock(ms, zone)
    environment.filters["lasting"] = lambda ms: _lasting(ms, language)
    environment.filters["quantity"] = _quantity
    return environment


def _lasted(since: int | None, ended: int | None) -> int | None:
    """Milliseconds between two UTC ms; None when the clock was certainly set in between."""
    if since is None or ended is None or ended < since:
        return None
    return None if since < CLOCKS_ARE_RIGHT_FROM <= ended else ended - since


def _clock(ms: int, zone: ZoneInfo) -> str:
    """UTC ms -> `2026-11-22 10:02:03 CET`."""
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _lasting(ms: int, language: str) -> str:
    """Milliseconds -> the two greatest units: `1 h 5 min`."""
    left = max(0, round(ms / 1000))
    words: list[str] = []
    for seconds, unit in _PARTS:
        count, left = divmod(left, seconds)
        if count:
            words.append(f"{count} {_DURATION_WORDS[language][unit]}")
        elif words:
            break
    return " ".join(words[:2]) or f"0 {_DURATION_WORDS[language]['s']}"


def _quantity(value: float, unit: str | None = None) -> str:
    """A number as people write it: no exponent, no trailing zeros; `207 V`, `0.04 m³/h`."""
    digits = 3 if abs(value) >= 1 or value == 0 else 6
    number = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return f"{'0' if number == '-0' else number} {unit_sign(unit) if unit else ''}".rstrip()


def _clean(value: Any) -> Any:
    """Bound every text and take line breaks and control characters out: some texts came over a wire."""
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, str):
        return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:_FACT_LIMIT]
    return value


def _shorten(title: str) -> str:
    return title if len(title) <= _TITLE_LIMIT else title[: _TITLE_LIMIT - 1].rstrip() + "…"
