"""Changes of rules that would have avoided most of their alarms: found by judging the past with each of them.

Nothing is proposed that was not tried, and nothing that would have kept an alarm from people that lasted long.
"""

import math
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from monitor.errors import JournalError, SettingsError
from monitor.fields import Quantity
from monitor.site import Rule
from monitor.trials.backtest import Loader, Result, Variant, Wish, backtest
from monitor.trials.figures import Occurrence
from monitor.trials.shares import needed_by
from rules.surroundings import Surroundings

__all__ = ["LONG", "Left", "Proposal", "Tried", "candidates", "most_raised", "propose"]

LONG: Final = 15 * 60_000
"""An alarm that lasted for so long, or for ten times the delay that is tried, must not be lost (ms)."""
_APART: Final = 30 * 60_000
"""A long alarm that came so long after another was over has to be told anew, and not as a part of it."""
_TIMES_THE_DELAY: Final = 10
_NEARLY_THE_BEST: Final = 0.9
_MINUTE: Final = 60_000
_ON_DELAYS: Final[Mapping[str, int]] = {
    "30 s": 30_000,
    "1 min": _MINUTE,
    "2 min": 2 * _MINUTE,
    "5 min": 5 * _MINUTE,
    "10 min": 10 * _MINUTE,
}
_OFF_DELAYS: Final[Mapping[str, int]] = {
    "1 min": _MINUTE,
    "5 min": 5 * _MINUTE,
    "15 min": 15 * _MINUTE,
    "30 min": 30 * _MINUTE,
}
_DEADBANDS: Final = (0.005, 0.01, 0.02, 0.05)
_KEYS: Final = ("deadband", "off_delay", "on_delay")
"""What is tried; of two that are as good the first is proposed: it makes nothing later."""


@dataclass(frozen=True, slots=True)
class Left:
    """An alarm that is left; `later`: by how many ms it is told later than without the change."""

    raised: int
    source_key: str
    later: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a change came to. `avoided`: how many alarms fewer. `lost`: long ones that nobody would have heard of.

    `active`: milliseconds in alarm; `messages`, of which `night` would have woken somebody.
    """

    key: str
    value: str
    occurrences: int
    avoided: int
    left: Sequence[Left]
    lost: Sequence[Left]
    active: int
    messages: int
    night: int

    @property
    def later(self) -> int:
        """By how much at most an alarm is told later, in ms."""
        return max((one.later for one in self.left), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed for a rule: one of what was `tried`; None where no change is worth it, and `why`."""

    rule: str
    occurrences: int
    active: int
    messages: int
    night: int
    chosen: Tried | None
    why: str = ""
    tried: Sequence[Tried] = field(default=())


# What is tried -------------------------------------------------------------------------------------------


def candidates(rule: Rule) -> list[tuple[str, str]]:
    """Keys and values to try for a rule, the smallest change of each key first.

    Whatever is critical is never told later.
    """
    params = rule.params
    found = [("deadband", value) for value in _deadbands(params)]
    found += [("off_delay", text) for text, ms in _OFF_DELAYS.items() if ms > 1000 * params.off_delay]
    if not _is_critical(params):
        found += [("on_delay", text) for text, ms in _ON_DELAYS.items() if ms > 1000 * params.on_delay]
    return found


def _is_critical(params: Any) -> bool:
    levels = getattr(params, "levels", None) or ()
    return "critical" in {params.severity, *(getattr(level, "severity", "") for level in levels)}


def _deadbands(params: Any) -> list[str]:
    if "deadband" not in type(params).model_fields:
        return []
    levels = getattr(params, "levels", None) or ()
    limits = [
        one
        for each in (params, *levels)
        for name in ("above", "below", "low", "high")
        if isinstance(one := getattr(each, name, None), Quantity)
    ]
    size = max((abs(one.magnitude) for one in limits), default=0.0)
    if not size or (levels and all(level.deadband is not None for level in levels)):
        return []
    now = params.deadband.magnitude if isinstance(params.deadband, Quantity) else 0.0
    values = sorted({_sensible(size * part) for part in _DEADBANDS})
    return [f"{value:g} {limits[0].unit or ''}".strip() for value in values if value > now * (1 + 1e-9)]


