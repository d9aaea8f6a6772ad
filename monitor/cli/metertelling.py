"""What people tell of meters: replaced, read wrongly, read by hand."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.meterasking import Asking, Meter, until
from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import clean, number, print_json, print_line, print_table, with_unit
from monitor.periods import DAY

__all__ = ["correct", "enter", "recompute", "replace"]

_LARGEST = 50_000

_Counter = Annotated[
    str, typer.Option("--counter", metavar="NAME", help="Which counter; without it the one it is billed by.")
]
_At = Annotated[
    str, typer.Option("--at", metavar="TIME", help='Local time: "2026-11-27 10:30", or 10:30 for today.')
]
_Reason = Annotated[str, typer.Option(help="Why, for whoever asks in years.")]


def replace(
    meter: Meter,
    *,
    final: Annotated[str, typer.Option(metavar="REGISTER", help="What the old meter showed last.")],
    start: Annotated[str, typer.Option(metavar="REGISTER", help="What the new meter showed first.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME", help='Local time: "2026-11-27 10:30", or 10:30 for today; without it: as it was seen.'
        ),
    ] = "",
    serial: Annotated[str, typer.Option(help="The new meter's serial number.")] = "",
    counter: _Counter = "",
    reason: _Reason = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say that another meter hangs there, or that the same one began anew."""
    asking = Asking.of(socket, state)
    meant = asking.counter(meter, counter)
    body = {
        "point": meant["point"],
        "final": asking.register("--final", final, meant),
        "start": asking.register("--start", start, meant),
        "at": asking.moment("--at", at) if at else None,
        "serial": serial,
        "reason": reason,
    }
    kept = asking.client.post("meters", meter, "replace", body=body)
    booked = _until_booked(asking, kept, kept["at"])
    if as_json:
        print_json({"command": kept, "booked": booked})
        return
    last, first = (with_unit(number(kept[name]), kept["unit"]) for name in ("final", "start"))
    print_line(
        clean(
            f"kept in the name of {kept['by']}: {meter} replaced at {asking.clock(kept['at'])}, the old meter at "
            f"{last}, the new one at {first}"
        )
    )
    if meant["ratio"] != 1:
        print_line(
            f"these are the numbers of the displays times {meant['ratio']:g}, for the transformers (ct, vt)"
        )
    for name, word in (("final", "--final"), ("start", "--start")):
        if kept[name] != body[name]:
            print_line(f"{word} is taken as {with_unit(number(kept[name]), kept['unit'])}, as it was read")
    if booked is None:
        print_line("it is booked with the first reading of the new meter: see `facility-monitor meter show`")
    else:
        print_line(_booked(asking, booked, kept["unit"]))


def _booked(asking: Asking, booked: dict[str, Any], unit: str) -> str:
    from monitor.cli.meterlook import amount

    span = f"{asking.clock(booked['start'])} to {asking.clock(booked['end'])}"
    return f"booked {amount(booked['amount'], unit)} from {span}"


def _until_booked(asking: Asking, kept: dict[str, Any], at: int) -> dict[str, Any] | None:
    """What was booked for a command, once it is; None when that takes longer than some seconds."""
    from monitor.periods import local_day

    days = "..".join(local_day(each, asking.zone).isoformat() for each in (at - DAY, at + DAY))

    def look() -> dict[str, Any] | None:
        rows = asking.client.get("meters", kept["device"], "usage", period=days, point=kept["point"])
        found = [each for row in rows for each in row["breaks"] if each["command"] == kept["command"]]
        return found[0] if found else None

    return until(look)


