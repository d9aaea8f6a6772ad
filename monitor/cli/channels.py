"""`notify channels` and `notify test`: how people are reached, and whether they are."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, number, print_json, print_line, print_table, since
from monitor.model import Severity

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_channels"]

_FAILED: Final = 1
_HEADINGS: Final = (
    *("person", "channel", "state", "last success", "failures", "last error"),
    *("due to taken", "attempt"),
)
_PATIENCE: Final = 100.0
_MS: Final = 1000


def add_channels(group: typer.Typer) -> None:
    """Add this module's commands to the group `notify`."""
    group.command()(channels)
    group.command("test")(try_out)


def _client(socket: Path | None, state: Path | None) -> "Client":
    from monitor.cli.client import Client

    return Client(socket, state)


def channels(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the channels of all people: whether they work, when they last did; ends with 1 when one is failing."""
    client = _client(socket, state)
    found = client.get("channels")
    if as_json:
        print_json(found)
    elif not found:
        print_line("nobody has a channel: see `notify` in the site file")
    else:
        now = client.get("status")["now"]
        print_table(_HEADINGS, [_row(each, now) for each in found])
    if any(each["state"] == "failing" for each in found):
        raise typer.Exit(_FAILED)


def _row(channel: Mapping[str, Any], now: int) -> tuple[object, ...]:
    return (
        channel["person"],
        channel["channel"],
        channel["state"],
        "-" if channel["last_success"] is None else since(channel["last_success"], now),
        channel["failures"] or "",
        channel["last_error"] if channel["failures"] else "",
        _seconds(channel["latency_s"]["p95"]),
        _seconds(channel["attempt_s"]["p95"]),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{number(round(value, 1))} s"


def try_out(  # noqa: PLR0917 - options of a command are many
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The person's id in the site file.")],
    channel: Annotated[
        str, typer.Option(metavar="NAME", help="Only this channel; else all of the person's.", show_default=False)
    ] = "",
    severity: Annotated[Severity, typer.Option(help="How urgent the message looks.")] = Severity.LOW,
    site: Annotated[
        Path | None,
        typer.Option(
            "--site", metavar="FILE", help="Send from this site file, without a daemon.", show_default=False
        ),
    ] = None,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Send a test message to a person now, and say what became of it; ends with 1 unless every channel took it."""
    if site is not None:
        results = _from_file(site, person, channel, severity)
    else:
        results = _from_daemon(_client(socket, state), person, channel, severity)
    if as_json:
        print_json(results)
    else:
        for each in results:
            print_line(f"{clean(each['channel'])}: {_told(each)}")
    if any(each["result"] != "taken" for each in results):
        raise typer.Exit(_FAILED)


def _told(result: Mapping[str, Any]) -> str:
    took = _seconds(result["took_s"])
    reason = clean(result["reason"])
    return {
        "taken": f"taken by the server in {took}",
        "refused": f"refused: {reason}",
        "no_answer": f"no answer within {took}; it may have arrived",
    }.get(result["result"], f"failed: {reason}")


def _from_daemon(client: "Client", person: str, channel: str, severity: Severity) -> Sequence[Mapping[str, Any]]:
    from monitor.cli.client import NoDaemon

    wish = {"person": person, "channel": channel, "severity": severity.value}
    try:
        found: Sequence[Mapping[str, Any]] = client.post("channels", "test", body=wish, timeout=_PATIENCE)
    except NoDaemon as error:
        raise NoDaemon(f"{error}\nTo send it from here, without a daemon: --site FILE.") from error
    return found


def _from_file(file: Path, person: str, channel: str, severity: Severity) -> Sequence[Mapping[str, Any]]:
    """Send from here, with the secrets that whoever asks can read; raises SettingsError, RequestRefused."""
    import asyncio
    import time

    from monitor.app import load_site
    from monitor.notify.channels import Channels
    from monitor.notify.trial import as_json, chosen, try_channel

    loaded = load_site(file, os.environ)
    loaded.refuse()
    site = loaded.site
    who, names = chosen(site, person, channel)

    async def send() -> Sequence[Mapping[str, Any]]:
        reached, now = Channels(), round(_MS * time.time())
        tries = [try_channel(reached, site, who, name, now=now, severity=severity.value) for name in names]
        return [as_json(name, sent) for name, sent in zip(names, await asyncio.gather(*tries), strict=True)]

    return asyncio.run(send())
