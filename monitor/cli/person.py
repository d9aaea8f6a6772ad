"""What is done about one person: names, everything that is kept, and forgetting.

The number of a card is never an argument: it would stand in the shell's history and in the list of processes.
"""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from monitor.cli.meterasking import Asking
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, print_json, print_line, print_table

__all__ = ["erase", "export", "names"]

names = typer.Typer(help="The directory of names: who is who.", rich_markup_mode=None)

_PATIENCE: Final = 600.0
_LARGEST: Final = 60_000
_LARGEST_BODY: Final = 64_000
"""Bytes of a table, and of the request that it becomes: the API takes no more than 64 KiB."""

_Form = Annotated[
    Literal["text", "hex", "hex_unpadded", "decimal"],
    typer.Option("--form", help="How the reader writes its numbers, as in its profile."),
]
_Pseudonym = Annotated[
    str, typer.Option(metavar="PSEUDONYM", help="By pseudonym, as `access events` shows it, and not by card.")
]
_Name = Annotated[str, typer.Option("--name", metavar="NAME", help="By name, as in the directory, not by card.")]


def _person(form: str, pseudonym: str, name: str = "") -> dict[str, str]:
    """Who is meant; the number of the card is asked for, or read from standard input."""
    if pseudonym and name:
        raise typer.BadParameter("say --pseudonym or --name, one of both")
    if pseudonym:
        return {"pseudonym": pseudonym}
    if name:
        return {"name": name}
    if sys.stdin.isatty():
        credential = typer.prompt("Number of the card (not shown)", hide_input=True)
    else:
        credential = sys.stdin.readline().strip()
    if not credential:
        raise typer.BadParameter("nobody is named: write the number of the card on standard input")
    return {"credential": credential, "form": form}


@names.callback(invoke_without_command=True)
def list_names(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the directory; with a command, do that instead. That it was read is kept in the journal."""
    if context.invoked_subcommand is not None:
        return
    found = Asking.of(socket, state).client.get("access", "names")
    if as_json:
        print_json(found)
    elif found:
        print_table(("name", "note", "pseudonym"), [(one["name"], one["note"], one["pseudonym"]) for one in found])
    else:
        print_line("the directory is empty: `facility-monitor access names add NAME`")


@names.command("add")
def add(
    put: Annotated[str, typer.Argument(metavar="NAME", help="The name of the person.")],
    *,
    note: Annotated[str, typer.Option(help="What else there is to say: the flat, the firm.")] = "",
    form: _Form = "text",
    pseudonym: _Pseudonym = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Add a name, or change it. The number of the card is asked for."""
    body = {**_person(form, pseudonym), "put": put, "note": note}
    kept = Asking.of(socket, state).client.post("access", "names", body=body)
    if as_json:
        print_json(kept)
    else:
        print_line(clean(f"{kept['pseudonym']} is {kept['name']}"))


@names.command("import")
def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV: columns credential, name, form, note.")],
    *,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Add many names: all of the list or nothing. Delete the file afterwards."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is not UTF-8: save it as `CSV UTF-8`") from None
    text = text.replace("\r\n", "\n")
    if len(data) > _LARGEST or len(json.dumps(text, ensure_ascii=False).encode()) > _LARGEST_BODY:
        raise typer.BadParameter(f"{file} is larger than {_LARGEST // 1000} kB: split it")
    kept = Asking.of(socket, state).client.post("access", "names", "import", body={"csv": text})
    if as_json:
        print_json(kept)
    else:
        print_line(f"{kept['names']} names are in the directory; now delete {file}, which is not sealed")


@names.command("remove")
def remove(
    who: Annotated[
        str, typer.Argument(metavar="NAME", help="The name to remove; without it the card is asked for.")
    ] = "",
    *,
    form: _Form = "text",
    pseudonym: _Pseudonym = "",
    name: _Name = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Take a name out of the directory; what happened at doors stays."""
    if who and name:
        raise typer.BadParameter("say the name once")
    person = _person(form, pseudonym, who or name)
    kept = Asking.of(socket, state).client.post("access", "names", "remove", body=person)
    if as_json:
        print_json(kept)
    else:
        print_line(f"{kept['pseudonym']} has no name any more")


def export(
    *,
    form: _Form = "text",
    pseudonym: _Pseudonym = "",
    name: _Name = "",
    socket: SocketPath = None,
    state: StateFolder = None,
) -> None:
    """Print everything that is kept of a person, as JSON. The number of the card is asked for.

    Files that were exported before, and backups, are not looked into: whoever made them has to.
    """
    person = _person(form, pseudonym, name)
    print_json(Asking.of(socket, state).client.post("access", "export", body=person, timeout=_PATIENCE))


def erase(
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in years. Do not name the person.")],
    form: _Form = "text",
    pseudonym: _Pseudonym = "",
    name: _Name = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Forget a person: nothing that is kept leads to him any more. It cannot be undone.

    Files that were exported before, and backups, are not reached: whoever made them has to delete them.
    """
    person = _person(form, pseudonym, name)
    asking = Asking.of(socket, state)
    if not yes:
        found = asking.client.post("access", "find", body=person)
        who = f"{found['name']}, {found['pseudonym']}" if found["name"] else found["pseudonym"]
        if not found["is_known"]:
            forms = " or ".join(f"--form {form}" for form in found["other_forms"])
            hint = (
                f"the same number is known with {forms}" if forms else "look whether number and --form are right"
            )
            print_line(f"NOTHING IS KNOWN OF THAT CARD: {hint}")
        typer.confirm(clean(f"Forget {who}? This cannot be undone"), abort=True)
    begun = asking.client.post("access", "erase", body={**person, "reason": reason})
    done = _until_done(asking, begun["id"])
    if as_json:
        print_json(done)
        return
    _print_erasure(asking, done)


def _until_done(asking: Asking, number: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = next(each for each in asking.client.get("access", "erasures") if each["id"] == number)
        if found["done"] is not None or found["waits_for"] or time.monotonic() > deadline:
            return dict(found)
        time.sleep(0.2)


def _print_erasure(asking: Asking, done: dict[str, Any]) -> None:
    found = {place: count for place, count in done["places"].items() if count}
    if found:
        print_table(("where", "found and erased"), list(found.items()))
    else:
        print_line("nothing is kept of that person: look whether the number and its --form are right")
    if done["done"] is None:
        print_line(f"not done yet: {clean(done['waits_for']) or 'it goes on by itself'}")
    else:
        left = done["found_after"]
        proof = f"found {sum(left.values())} times" if left else "nothing is left"
        print_line(f"erased at {asking.clock(done['done'])}; every file was read again: {proof}")
        if left:
            print_table(("where it still stands", "times"), left.items())
            print_line("it goes with time; why, docs/privacy.md says")
    print_line(f"kept as proof, without the person: erasure {done['id']}")
    print_line("files exported before, and backups, are not reached: whoever made them has to delete them")
