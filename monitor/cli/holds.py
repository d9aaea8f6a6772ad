"""`alarms shelve` and its like: what keeps people from being told of an alarm, and the registers of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from monitor.cli.alarmnames import ask, beginning, newest, not_judged
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, local_time, print_json, print_line

__all__ = ["Target", "add_holds", "register_cells", "register_headings", "seconds_said", "words_of"]

_WORDS: Final = {"out_of_service": "out of service"}
_HEADINGS: Final[Mapping[str | None, Sequence[str]]] = {
    "shelved": ("until", "by", "reason"),
    "suppressed": ("by",),
    "out_of_service": ("review", "by", "reason"),
}

Target = Annotated[
    str, typer.Argument(metavar="ALARM", help="Its occurrence, or the beginning of it, or RULE/DEVICE[/POINT].")
]
Why = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why: others have to know.", show_default=False)
]
WhyPerhaps = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")]


def seconds_said(lasts: str) -> float:
    """What stands behind `--for`, in seconds."""
    from monitor.fields import seconds

    try:
        return seconds(lasts)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None


def words_of(name: str) -> str:
    """What people call a way of keeping an alarm from being told."""
    return _WORDS.get(name, name)


def register_headings(only: str | None) -> Sequence[str]:
    """What a list says besides: of what is shelved, suppressed or out of service, why and until when."""
    return _HEADINGS.get(only, ("raised", "value"))


def register_cells(only: str | None, alarm: Mapping[str, Any], zone: str) -> Sequence[str]:
    """The same of one alarm; empty where a list is not about that."""
    if only == "shelved":
        shelf = alarm.get("shelf") or {}
        until = local_time(shelf.get("until"), zone)
        once = ", or until it clears" if shelf.get("once") else ""
        return (until + once, clean(shelf.get("by", "")), clean(shelf.get("reason", "")))
    if only == "suppressed":
        return (", ".join(alarm.get("suppressed_by", ())),)
    if only == "out_of_service":
        service = alarm.get("service") or {}
        due = " (due)" if alarm.get("review_due") else ""
        review = local_time(service.get("review_at"), zone) + due
        return (review, clean(service.get("by", "")), clean(service.get("reason", "")))
    return ()


def add_holds(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(shelve)
    group.command()(unshelve)
    group.command("out-of-service")(out_of_service)
    group.command("return")(return_to_service)


def shelve(
    alarm: Target,
    *,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="For how long: `2 h`.", show_default=False)],
    reason: Why,
    once: Annotated[bool, typer.Option("--once", help="At most until it clears.")] = False,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Tell nobody of an alarm for a while; it is judged and listed as ever.

    At most 1 h for a critical alarm, 8 h for one of high severity and 7 days else, or what its rule says. If it is
    active when the shelf ends, people are told again.
    """
    body = {"for_s": seconds_said(lasts), "once": once, "reason": reason}
    found = _ask(socket, state, alarm, "shelve", body, lambda each: _is(each, "shelved"))
    _tell(found, "shelved", as_json=as_json)


def unshelve(
    alarm: Target,
    reason: WhyPerhaps = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """End a shelf: if the alarm is active, people are told of it."""
    found = _ask(socket, state, alarm, "unshelve", {"reason": reason}, lambda each: not _is(each, "shelved"))
    _tell(found, "no longer shelved", as_json=as_json)


def out_of_service(
    alarm: Target,
    *,
    review: Annotated[
        str,
        typer.Option(metavar="DATE", help="When somebody looks at it again: `2026-12-24`.", show_default=False),
    ],
    reason: Why,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Take an alarm out of service: nobody is told of it until somebody returns it.

    For what is broken, under repair or not yet in use. The review is at most a year ahead; when it is due, `alarms
    list --out-of-service` and `status` say so.
    """
    from monitor.cli.meterasking import Asking

    review_at = Asking.of(socket, state).moment("--review", review)
    body = {"review_at": review_at, "reason": reason}
    found = _ask(socket, state, alarm, "out-of-service", body, lambda each: _is(each, "out_of_service"))
    _tell(found, "out of service", as_json=as_json)


def return_to_service(
    alarm: Target,
    reason: WhyPerhaps = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Bring an alarm back into service: if it is active, people are told of it."""
    body = {"reason": reason}
    found = _ask(socket, state, alarm, "return", body, lambda each: not _is(each, "out_of_service"))
    _tell(found, "back in service", as_json=as_json)


def _ask(  # noqa: PLR0917 - where to ask, of which alarm, for what, and when it is done
    socket: Path | None,
    state: Path | None,
    alarm: str,
    what: str,
    body: Mapping[str, Any],
    done: Callable[[Mapping[str, Any]], bool],
) -> Mapping[str, Any]:
    """Ask for something about what a rule says of a point; answers the site's zone besides."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    called = alarm if "/" in alarm else beginning(client, alarm)
    found = ask(client, called, what, body, lambda kept: newest(client, kept["target"]), done)
    return {**found, "timezone": client.get("status")["timezone"]}


def _tell(found: Mapping[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found["judged"]:
        print_line(not_judged(found))
        return
    alarm, zone = found["alarm"], found["timezone"]
    shelf, service = alarm.get("shelf"), alarm.get("service")
    when = ""
    if what == "shelved" and shelf:
        when = f" until {local_time(shelf['until'], zone)}" + (" or until it clears" if shelf["once"] else "")
    elif what == "out of service" and service:
        when = f", to be looked at again at {local_time(service['review_at'], zone)}"
    print_line(f"{clean(found['target'])} is {what}{when}")


def _is(alarm: Mapping[str, Any], suppression: str) -> bool:
    return suppression in alarm.get("suppression", ())
