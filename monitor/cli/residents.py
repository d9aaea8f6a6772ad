"""`residents`: the places where residents report, and what is done when a label was stolen or is abused."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import local_time, print_json, print_line, print_table

__all__ = ["add_to"]

_Place = Annotated[str, typer.Argument(metavar="PLACE", help="Its id in the site file.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    residents = typer.Typer(
        help="The places where residents report by a code.", no_args_is_help=True, rich_markup_mode=None
    )
    residents.command("list")(list_places)
    residents.command("close")(close)
    residents.command("open")(open_again)
    residents.command("renew")(renew)
    app.add_typer(residents, name="residents")


def list_places(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the places, and whether reports are taken there."""
    from monitor.cli.client import Client

    client = Client(socket, state)
    found = client.get("residents", "places")
    if as_json:
        print_json(found)
        return
    zone = client.get("status")["timezone"]
    print_table(("place", "name", "", "address"), [_row(each, zone) for each in found])


def _row(place: Mapping[str, Any], zone: str) -> tuple[str, ...]:
    when = "" if place["changed_at"] is None else f"{local_time(place['changed_at'], zone)}, {place['changed_by']}"
    done = "closed" if place["closed"] else "new code" if place["code"] else "open again"
    return place["id"], place["name"], f"{done}: {when}" if when else "", place["address"]


def close(place: _Place, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Take no reports at a place any more: its label says so, until `open` or `renew`."""
    done = _ask(place, "close", socket, state)
    _say(done, f"{done['id']} is closed: its label takes nothing any more", as_json)


def open_again(place: _Place, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Take reports at a place again that was closed, by the same label."""
    done = _ask(place, "open", socket, state)
    _say(done, f"{done['id']} is open again: its label works as before", as_json)


def renew(place: _Place, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Make a new code for a place: labels that hang take nothing any more, print a new one."""
    done = _ask(place, "renew", socket, state)
    told = f"{done['id']} has a new code: print its label with `facility-monitor labels`\n{done['address']}"
    _say(done, told, as_json)


def _ask(place: str, what: str, socket: Any, state: Any) -> Any:
    from monitor.cli.client import Client

    return Client(socket, state).post("residents", "places", place, what, body={})


def _say(answer: Mapping[str, Any], told: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_line(told)
