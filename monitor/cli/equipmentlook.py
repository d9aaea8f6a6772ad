"""How equipment, services, batteries and the supply are shown to people."""

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.cli.meterasking import Asking
from monitor.cli.output import clean, lasting, print_line, print_table, since

__all__ = [
    "print_batteries",
    "print_equipment",
    "print_groups",
    "print_one",
    "print_services",
    "print_supply",
    "when_due",
]

_HOUR = 3600.0
_FEW_HOURS = 10.0
_STATES = {
    "failed_to_start": "does not start",
    "failed_to_stop": "does not stop",
    "unknown": "not known",
    "partial": "partly lost",
}
_SILENT = frozenset({"suspended", "never_answered"})


def _state(one: Mapping[str, Any]) -> str:
    said = _STATES.get(one["state"], one["state"])
    return f"{said} (silent)" if one.get("health") in _SILENT else said


def print_equipment(found: Sequence[Mapping[str, Any]], now: int) -> None:
    """Print a line for each device."""
    rows = [
        (
            each["device"],
            each["name"],
            each["type"],
            _state(each),
            since(each["since"], now) if each["since"] else "-",
            _ran(each["hours"]),
            each["starts"],
            each["group"],
            {"soon": "service soon", "due": "service due"}.get(each["service"], ""),
        )
        for each in found
    ]
    print_table(("device", "name", "type", "state", "since", "ran", "starts", "group", ""), rows)


def print_groups(groups: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each group."""
    for each in groups:
        running = ", ".join(each["running"]) or "none runs"
        spare = each["reserve"]
        silent = len(each["unknown"])
        reserve = f"{spare} in reserve" if spare > 0 else ("reserve not known" if silent else "no reserve")
        able = f"{len(each['able'])} of {len(each['members'])} able"
        unknown = f", {silent} not known" if silent else ""
        print_line(clean(f"{each['name']}: {running}; {able}{unknown}, {reserve}"))


def _ran(hours: float) -> str:
    """Write running hours: hundredths matter while there are few."""
    return f"{hours:.2f} h" if hours < _FEW_HOURS else f"{hours:.1f} h"


def print_one(one: Mapping[str, Any], asking: Asking) -> None:
    """Print one device with everything."""
    place = ", ".join(filter(None, (one["building"], one["zone"])))
    print_line(clean(f"{one['name']} ({one['device']}): {_state(one)}{place and f', in {place}'}"))
    if one["is_own"]:
        since_when = ", as it counts itself"
    else:
        since_when = f" since {asking.clock(one['first'])}" if one["first"] else ": it has said nothing yet"
    times = "once" if one["starts"] == 1 else f"{one['starts']} times"
    print_line(f"ran {_ran(one['hours'])}, started {times}{since_when}")
    if one["days"]:
        print_line()
        headings = ("day", "ran", "starts", "shortest run", "fault", "known", "did not follow", "short cycles")
        print_table(headings, [_day(each) for each in one["days"]])
    if one["services"]:
        print_line()
        print_services(one["services"], asking)
    if one["done"]:
        print_line("\ndone:")
        rows = [
            (
                asking.clock(each["time"]),
                each["service"],
                "-" if each["hours"] is None else f"{each['hours']:.0f} h",
                each["by"],
                each["note"],
            )
            for each in one["done"]
        ]
        print_table(("time", "service", "at", "by", "note"), rows)


def _day(day: Mapping[str, Any]) -> tuple[object, ...]:
    shortest = day["shortest_s"]
    return (
        day["day"],
        f"{day['running_s'] / _HOUR:.2f} h",
        day["starts"],
        "-" if shortest is None else lasting(shortest),
        f"{day['fault_s'] / _HOUR:.2f} h" if day["fault_s"] else "-",
        f"{day['known_s'] / _HOUR:.1f} h",
        day["failed"] or "-",
        day["short_cycles"] or "-",
    )


def when_due(work: Mapping[str, Any], asking: Asking) -> str:
    """Say in words when work is due."""
    hours = "" if work["hours_left"] is None else f"in {work['hours_left']:.0f} h of running"
    if work["hours_left"] is not None and work["hours_left"] <= 0:
        hours = f"{-work['hours_left']:.0f} h of running ago"
    day = "" if work["due"] is None else asking.clock(work["due"])[:10]
    return ", ".join(filter(None, (day, hours))) or "nobody can say yet"


def print_services(found: Sequence[Mapping[str, Any]], asking: Asking) -> None:
    """Print a line for each work."""
    rows = [
        (
            each["device"],
            each["service"],
            each["name"],
            each["state"],
            when_due(each, asking),
            asking.clock(each["last"])[:10] if each["last"] else "never",
        )
        for each in found
    ]
    print_table(("device", "service", "name", "", "due", "done last"), rows)


def print_batteries(found: Sequence[Mapping[str, Any]], now: int) -> None:
    """Print a line for each battery."""
    rows = []
    for each in found:
        percent = "-" if each["percent"] is None else f"{each['percent']:.0f} %"
        pace = "-" if each["per_day"] is None else f"{30 * each['per_day']:.1f} % a month"
        empty = "now" if each["low"] else each["empty"] or "-"
        rows.append((each["device"], each["name"], percent, since(each["time"], now), pace, empty))
    print_table(("device", "name", "full", "said", "falls", "empty"), rows)


def print_supply(found: Sequence[Mapping[str, Any]], asking: Asking) -> None:
    """Print a line for each building and utility, and what was the matter lately."""
    rows = [
        (
            each["building"] or "-",
            each["utility"],
            _state(each),
            asking.clock(each["since"]) if each["since"] else "-",
            each["device"],
            ", ".join(each["lost"]),
        )
        for each in found
    ]
    print_table(("building", "utility", "state", "since", "by", "lost"), rows)
    for each in found:
        for span in each["spans"]:
            if span["state"] in {"lost", "partial"}:
                end = "now" if span["end"] is None else asking.clock(span["end"])
                last = (span["end"] or asking.now) - span["start"]
                said = f"{_state(span)} from {asking.clock(span['start'])} to {end}, {lasting(last / 1000)}"
                print_line(clean(f"{each['building'] or 'site'}, {each['utility']}: {said}"))
