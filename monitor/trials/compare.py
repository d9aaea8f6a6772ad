"""What a tape expected beside what came of it, in words."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

from monitor.notices import Notice, Router
from monitor.site import Source
from monitor.trials.case import Case, Expected
from monitor.trials.play import Played, Snapshot
from rules.effects import Step
from rules.index import alarm_key

__all__ = ["differences", "means", "notifications", "transitions"]

_KEYS = ("at", "alarm")


def differences(case: Case, played: Played, router: Router | None) -> list[str]:
    """Every difference between what the case expects and what was played; none: it passes."""
    found: list[str] = []
    for expected, look in zip(sorted(case.expect, key=lambda one: one.at), played.looks, strict=True):
        found += _at(expected, look, played)
    if case.expect_transitions is not None:
        found += _lines("transitions", case.expect_transitions, transitions(played))
    if case.expect_notifications is not None:
        named = any(" to " in line for line in case.expect_notifications)
        found += _lines(
            "notifications", case.expect_notifications, notifications(played, router if named else None)
        )
    return found


def transitions(played: Played) -> list[str]:
    """All steps of alarms, one a line: `120 s: raised undervoltage/meter/voltage_v medium`."""
    return [
        f"{_since(step, played)}: {step.transition.cause} {alarm_key(step.rule.id, step.source.key)}"
        f" {step.transition.severity}"
        for step in played.steps
    ]


def notifications(played: Played, router: Router | None) -> list[str]:
    """What people would be told, one a line: `120 s: raise undervoltage`; with a router also ` to ana by mail`.

    A later step of an escalation stands with its own time; whether it is still needed is not played.
    """
    told: dict[str, set[tuple[str, str]]] = {}
    lines = []
    for step in played.steps:
        if step.notice is None:
            continue
        late = " late" if step.transition.late else ""
        line = f"{_since(step, played)}: {step.notice} {step.rule.id}{late}"
        if router is None:
            lines.append(line)
            continue
        known = told.setdefault(step.transition.occurrence, set())
        notice = Notice(
            kind=step.notice,
            transition=step.transition,
            rule=step.rule,
            raised_at=step.raised_at,
            told=frozenset(known),
            facts=step.facts,
        )
        rows = router(notice)
        known.update((row.person, row.channel) for row in rows)
        lines += [f"{line} to {row.person} by {row.channel}{_after(row.body)}" for row in rows]
    return lines


def _after(body: Mapping[str, Any]) -> str:
    after = body.get("after", 0)
    return f" after {after / 1000:g} s" if after else ""


def _since(step: Step, played: Played) -> str:
    return f"{(step.transition.time - played.began) / 1000:g} s"


def _lines(what: str, wanted: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    if list(wanted) != list(found):
        changes = list(unified_diff(list(wanted), list(found), "expected", "found", lineterm="", n=1))[2:]
        yield f"the {what} are others (- expected, + found):\n" + "\n".join(f"    {line}" for line in changes)


def _at(expected: Expected, look: Snapshot, played: Played) -> Iterator[str]:
    wanted = expected.model_dump(exclude_unset=True)
    found = _found(expected.alarm, look, played)
    for key, value in wanted.items():
        if key in _KEYS:
            continue
        if key not in found:
            yield f"at {look.at / 1000:g} s: nothing is known of `{expected.alarm}`, so {key} is not {value!r}"
        elif found[key] != value:
            name = f"{expected.alarm}: " if expected.alarm else ""
            yield f"at {look.at / 1000:g} s: {name}{key} is {found[key]!r}, not {value!r}"


def _found(name: str, look: Snapshot, played: Played) -> Mapping[str, Any]:
    steps = played.steps[: look.steps]
    mine = [step for step in steps if means(name, alarm_key(step.rule.id, step.source.key))]
    waiting = [body for (area, _), body in look.rows.items() if area == "event" and _is_of(name, body)]
    general = {
        "failures": len(look.failures),
        "refused": look.refused,
        "occurrences": len({step.transition.occurrence for step in mine}),
        "waiting": len(waiting),
    }
    body = next((body for (area, key), body in look.rows.items() if area == "alarm" and means(name, key)), None)
    if body is None:
        return {**general, "state": "clear", "response": "unacked" if waiting else "none", "suppression": ()}
    return {
        **general,
        "state": str(body["condition"]),
        "response": str(body["response"]),
        "suppression": mine[-1].transition.suppression if mine else (),
        "severity": body["severity"],
        "value": body["value"],
        "limit": body["limit"],
        "facts": body["facts"],
        "unknown": body["unknown_since"] is not None,
        "normal": body["normal_since"] is not None,
        "near_misses": body["near_misses"],
        "raised_at": (body["raised_at"] - played.began) / 1000,
    }


def means(name: str, key: str) -> bool:
    """Whether `rule` or `rule/device` or the whole name means an alarm."""
    return key == name or key.startswith(f"{name}/")


def _is_of(name: str, body: Mapping[str, Any]) -> bool:
    source = Source(device=body["device"], point=body.get("point"))
    return means(name, alarm_key(body["rule"], source.key))
