"""`dead-letters`: what sinks refused for good, and what becomes of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, print_json, print_line, print_table, since

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_to"]

_TRIED_WITHIN = 5.0
_LAST = 10_000

_Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Their numbers.", show_default=False)]
_All = Annotated[bool, typer.Option("--all", help="All of them.")]
_Sink = Annotated[str, typer.Option(metavar="ID", help="Those of one sink.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="What InfluxDB refused for what it says: list, retry, drop.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(dead_letters)
    group.command("list")(list_letters)
    group.command()(retry)
    group.command()(drop)
    app.add_typer(group, name="dead-letters")


def _client(socket: Path | None, state: Path | None) -> "Client":
    from monitor.cli.client import Client

    return Client(socket, state)


def dead_letters(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the dead letters; with a command, do that instead."""
    if context.invoked_subcommand is None:
        list_letters(socket=socket, state=state, as_json=as_json)


def list_letters(
    *,
    last: Annotated[int, typer.Option(min=1, max=_LAST, help="How many, the newest.")] = 100,
    sink: _Sink = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """List the dead letters, newest first: the reason, how long ago, and the line as it was sent."""
    client = _client(socket, state)
    found = client.get("dead-letters", last=last, sink=sink)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("no dead letters")
        return
    now = client.get("status")["now"]
    headings = ("id", "sink", "refused", "times", "kind", "device", "reason")
    print_table(headings, [_row(letter, now) for letter in found])
    print_line()
    for letter in found:
        print_line(f"{letter['id']}: {clean(letter['line'])}")


def _row(letter: dict[str, Any], now: int) -> tuple[object, ...]:
    reason = f"{letter['reason']} (to be tried again)" if letter["waiting"] else letter["reason"]
    return (
        letter["id"],
        letter["sink"],
        since(letter["refused"], now),
        letter["refusals"],
        letter["kind"],
        letter["device"],
        reason,
    )


def retry(
    ids: _Ids = None,
    *,
    every: _All = False,
    sink: _Sink = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Try dead letters again, when what they were refused for is mended. Ends with 1 when one is refused again."""
    client = _client(socket, state)
    chosen = _chosen(ids, every, sink)
    before = {letter["id"]: letter["refusals"] for letter in client.get("dead-letters", last=_LAST)}
    asked = client.post("dead-letters", "retry", body=chosen)["ids"]
    letters = _until_tried(client, asked)
    refused = [each for each in letters if not each["waiting"] and each["refusals"] > before.get(each["id"], 0)]
    waiting = [each for each in letters if each["waiting"]]
    written = len(asked) - len(letters)
    if as_json:
        print_json({"written": written, "refused": refused, "waiting": waiting})
    else:
        print_line(f"{written} written, {len(refused)} refused again, {len(waiting)} waiting for the server")
        for each in refused:
            print_line(f"{each['id']}: {clean(each['reason'])}")
    if refused:
        raise typer.Exit(1)


def _until_tried(client: "Client", asked: Sequence[int]) -> list[dict[str, Any]]:
    """Those of the letters that are still there, once all have been tried or some seconds are over."""
    deadline = time.monotonic() + _TRIED_WITHIN
    while True:
        chosen = set(asked)
        left = [letter for letter in client.get("dead-letters", last=_LAST) if letter["id"] in chosen]
        if not any(letter["waiting"] for letter in left) or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def drop(
    ids: _Ids = None,
    *,
    every: _All = False,
    sink: _Sink = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Throw dead letters away for good."""
    dropped = _client(socket, state).post("dead-letters", "drop", body=_chosen(ids, every, sink))
    if as_json:
        print_json(dropped)
    else:
        print_line(f"{len(dropped['ids'])} dropped")


def _chosen(ids: list[int] | None, every: bool, sink: str) -> dict[str, Any]:
    if every == bool(ids) or (sink and not every):
        raise typer.BadParameter("name dead letters by their numbers, or say --all (of one sink: --all --sink ID)")
    return {"all": True, "sink": sink} if every else {"ids": ids}
