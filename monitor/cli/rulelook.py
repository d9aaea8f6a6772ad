"""`rules list`: the rules of the running daemon, and what those in shadow would have done."""

from typing import Any

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, local_time, print_json, print_line, print_table

__all__ = ["list_rules"]

_DAY = 86_400_000
_TRIED = 7
_PER_WEEK = 7


def list_rules(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the rules: how often they have raised alarms, which are in shadow, learn or fail."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    found = client.get("rules")
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("no rules: write some under `rules:`, or take `- stock: electricity`")
        return
    status = client.get("status")
    headings = ("rule", "kind", "severity", "watches", "open", "7 days", "30 days", "how it does")
    rows = [
        (
            each["id"],
            each["kind"],
            ", ".join(each["severities"]),
            each["sources"],
            each["open"],
            each["raised_7_days"],
            each["raised_30_days"],
            _how(each, status["timezone"]),
        )
        for each in found
    ]
    print_table(headings, rows)
    for each in found:
        told = _told(each, status["now"])
        if told:
            print_line(told)


def _how(rule: dict[str, Any], zone: str) -> str:
    words = []
    if rule["failing"]:
        words.append(f"fails: {clean(rule['failing'])[:100]}")
    if rule["learning"]:
        words.append("learning")
    if rule["shadow"]:
        words.append(
            f"shadow since {local_time(rule['shadow_since'], zone)}" if rule["shadow_since"] else "shadow"
        )
    return ", ".join(words)


def _told(rule: dict[str, Any], now: int) -> str:
    """What a rule that was tried for a week would have done; empty for any other."""
    days = (now - rule["shadow_since"]) // _DAY if rule["shadow_since"] else 0
    if not rule["shadow"] or days < _TRIED:
        return ""
    raised = rule["raised_in_shadow"]
    if not raised:
        return f"{rule['id']} has been in shadow for {days} days and would have told nobody anything."
    times = "once" if raised == 1 else f"{raised} times ({raised * _PER_WEEK / days:.1f} a week)"
    return (
        f"{rule['id']} has been in shadow for {days} days and would have raised an alarm {times}: "
        "take `shadow: true` away when that is right."
    )
