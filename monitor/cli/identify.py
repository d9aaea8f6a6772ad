"""`identify`: which profile fits to the device behind a unit id."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.buses import Access, Place, reach, with_place
from monitor.cli.identified import as_json, entries, headline, show
from monitor.cli.options import Json
from monitor.cli.output import lasting, print_json, print_line
from monitor.cli.paste import Add, AsYaml, Paste, connection_id, put
from monitor.cli.profiles import library_of
from monitor.cli.progress import Watched, until_done
from monitor.errors import FacilityMonitorError

if TYPE_CHECKING:
    from drivers.modbus.survey.candidates import Candidate
    from drivers.modbus.survey.verdict import Identified
    from monitor.ports import RegisterBus

__all__ = ["add_to"]

_VOLTS = (1.0, 100_000.0)


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(identify)


_Unit = Annotated[
    int | None, typer.Option("--unit", min=0, max=255, help="The unit id of the device.", show_default=False)
]
_Units = Annotated[
    str | None,
    typer.Option("--units", metavar="IDS", help="Several unit ids, such as 1-10,40.", show_default=False),
]
_Nominal = Annotated[
    list[float] | None,
    typer.Option(
        "--nominal", metavar="VOLTS", help="Volts to neutral (default: 230 and 120).", show_default=False
    ),
]


@dataclass
class _Result:
    """What is known so far."""

    name: str
    units: "list[Identified]" = field(default_factory=list)
    complete: bool = False


@with_place
def identify(
    place: Place,
    *,
    unit: _Unit = None,
    units: _Units = None,
    nominal: _Nominal = None,
    as_yaml: AsYaml = False,
    add: Add = None,
    json: Json = False,
) -> None:
    """Find out which profile fits to a device, and say how sure that is. Only reads.

    A unit is asked some 10 to 60 times: for what tells models apart, then for values that have to make sense. Have
    something switched on that the meter measures. With --add only what is sure is added without asking you.
    """
    from drivers.modbus.survey.candidates import candidates_of
    from drivers.modbus.survey.plausibility import NOMINAL

    ids = _ids(unit, units)
    volts = tuple(nominal or NOMINAL)
    if not all(_VOLTS[0] <= each <= _VOLTS[1] for each in volts):
        raise typer.BadParameter("--nominal is in volts, such as 230")
    access = reach(place)
    candidates = candidates_of(library_of(place.site))
    result = _Result(access.name)
    ended = until_done(_ask(place, access, ids, candidates, volts, result))
    if isinstance(ended, FacilityMonitorError) and not result.units:
        raise ended
    if json:
        print_json({"bus": result.name, "complete": result.complete, "units": list(map(as_json, result.units))})
    elif not as_yaml:
        for each in result.units:
            show(each)
        if not result.complete:
            print_line(f"{len(result.units)} of {len(ids)} units asked, before it was ended")
    if as_yaml or add is not None:
        _paste(place, access, result.units, as_yaml=as_yaml, add=add)
    if ended is not None:
        raise ended


def _ids(unit: int | None, units: str | None) -> list[int]:
    from drivers.modbus.survey.scan import parse_units

    if (unit is None) is (units is None):
        raise typer.BadParameter("say which device: --unit 3, or --units 1-10 (`scan` finds those that answer)")
    return [unit] if unit is not None else parse_units(units or "")


async def _ask(  # noqa: PLR0917 - whom, for what, and where it is kept
    place: Place,
    access: Access,
    ids: Sequence[int],
    candidates: "Sequence[Candidate]",
    volts: tuple[float, ...],
    result: _Result,
) -> None:
    from drivers.modbus.survey.identify import MOST_REQUESTS

    with Watched(len(ids) * MOST_REQUESTS, "requests at most") as watched:
        longest = len(ids) * MOST_REQUESTS * (0.05 + access.overhead)
        what = f"unit {ids[0]}" if len(ids) == 1 else f"{len(ids)} units"
        watched.say(
            f"asking {what} on {access.name}, {MOST_REQUESTS} requests each at most: "
            f"{lasting(max(1.0, longest))} or less where there is somebody"
        )
        async with access.open(patience=place.timeout) as bus:
            for each in ids:
                found = await _ask_one(bus, each, candidates, volts, watched)
                result.units.append(found)
                if len(ids) > 1:
                    watched.say(headline(found))
        result.complete = True


async def _ask_one(
    bus: "RegisterBus",
    unit: int,
    candidates: "Sequence[Candidate]",
    volts: tuple[float, ...],
    watched: Watched,
) -> "Identified":
    from drivers.modbus.survey.identify import MOST_REQUESTS, identify

    found = await identify(bus, unit, candidates, nominal=volts, tell=lambda _: watched.step())
    for _ in range(found.seen.requests, MOST_REQUESTS):
        watched.step()
    return found


# What is added -------------------------------------------------------------------------------------------


def _paste(place: Place, access: Access, found: "Sequence[Identified]", *, as_yaml: bool, add: Any) -> None:
    """Print the devices, or add those that are sure, and of the others those that a person wants."""
    if access.connection:
        ident, connections = access.connection, []
    else:
        assert access.options is not None
        ident = connection_id(access.options.place)
        connections = [{"id": ident, "modbus": place.options()}]
    if as_yaml:
        devices = [device for each in found for device in entries(each, ident)]
        put(Paste(connections, devices), as_yaml=True, add=None)
    if add is not None:
        chosen = [device for each in found if _is_wanted(each) for device in entries(each, ident)]
        put(Paste(connections, chosen), as_yaml=False, add=add, only_new=True)


def _is_wanted(found: "Identified") -> bool:
    if found.best is None:
        return False
    if found.certainty == "sure":
        return True
    if sys.stdin.isatty():
        return typer.confirm(f"{headline(found)}. Add it as {found.best.candidate.id}?", default=False, err=True)
    sys.stderr.write(f"not added, because it is not sure: {headline(found)}\n")
    return False