def correct(
    meter: Meter,
    *,
    begin: Annotated[
        str, typer.Option("--from", metavar="TIME", help='Local time on a quarter of an hour: "2026-11-27 10:30".')
    ],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Where it ends, on a quarter of an hour.")],
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="What was really used in that time.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in years.")],
    counter: _Counter = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Say what was really used in a span of time."""
    asking = Asking.of(socket, state)
    meant = asking.counter(meter, counter)
    body = {
        "point": meant["point"],
        "from": asking.moment("--from", begin),
        "to": asking.moment("--to", end),
        "amount": asking.amount("--amount", amount, meant["unit"]),
        "reason": reason,
    }
    kept = asking.client.post("meters", meter, "correct", body=body)
    booked = _until_booked(asking, kept, kept["from"])
    if as_json:
        print_json({"command": kept, "booked": booked})
        return
    from monitor.cli import meterlook

    was, now = (meterlook.amount(kept[name], kept["unit"]) for name in ("was", "amount"))
    print_line(clean(f"kept in the name of {kept['by']}: {meter} used {now} and not {was} in that time"))
    print_line("booked" if booked else "it is not booked yet: look again with `facility-monitor meter show`")


def enter(
    meter: Annotated[str, typer.Argument(metavar="METER", help="The meter's id.", show_default=False)] = "",
    register: Annotated[
        str, typer.Argument(metavar="REGISTER", help="What it shows, as 512.4 or `512.4 m3`.", show_default=False)
    ] = "",
    *,
    at: _At = "",
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="A list instead: columns device, time, register, and if you like point and reason.",
            show_default=False,
        ),
    ] = None,
    counter: _Counter = "",
    reason: _Reason = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Enter what a meter shows that nobody can wire, or a list of such registers: all of it or nothing."""
    if csv is not None:
        if meter or register or at or counter or reason:
            raise typer.BadParameter("with --csv everything stands in the file")
        _enter_list(Asking.of(socket, state), csv, as_json)
        return
    if not meter or not register:
        raise typer.BadParameter("name the meter and what it shows, or a list with --csv FILE")
    asking = Asking.of(socket, state)
    before = asking.counter(meter, counter)
    body = {
        "point": before["point"],
        "register": asking.register("REGISTER", register, before),
        "at": asking.moment("--at", at) if at else None,
        "reason": reason,
    }
    kept = asking.client.post("meters", meter, "enter", body=body)
    counted = until(partial(_counted, asking, kept))
    if as_json:
        print_json([kept])
        return
    shown = with_unit(number(kept["register"]), kept["unit"])
    print_line(clean(f"entered by {kept['by']}: {meter} showed {shown} at {asking.clock(kept['at'])}"))
    if counted is None:
        print_line("it is not counted yet: look again with `facility-monitor meter show`")
    elif before["register"] is not None:
        from monitor.cli import meterlook

        used = meterlook.amount(kept["register"] - before["register"], kept["unit"])
        print_line(f"that is {used} since {asking.clock(before['time'])}")


def _counted(asking: Asking, kept: dict[str, Any]) -> dict[str, Any] | None:
    """The counter, once it has counted up to what was entered."""
    now = asking.counter(kept["device"], kept["point"])
    return now if now["time"] is not None and now["time"] >= kept["at"] else None


def _enter_list(asking: Asking, path: Path, as_json: bool) -> None:
    kept = asking.client.post("meters", "enter", body={"csv": _text(path)})
    newest = {(each["device"], each["point"]): each for each in kept}
    late = [each["device"] for each in newest.values() if until(partial(_counted, asking, each)) is None]
    if as_json:
        print_json(kept)
        return
    rows = [
        (each["device"], asking.clock(each["at"]), with_unit(number(each["register"]), each["unit"]))
        for each in kept
    ]
    print_table(("meter", "time", "register"), rows)
    print_line(f"{len(kept)} {'register' if len(kept) == 1 else 'registers'} entered by {clean(kept[0]['by'])}")
    if late:
        print_line(f"not counted yet: {', '.join(late)}")


def _text(path: Path) -> str:
    """The list; spreadsheets on Windows write the letters of one region."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}", param_hint="--csv") from None
    if len(data) > _LARGEST:
        raise typer.BadParameter(f"{path} is larger than {_LARGEST // 1000} kB: split it", param_hint="--csv")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def recompute(
    meters: Annotated[
        list[str] | None, typer.Argument(metavar="[METER]…", help="Ids of meters; none: all.", show_default=False)
    ] = None,
    *,
    period: Annotated[str, typer.Option(help="A period such as this-month, 2026-11, 2026, or two days with ...")],
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Work out what was told of a period anew: after prices, gas values or virtual meters have changed."""
    from monitor.cli.progress import Watched

    steps = Asking.of(socket, state).client.watch(
        "meters", "recompute", body={"period": period, "devices": meters or []}
    )
    last = next(steps)
    with Watched(last["total"], "days of meters") as bar:
        for step in steps:
            bar.step(step["done"] - last["done"])
            last = step
    if as_json:
        print_json(last)
    else:
        print_line(f"{last['done']} days of meters looked at, {last['changed']} told again")