def _sensible(value: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    nearest = min((1.0, 2.0, 5.0, 10.0), key=lambda one: abs(math.log(one * power / value)))
    return float(f"{nearest * power:.6g}")


def most_raised(folder: Path, span: tuple[int, int], known: Iterable[str], count: int) -> list[str]:
    """The rules that raised most in [start, end) (UTC ms), as the state tells; raises JournalError."""
    path = folder / "state.db"
    query = (
        "SELECT rule, count(*) AS count FROM alarm JOIN alarm_event AS step USING (occurrence)"
        " WHERE step.cause = 'raised' AND raised_at >= ? AND raised_at < ? AND momentary = 0"
    )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            rows = db.execute(f"{query} GROUP BY rule ORDER BY count DESC, rule", span).fetchall()
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    names = set(known)
    return [rule for rule, _ in rows if rule in names][:count]


# Trying --------------------------------------------------------------------------------------------------


def propose(  # noqa: PLR0913 - what is tried on what, and who is told how far it is
    loader: Loader,
    file: Path,
    wish: Wish,
    names: Sequence[str],
    reached: Callable[[int, int], None],
    *,
    processes: int | None = None,
) -> list[Proposal]:
    """Try changes of these rules over a period, all in one reading; raises SettingsError and JournalError.

    Rules that know nothing of each other are changed together.
    """
    site = loader(file, {})
    around = Surroundings.of(site)
    rules = [site.rules[name] for name in names]
    parents = needed_by(rules, list(site.rules.values()), around)
    trials = {rule.id: _accepted(loader, file, rule.id, candidates(rule)) for rule in rules}
    together = not any(rule.id in needed_by([other], rules, around) for rule in rules for other in rules)
    changes = _together(trials) if together else _apart(trials)
    variants = [Variant(name="now", file=file)]
    variants += [Variant(name=str(number), file=file, changes=each) for number, each in enumerate(changes, 1)]
    wish = replace(wish, rules=frozenset({*names, *parents}))
    now, *results = backtest(loader, variants, wish, reached, processes=processes)
    return [_proposal(rule, now, results) for rule in rules]


def _accepted(loader: Loader, file: Path, rule: str, tried: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those whose key the rule takes, as the settings say: an event, for one, has no delay."""
    taken = set()
    for key, value in dict(tried).items():
        try:
            loader(file, {rule: {key: value}})
        except SettingsError:
            continue
        taken.add(key)
    return [(key, value) for key, value in tried if key in taken]


def _together(trials: Mapping[str, Sequence[tuple[str, str]]]) -> list[dict[str, dict[str, str]]]:
    most = max(map(len, trials.values()), default=0)
    return [
        {rule: dict([tried[number]]) for rule, tried in trials.items() if number < len(tried)}
        for number in range(most)
    ]


def _apart(trials: Mapping[str, Sequence[tuple[str, str]]]) -> list[dict[str, dict[str, str]]]:
    return [{rule: {key: value}} for rule, tried in trials.items() for key, value in tried]


# What it came to -----------------------------------------------------------------------------------------


def _proposal(rule: Rule, now: Result, results: Sequence[Result]) -> Proposal:
    before = [one for one in now.occurrences if one.rule == rule.id]
    (figures,) = [one for one in now.figures if one.rule == rule.id]
    tried = [
        _tried(rule.id, key, value, before, result)
        for result in results
        for key, value in result.variant.changes.get(rule.id, {}).items()
    ]
    tried.sort(key=lambda one: _KEYS.index(one.key))
    chosen, why = _choose(before, tried)
    return Proposal(
        rule=rule.id,
        occurrences=len(before),
        active=figures.active,
        messages=figures.messages,
        night=figures.night,
        chosen=chosen,
        why=why,
        tried=tried,
    )


def _tried(rule: str, key: str, value: str, before: Sequence[Occurrence], result: Result) -> Tried:
    after = [one for one in result.occurrences if one.rule == rule]
    (figures,) = [one for one in result.figures if one.rule == rule]
    end = result.span[1]
    delay = _ON_DELAYS[value] if key == "on_delay" else 0
    long = min(LONG, _TIMES_THE_DELAY * delay) if delay else LONG
    spans = _by_source(after)
    known = _by_source(before)
    lost = [
        Left(one.raised, one.source_key, 0)
        for mine in known.values()
        for number, one in enumerate(mine)
        if one.lasted(end) >= long and not _is_told(mine, number, spans.get(one.source_key, ()), end)
    ]
    return Tried(
        key=key,
        value=value,
        occurrences=len(after),
        avoided=len(before) - len(after),
        left=[Left(one.raised, one.source_key, _later(one, known.get(one.source_key, ()))) for one in after],
        lost=lost,
        active=figures.active,
        messages=figures.messages,
        night=figures.night,
    )


def _by_source(occurrences: Iterable[Occurrence]) -> dict[str, list[Occurrence]]:
    found: dict[str, list[Occurrence]] = {}
    for one in sorted(occurrences, key=lambda each: each.raised):
        found.setdefault(one.source_key, []).append(one)
    return found


def _is_told(mine: Sequence[Occurrence], number: int, spans: Sequence[Occurrence], end: int) -> bool:
    """Whether an alarm is told with the change: by one of its own, or by one that began shortly before it.

    One that began with an earlier alarm counts only while no two between them were far apart.
    """
    one = mine[number]
    until = one.raised + one.lasted(end)
    for told in spans:
        if told.raised > until or told.raised + told.lasted(end) < one.raised:
            continue
        if told.raised >= one.raised:
            return True
        first = number
        while first and mine[first].raised > told.raised:
            gap = mine[first].raised - (mine[first - 1].raised + mine[first - 1].lasted(end))
            if gap > _APART:
                return False
            first -= 1
        return True
    return False


def _later(one: Occurrence, known: Sequence[Occurrence]) -> int:
    """How much later it is told than the newest alarm that began until then was."""
    place = bisect_left(known, one.raised + 1, key=lambda each: each.raised)
    return one.raised - known[place - 1].raised if place else 0


def _choose(before: Sequence[Occurrence], tried: Sequence[Tried]) -> tuple[Tried | None, str]:
    if not before:
        return None, "it raised nothing"
    if all(one.is_event for one in before):
        return None, "its alarms are events, over as soon as they are raised: no delay changes that"
    if not tried:
        return None, "there is nothing to try: its delays are long already"
    safe = [one for one in tried if not one.lost]
    worth = [one for one in safe if 2 * one.avoided > len(before)]
    if worth:
        enough = _NEARLY_THE_BEST * max(one.avoided for one in worth)
        return min((one for one in worth if one.avoided >= enough), key=lambda one: one.later // 1000), ""
    best = max(tried, key=lambda one: one.avoided)
    if 2 * best.avoided > len(before):
        return (
            None,
            f"what avoids most of them ({best.key} {best.value}) would lose {len(best.lost)} that lasted long",
        )
    return None, f"the best, {best.key} {best.value}, would have avoided {max(0, best.avoided)} of {len(before)}"
