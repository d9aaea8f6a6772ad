"""`notify on-call` and `notify override`: who is on call, and who stands in."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from monitor.cli.alarmnames import not_judged
from monitor.cli.holds import WhyPerhaps
from monitor.cli.meterasking import Asking, until
from monitor.cli.options import At, Json, SocketPath, StateFolder
from monitor.cli.output import local_time, print_json, print_line, print_table

__all__ = ["on_call", "override"]


def on_call(at: At = None, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List who is on call, until when, who is next, and who stands in."""
    asking = Asking.of(socket, state)
    when = None if at is None else asking.moment("--at", at)
    found = asking.client.get("duty", at=when)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("no rosters: write some under `notify.rosters`")
        return
    zone = asking.zone.key
    headings = ("roster", "on call", "until", "why", "next")
    print_table(headings, [_duty(each, zone) for each in found])
    said = [each for roster in found for each in roster["overrides"]]
    if said:
        print_line()
        columns = ("id", "roster", "who", "from", "to", "said by", "reason")
        print_table(columns, [_override(each, zone) for each in said])


def _duty(roster: Mapping[str, Any], zone: str) -> tuple[str, ...]:
    now, coming = roster["now"], roster["next"]
    until = "for more than a year" if now["until"] is None else local_time(now["until"], zone)
    after = "" if coming is None else f"{coming['person'] or 'nobody'}: {coming['reason']}"
    return roster["id"], now["person"] or "nobody", until, now["reason"], after


def _override(said: Mapping[str, Any], zone: str) -> tuple[str, ...]:
    begin, until = local_time(said["starts"], zone), local_time(said["ends"], zone)
    return said["id"][:8], said["roster"], said["person"], begin, until, said["by"], said["reason"]


def override(
    roster: Annotated[str, typer.Argument(metavar="[ROSTER]", help="The roster.", show_default=False)] = "",
    person: Annotated[str, typer.Argument(metavar="[PERSON]", help="Who stands in.", show_default=False)] = "",
    *,
    starts: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From this local time on; else from now on.")
    ] = None,
    ends: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Until this local time, `2026-12-06 20:00`.")
    ] = None,
    reason: WhyPerhaps = "",
    cancel: Annotated[str, typer.Option(metavar="ID", help="Take back the one with this id instead.")] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say who stands in for whoever is on call; the latest word wins. With --cancel take one back."""
    if bool(cancel) == bool(roster or person) or (not cancel and not person):
        raise typer.BadParameter("name a roster and a person, or only `--cancel ID`")
    if not cancel and ends is None:
        raise typer.BadParameter("say until when", param_hint="--to")
    asking = Asking.of(socket, state)
    if cancel:
        kept = asking.client.post("duty", "overrides", cancel, "end", body={"reason": reason})
    else:
        spans = {"starts": ("--from", starts), "ends": ("--to", ends)}
        times = {name: asking.moment(option, text) for name, (option, text) in spans.items() if text is not None}
        body = {"person": person, "reason": reason, **times}
        kept = asking.client.post("duty", roster, "override", body=body)
    said = until(lambda: _booked(asking, kept["id"], there=not cancel))
    if as_json:
        print_json({**kept, "judged": said is not None})
    elif said is None:
        print_line(not_judged(kept))
    elif cancel:
        print_line(f"taken back: {kept['id'][:8]} of the roster {kept['roster']}")
    else:
        one = next(each for each in said if each["id"] == kept["id"])
        ident, _, who, begin, end, *_ = _override(one, asking.zone.key)
        print_line(f"{who} stands in at {kept['roster']} from {begin} to {end}")
        print_line(f"to take it back: facility-monitor notify override --cancel {ident}")


def _booked(asking: Asking, ident: str, *, there: bool) -> Sequence[Mapping[str, Any]] | None:
    """What is said of rosters, once it is a part of it, or none any more; None before."""
    said = [each for one in asking.client.get("duty") for each in one["overrides"]]
    return said if any(each["id"] == ident for each in said) is there else None
