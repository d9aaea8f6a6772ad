"""`equipment`: pumps, lifts and lights; services, batteries, and whether the building is supplied."""

from typing import Annotated

import typer

from monitor.cli.meterasking import Asking, until
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, print_json, print_line

__all__ = ["add_to"]

_Device = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Equipment: what runs and what does not; services, batteries, supply.", rich_markup_mode=None
    )
    group.callback(invoke_without_command=True)(equipment)
    group.command("list")(list_equipment)
    for command in (show, service, services, batteries, supply):
        group.command()(command)
    app.add_typer(group, name="equipment")


def equipment(
    context: typer.Context, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """List the equipment; with a command, do that instead."""
    if context.invoked_subcommand is None:
        list_equipment(socket, state, as_json)


def list_equipment(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List pumps, lifts and lights: what they do, how long they have run, what is due; and the groups."""
    from monitor.cli.equipmentlook import print_equipment, print_groups

    asking = Asking.of(socket, state)
    found, groups = asking.client.get("equipment"), asking.client.get("equipment", "groups")
    if as_json:
        print_json({"equipment": found, "groups": groups})
    elif found:
        print_equipment(found, asking.now)
        print_groups(groups)
    else:
        print_line("no equipment: no device of the site file is of class equipment")


def show(device: _Device, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Show one device: its last days, its services, the work that was done."""
    from monitor.cli.equipmentlook import print_one

    asking = Asking.of(socket, state)
    found = asking.client.get("equipment", device)
    if as_json:
        print_json(found)
    else:
        print_one(found, asking)


def service(
    device: _Device,
    work: Annotated[str, typer.Argument(metavar="SERVICE", help="The id of the work, as `equipment show` says.")],
    *,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help='Local time: "2026-11-27 10:30"; without it: now.')
    ] = "",
    hours: Annotated[
        float | None,
        typer.Option(min=0, help="Running hours that its own panel showed then.", show_default=False),
    ] = None,
    note: Annotated[str, typer.Option(help="What there is to say of it.")] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say that work on a device was done: it is due again after its hours or its time."""
    asking = Asking.of(socket, state)
    body = {"service": work, "at": asking.moment("--at", at) if at else None, "hours": hours, "note": note}
    kept = asking.client.post("equipment", device, "service", body=body)

    def look() -> dict[str, object] | None:
        rows = asking.client.get("equipment", device)["services"]
        return next((each for each in rows if each["service"] == work and (each["last"] or 0) >= kept["at"]), None)

    taken = until(look)
    if as_json:
        print_json({"command": kept, "service": taken})
        return
    print_line(clean(f"kept in the name of {kept['by']}: {work} of {device} done at {asking.clock(kept['at'])}"))
    if taken is None:
        print_line("it is not counted yet: look again with `facility-monitor equipment show`")
        return
    from monitor.cli.equipmentlook import when_due

    print_line(f"due again: {when_due(taken, asking)}")


def services(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List all work, what is due first before the rest."""
    from monitor.cli.equipmentlook import print_services

    asking = Asking.of(socket, state)
    found = asking.client.get("equipment", "services")
    if as_json:
        print_json(found)
    elif found:
        print_services(found, asking)
    else:
        print_line("no services: the site file names none under `equipment: {service: …}` of a device")


def batteries(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the batteries, the emptiest first, with the day on which each will be empty."""
    from monitor.cli.equipmentlook import print_batteries

    asking = Asking.of(socket, state)
    found = asking.client.get("equipment", "batteries")
    if as_json:
        print_json(found)
    elif found:
        print_batteries(found, asking.now)
    else:
        print_line("no device has said how full its battery is")


def supply(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Say whether each building has electricity, water and gas, and what was the matter lately."""
    from monitor.cli.equipmentlook import print_supply

    asking = Asking.of(socket, state)
    found = asking.client.get("supply")
    if as_json:
        print_json(found)
    elif found:
        print_supply(found, asking)
    else:
        print_line("nothing is known of the supply: see `supply:` in docs/settings.md")
