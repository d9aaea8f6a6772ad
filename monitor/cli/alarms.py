"""`alarms`: what is wrong in the building, who was told, and saying that somebody takes care."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.alarmfigures import performance
from monitor.cli.alarmnames import not_judged, occurrence_of, until
from monitor.cli.casework import add_casework, case_cells
from monitor.cli.holds import Target, add_holds, register_cells, register_headings, words_of
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, local_time, number, print_json, print_line, print_table, with_unit

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_to"]

_TIMES = frozenset({"time", "since", "created", "expires", "not_before", "until"})
_TOLD = (
    "created",
    "kind",
    "person",
    "channel",
    "step",
    "state",
    "held",
    "attempts",
    "sent_at",
    "last_error",
    "why",
)
"""What people want to know of a notification; --json has all of it."""


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Alarms: list them, show one, acknowledge, shelve, take out of service; see how they do.",
        rich_markup_mode=None,
    )
    group.callback(invoke_without_command=True)(alarms)
    group.command("list")(list_alarms)
    group.command()(show)
    group.command()(ack)
    add_holds(group)
    add_casework(group)
    group.command()(performance)
    app.add_typer(group, name="alarms")


def _client(socket: Path | None, state: Path | None) -> "Client":
    from monitor.cli.client import Client

    return Client(socket, state)


def alarms(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the alarms; with a command, do that instead."""
    if context.invoked_subcommand is None:
        list_alarms(socket, state, as_json)


def list_alarms(
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
    *,
    shelved: Annotated[bool, typer.Option("--shelved", help="Only what is shelved, and until when.")] = False,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="Only what other alarms or maintenance explain.")
    ] = False,
    out: Annotated[
        bool, typer.Option("--out-of-service", help="Only what is out of service, and its review.")
    ] = False,
    standing: Annotated[bool, typer.Option("--standing", help="Only what is active for over a day.")] = False,
    mine: Annotated[
        str, typer.Option("--mine", metavar="PERSON", help="Only what a person was given and has not closed.")
    ] = "",
    open_cases: Annotated[
        bool, typer.Option("--open-cases", help="Only what somebody sees to or wrote about, and nobody closed.")
    ] = False,
) -> None:
    """List the alarms: those that are open, and the newest that are over."""
    wanted = {"shelved": shelved, "suppressed": suppressed, "out_of_service": out, "standing": standing}
    chosen = [name for name, is_wanted in wanted.items() if is_wanted]
    if len(chosen) + bool(mine or open_cases) > 1:
        raise typer.BadParameter(
            "choose one of --shelved, --suppressed, --out-of-service, --standing and --mine or --open-cases"
        )
    only = chosen[0] if chosen else None
    client = _client(socket, state)
    found = client.get("cases", person=mine) if mine or open_cases else client.get("alarms", only=only)
    if as_json:
        print_json(found)
        return
    zone = client.get("status")["timezone"]
    if not found:
        nothing = "no open case" if mine or open_cases else "no alarms"
        print_line(nothing if only is None else f"no alarm is {words_of(only)}")
        return
    is_casework = bool(mine or open_cases)
    besides = ("raised", "assigned", "in 7 days") if is_casework else register_headings(only)
    headings = ("occurrence", "severity", "rule", "device", "state", *besides)
    rows = [
        (
            each.get("occurrence"),
            each.get("severity"),
            each.get("rule"),
            each.get("source_key") or each.get("device"),
            _state(each),
            *((_raised(each, zone), *case_cells(each)) if is_casework else _besides(only, each, zone)),
        )
        for each in found
        if _was_raised(each) or each.get("suppression")
    ]
    print_table(headings, rows)


def _besides(only: str | None, alarm: dict[str, Any], zone: str) -> Sequence[str]:
    return register_cells(only, alarm, zone) or (_raised(alarm, zone), _against(alarm))


def _was_raised(alarm: dict[str, Any]) -> bool:
    """Not so of what stands for a clear alarm that somebody shelved: it is over since it was put there."""
    return bool(alarm.get("momentary")) or alarm.get("cleared_at") != alarm.get("raised_at")


def _raised(alarm: dict[str, Any], zone: str) -> str:
    return local_time(alarm.get("raised_at"), zone) if _was_raised(alarm) else "-"


def _state(alarm: dict[str, Any]) -> str:
    """How it stands, in the words of docs/maintenance.md."""
    words = [alarm["state"]]
    if alarm.get("response") not in (None, "none"):
        words.append(alarm["response"])
    if alarm.get("normal"):
        words.append("latched, over")
    if alarm.get("shadow"):
        words.append("shadow")
    if alarm.get("unknown") and alarm.get("active"):
        words.append("value unknown")
    words += [words_of(each) for each in alarm.get("suppression", ())]
    return ", ".join(words)


def _against(alarm: dict[str, Any]) -> str:
    value, limit, unit = alarm.get("value"), alarm.get("limit"), alarm.get("unit")
    if value is None or not alarm.get("point"):
        return ""  # what rules about a whole device count is no quantity
    told = with_unit(_rounded(value), unit)
    return told if limit is None else f"{told} (limit {with_unit(_rounded(limit), unit)})"


def _rounded(value: float) -> str:
    """As messages say it: what a meter sends beyond the third place says nothing of an alarm."""
    return number(round(value, 3 if abs(value) >= 1 else 6))


def show(
    alarm: Target,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Show one alarm: its steps, and who was told."""
    client = _client(socket, state)
    found = client.get("alarms", occurrence_of(client, alarm))
    if as_json:
        print_json(found)
        return
    zone = client.get("status")["timezone"]
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print_line()
            print_line(f"{name}:")
            headings = _TOLD if name == "notifications" else tuple(value[0])
            print_table(headings, [[_cell(key, each.get(key), zone) for key in headings] for each in value])
        elif value not in (None, "", [], False):
            print_line(f"{name:<16} {clean(_cell(name, value, zone))}")


def _cell(name: str, value: Any, zone: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and (name.endswith("_at") or name in _TIMES):
        return local_time(value, zone)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(words_of(str(each)) for each in value)
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {_cell(key, each, zone)}" for key, each in value.items() if each not in (None, "")
        )
    return "" if value is None else str(value)


def ack(
    alarm: Target,
    reason: Annotated[str, typer.Option(help="What is being done about it.")] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Acknowledge an alarm in your name: escalation stops, the others are told."""
    client = _client(socket, state)
    occurrence = occurrence_of(client, alarm)
    kept = client.post("alarms", occurrence, "acknowledge", body={"reason": reason})
    found, judged = until(lambda: client.get("alarms", occurrence), lambda each: each.get("response") != "unacked")
    if as_json:
        print_json(found)
        return
    print_line(f"acknowledged by {clean(kept['by'])}" if judged else not_judged(kept))
