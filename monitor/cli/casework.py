"""`alarms assign`, `comment`, `close` and `reopen`: what people do about an alarm after it was told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.causes import CAUSES
from monitor.cli.alarmnames import ask, not_judged, occurrence_of
from monitor.cli.holds import Target, WhyPerhaps
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, print_json, print_line

__all__ = ["add_casework", "case_cells"]

_CAUSES = "; ".join(f"{word} ({english})" for word, (english, _) in CAUSES.items())


def add_casework(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(assign)
    group.command()(comment)
    group.command()(close)
    group.command()(reopen)


def case_cells(alarm: Mapping[str, Any]) -> tuple[str, str]:
    """Who sees to an alarm, and which one within seven days it is."""
    case, times = alarm.get("case") or {}, alarm.get("times_in_7_days") or 1
    return clean(case.get("assigned_to") or "-"), str(times) if times > 1 else "-"


def assign(
    alarm: Target,
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="The id of a person in the site file.", show_default=False)
    ] = "",
    *,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever it was given to.")] = False,
    reason: WhyPerhaps = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Give an alarm to a person, who gets a message, or to nobody; that does not acknowledge it."""
    if nobody == bool(person):
        raise typer.BadParameter("write PERSON or --nobody")
    body = {"person": person, "reason": reason}
    found = _ask(
        socket, state, alarm, "assign", body, lambda each: (each.get("case") or {}).get("assigned_to") == person
    )
    _tell(found, f"assigned to {clean(person) or 'nobody'}", as_json=as_json)


def comment(
    alarm: Target,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What there is to say.", show_default=False)],
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say something of an alarm: whoever looks at it reads it."""
    said = " ".join(text.split())
    found = _ask(
        socket,
        state,
        alarm,
        "comment",
        {"text": text},
        lambda each: any(one["text"] == said for one in each.get("comments", ())),
    )
    _tell(found, "commented", as_json=as_json)


def close(
    alarm: Target,
    *,
    cause: Annotated[str, typer.Option(metavar="WORD", help=f"What it came of: {_CAUSES}.", show_default=False)],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What was done.")] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Close the case of an alarm that is over: it neither clears nor acknowledges the alarm."""
    body = {"cause": cause, "note": note}
    found = _ask(
        socket, state, alarm, "close", body, lambda each: (each.get("case") or {}).get("closed_at") is not None
    )
    _tell(found, f"closed: {clean(cause)}", as_json=as_json)


def reopen(
    alarm: Target,
    reason: WhyPerhaps = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Open a closed case again; how it was closed stays among its comments."""
    found = _ask(
        socket,
        state,
        alarm,
        "reopen",
        {"reason": reason},
        lambda each: (each.get("case") or {}).get("closed_at") is None,
    )
    _tell(found, "open again", as_json=as_json)


def _ask(  # noqa: PLR0917 - where to ask, of which alarm, for what, and when it is done
    socket: Path | None,
    state: Path | None,
    alarm: str,
    what: str,
    body: Mapping[str, Any],
    done: Callable[[Mapping[str, Any]], bool],
) -> Mapping[str, Any]:
    """Ask for something about an occurrence, and wait until it is judged."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    occurrence = occurrence_of(client, alarm)
    return ask(client, occurrence, what, body, lambda _: client.get("alarms", occurrence), done)


def _tell(found: Mapping[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    title = clean(found["alarm"].get("title") or found["target"])
    print_line(f"{title} is {what}" if found["judged"] else not_judged(found))
