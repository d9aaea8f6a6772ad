"""How doors, zones and what happened at them are shown to people."""

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.cli.meterasking import Asking
from monitor.cli.output import clean, lasting, local_time, print_line, print_table, since

__all__ = ["print_doors", "print_events", "print_zones"]

_CAUSES = {
    "card": "after a card",
    "rex": "from inside",
    "unlocked": "while unlocked",
    "schedule": "in its hours",
    "none": "without a reason",
    "": "",
}
_YES = {True: "yes", False: "no", None: "-"}


def print_doors(doors: Sequence[Mapping[str, Any]], now: int) -> None:
    """Print a line for each door."""
    rows = []
    for each in doors:
        today = each["today"] or {}
        state = each["state"] + (
            f" ({_CAUSES[each['cause']]})" if each["state"] == "open" and each["cause"] else ""
        )
        rows.append(
            (
                each["door"],
                each["name"],
                state,
                since(each["since"], now) if each["since"] else "-",
                _YES[each["is_locked"]],
                sum((today.get("opened") or {}).values()),
                today.get("granted", 0),
                today.get("denied", 0),
                today.get("forced", 0),
                today.get("held", 0),
            )
        )
    headings = ("door", "name", "state", "since", "locked", "opened today", "granted", "denied", "forced", "held")
    print_table(headings, rows)


def print_zones(zones: Sequence[Mapping[str, Any]], asking: Asking) -> None:
    """Print a line for each zone."""
    rows = [
        (
            each["zone"],
            each["name"],
            each["count"],
            each["count"] - each["known"],
            each["most"] or "-",
            {True: "open", False: "closed", None: "-"}[each["is_open"]],
            asking.clock(each["since"]) if each["since"] else "-",
        )
        for each in zones
    ]
    print_table(("zone", "name", "inside", "without a card", "at most", "hours", "counted since"), rows)


def print_events(entries: Sequence[Mapping[str, Any]], asking: Asking, *, with_names: bool) -> None:
    """Print a line for each thing that happened."""
    zone = asking.zone.key
    rows = []
    for each in entries:
        what = ", ".join(filter(None, (each["result"], each["direction"], each["reason"])))
        more = each["attributes"]
        if more.get("cause"):
            what = _CAUSES.get(str(more["cause"]), str(more["cause"]))
        if isinstance(more.get("open_s"), int | float):
            what = f"{what} open for {lasting(more['open_s'])}".strip()
        who = each["name"] or each["credential"] if with_names else each["credential"]
        late = "late" if each["is_late"] else ""
        rows.append((local_time(each["time"], zone), each["device"], each["kind"], clean(what), who, late))
    print_table(("time", "device", "what", "", "who", ""), rows)
    if any(each["is_late"] for each in entries):
        print_line("late: it came more than two minutes after it happened, out of a reader's memory")
