"""Choosing among all alarms that are kept, a page at a time: the database does the work."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.alarms.store import STANDING, AlarmView, these
from monitor.folding import plain
from monitor.journal.state import State

__all__ = ["Choice", "Said", "choose", "pattern_of"]

_CHOOSE: Final = """
    SELECT occurrence FROM alarm
    WHERE (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
        AND (:severities IS NULL OR severity IN (SELECT value FROM json_each(:severities)))
        AND (:responses IS NULL OR response IN (SELECT value FROM json_each(:responses)))
        AND (NOT :over OR state = 'clear' AND response = 'none'
            OR EXISTS (SELECT 1 FROM json_each(suppression) WHERE value = 'shadow'))
        AND (:devices IS NULL OR device IN (SELECT value FROM json_each(:devices)))
        AND (:rule IS NULL OR rule = :rule)
        AND (:held IS NULL
            OR NOT momentary AND EXISTS (SELECT 1 FROM json_each(suppression) WHERE value = :held))
        AND (:stands IS NULL OR state IN ('active', 'recovering') AND raised_at < :stands)
        AND {texts}
        AND raised_at BETWEEN :oldest AND :newest
        AND (:raised_at IS NULL OR (raised_at, occurrence) < (:raised_at, :occurrence))
    ORDER BY raised_at DESC, occurrence DESC LIMIT :limit
"""
_SAYS: Final = """
    (plain(title) LIKE :text{n} ESCAPE '\\' OR rule LIKE :text{n} ESCAPE '\\'
        OR source_key LIKE :text{n} ESCAPE '\\' OR occurrence LIKE :text{n} ESCAPE '\\'
        OR rule IN (SELECT value FROM json_each(:rules{n}))
        OR device IN (SELECT value FROM json_each(:devices{n})))
"""
"""That one of the texts fits: a condition for each, so that the database looks up once what is called so."""
_FOREVER: Final = (1 << 63) - 1
_HELD: Final = frozenset({"shelved", "suppressed", "out_of_service"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A text that stands in the title, rule, source or occurrence, or what it is of is called so (ids).

    Case, accents and forms of width do not count.
    """

    text: str
    rules: Collection[str] = ()
    devices: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which alarms: what is empty or None chooses nothing; times are UTC ms.

    `devices`: ids; `only`: shelved, suppressed, out_of_service or standing; `texts`: all of them fit; `over`: it
    neither lasts nor waits for anybody; `since` and `until`: [since, until) of the raise.
    """

    states: Collection[str] = ()
    severities: Collection[str] = ()
    responses: Collection[str] = ()
    rule: str = ""
    devices: Collection[str] | None = None
    only: str = ""
    texts: Sequence[Said] = ()
    over: bool = False
    since: int | None = None
    until: int | None = None


async def choose(
    state: State, choice: Choice, *, after: tuple[int, str] | None, limit: int, now: int
) -> Sequence[AlarmView]:
    """Answer the newest `limit` behind a raise (UTC ms) and its occurrence, newest first.

    They are read from the newest until there are enough: what fits nothing looks through all that are kept.
    """
    texts = " AND ".join(_SAYS.format(n=n) for n in range(len(choice.texts))) or "TRUE"
    rows = await state.query(_CHOOSE.format(texts=texts), _values(choice, after, limit, now))
    found = {alarm.occurrence: alarm for alarm in await these(state, [row["occurrence"] for row in rows])}
    return [found[row["occurrence"]] for row in rows if row["occurrence"] in found]


def _values(choice: Choice, after: tuple[int, str] | None, limit: int, now: int) -> dict[str, object]:
    """What stands in the place of each name: NULL for what chooses nothing."""
    before = (None, None) if after is None else after
    newest = _FOREVER if choice.until is None else choice.until - 1
    texts = {
        f"{name}{n}": value
        for n, said in enumerate(choice.texts)
        for name, value in (
            ("text", pattern_of(plain(said.text))),
            ("rules", json.dumps(sorted(said.rules))),
            ("devices", json.dumps(sorted(said.devices))),
        )
    }
    return {
        **texts,
        "states": _among(choice.states),
        "severities": _among(choice.severities),
        "responses": _among(choice.responses),
        "devices": None if choice.devices is None else json.dumps(sorted(choice.devices)),
        "rule": choice.rule or None,
        "held": choice.only if choice.only in _HELD else None,
        "stands": now - STANDING if choice.only == "standing" else None,
        "over": choice.over,
        "oldest": -_FOREVER if choice.since is None else choice.since,
        "newest": newest if after is None else min(newest, after[0]),
        "raised_at": before[0],
        "occurrence": before[1],
        "limit": limit,
    }


def _among(words: Collection[str]) -> str | None:
    return json.dumps(sorted(words)) if words else None


def pattern_of(text: str) -> str:
    """The pattern for LIKE, with ESCAPE, that finds a text anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
