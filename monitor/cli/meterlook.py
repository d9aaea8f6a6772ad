"""How meters are shown to people: registers, what was used, what was not simply counted on, and how to mend it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from monitor.cli.output import clean, number, print_line, print_table, since, with_unit
from monitor.metering.written import clock

__all__ = [
    "amount",
    "coverage",
    "print_breaks",
    "print_counter",
    "print_coverage",
    "print_meters",
    "print_others",
    "print_usage",
]

_KINDS = {"wired": "", "by_hand": ", read by hand", "virtual": ", reckoned from other meters"}
_HAPPENED = {
    "gap": "it counted on, unseen",
    "rollover": "it went past its last digit and began at zero",
    "reset": "it began anew",
    "replaced": "another meter was put in",
    "jump": "it went to where it cannot have counted",
    "corrected": "corrected by hand",
}
_CAUSES = {
    "bus": "nothing of the connection answered",
    "unit": "this device alone did not answer",
    "database": "could not be kept",
    "off": "the monitor did not run",
    "clock": "the clock was set",
    "unknown": "no reason seen",
}
_SMALL = 0.0005
"""Amounts are shown to the thousandth: to the Wh and the litre."""


def amount(value: float | None, unit: str) -> str:
    """What was used, to the thousandth."""
    if value is None:
        return "-"
    return with_unit(f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= _SMALL else "0", unit)


def _register(counter: Mapping[str, Any]) -> str:
    value = counter["register"]
    return "-" if value is None else with_unit(number(float(value)), counter["unit"])


def _rate(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return with_unit(f"{value:.0f}" if unit in {"W", "var", "VA"} else f"{value:.3f}", unit)


def coverage(day: Mapping[str, Any] | None) -> str:
    """The share of the samples that came."""
    if day is None or not day["expected"]:
        return "-"
    share = 100 * day["received"] / day["expected"]
    shown = f"{share:.1f}"
    return f"{'100' if day['received'] >= day['expected'] else '99.9' if shown == '100.0' else shown} %"


def print_meters(meters: Sequence[Mapping[str, Any]], now: int) -> None:
    """A line for each meter; what is doubtful of any is told below."""
    headings = ("meter", "name", "class", "register", "read", "now", "today", "samples today")
    rows = []
    for each in meters:
        counter, today = each["counter"], each["today"]
        used = "-" if today is None else amount(today["amount"], today["unit"])
        if today is not None and today["estimated"] >= _SMALL:
            used += " *"
        rows.append(
            (
                each["device"],
                each["name"],
                each["class"],
                "-" if counter is None else _register(counter),
                {"virtual": "reckoned"}.get(each["kind"], since(counter and counter["time"], now)),
                "-" if counter is None else _rate(counter["rate"], counter["rate_unit"]),
                used,
                coverage(each["coverage"]),
            )
        )
    print_table(headings, rows)
    notes = [
        f"{each['device']}: {each['counter']['doubt']}"
        for each in meters
        if each["counter"] and each["counter"]["doubt"]
    ]
    if any(row[6].endswith("*") for row in rows):
        notes.append("* a part of it is estimated: `facility-monitor meter show METER` says which and why")
    if notes:
        print_line()
    for note in notes:
        print_line(clean(note))


def print_counter(
    counter: Mapping[str, Any],
    used: Mapping[str, Mapping[str, Any] | None],
    *,
    ratio: float,
    zone: ZoneInfo,
    now: int,
) -> None:
    """All that is known of one counter; `used`: what it counted, by the name of the period."""
    print_line(f"{counter['point']}{', by which it is billed' if counter['billed'] else ''}")
    if counter["register"] is None:
        print_line("  register     not read yet")
        return
    unit = counter["unit"]
    print_line(f"  register     {_register(counter)}, read {since(counter['time'], now)}")
    if ratio != 1:
        display = with_unit(_display(counter["register"], ratio), unit)
        print_line(f"  display      {display}, times {ratio:g} for the transformers (ct, vt)")
    print_line(f"  metered      since {clock(counter['first'], zone)}")
    if counter["serial"]:
        print_line(f"  serial       {clean(counter['serial'])}")
    if counter["rate"] is not None:
        print_line(f"  now          {_rate(counter['rate'], counter['rate_unit'])}")
    if counter["demand"] is not None:
        demand, predicted = (_rate(counter[name], counter["rate_unit"]) for name in ("demand", "predicted"))
        print_line(f"  demand       {demand} in this quarter of an hour so far; it will come to {predicted}")
    for name, row in used.items():
        if row is not None:
            print_line(f"  {name:<12} {_used(row, unit)}")
    if counter["pending"]:
        held = ", ".join(with_unit(number(value), unit) for value in counter["pending"])
        print_line(clean(f"  held         {held}: {counter['doubt']}"))


def _display(value: float, ratio: float) -> str:
    """What a display shows where the monitor keeps `value`."""
    return number(value) if ratio == 1 else f"{value / ratio:.9g}"


def _used(row: Mapping[str, Any], unit: str) -> str:
    words = amount(row["amount"], unit) if row["amount"] is not None else "nothing is known"
    notes = []
    if row["energy_kwh"] is not None:
        notes.append(amount(row["energy_kwh"], "kWh"))
    if row["estimated"] >= _SMALL:
        notes.append(f"{amount(row['estimated'], unit)} of it estimated")
    return f"{words} ({', '.join(notes)})" if notes else words


def print_others(
    counters: Sequence[Mapping[str, Any]], used: Mapping[str, Mapping[str, Mapping[str, Any]]], zone: ZoneInfo
) -> None:
    """A line for each counter that the meter is not billed by."""
    rows = []
    for counter in counters:
        own = [by_counter.get(counter["point"]) for by_counter in used.values()]
        amounts = ["-" if row is None or row["amount"] is None else _used(row, counter["unit"]) for row in own]
        since_ = "-" if counter["first"] is None else clock(counter["first"], zone)
        rows.append((counter["point"], _register(counter), *amounts, since_))
    print_table(("other counters", "register", *used, "metered since"), rows)
    for counter in counters:
        if counter["doubt"]:
            print_line(clean(f"{counter['point']}: {counter['doubt']}"))


def print_breaks(meter: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Where counters did not simply count on, what is booked for it, and how to mend what is a guess.

    What happened to several counters at once is told of one of them, by which the meter is billed if it is there.
    """
    units = {each["point"]: each["unit"] for each in meter["counters"]}
    billed = {each["point"] for each in meter["counters"] if each["billed"]}
    at_once: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for each in sorted(meter["breaks"], key=lambda each: each["point"] not in billed):
        at_once.setdefault((each["end"], each["start"], each["lost"], each["by"]), []).append(each)
    for _, (each, *others) in sorted(at_once.items(), key=lambda item: item[0][:2]):
        unit = units.get(each["point"], "")
        print_line(f"{clock(each['start'], zone)} to {clock(each['end'], zone)}  {each['point']}")
        print_line(f"  {_HAPPENED.get(each['cause'], each['cause'])}{_registers(each, unit)}")
        if each["cause"] == "corrected":
            print_line(f"  booked {'+' if each['amount'] > 0 else ''}{amount(each['amount'], unit)}")
        else:
            print_line(f"  booked {amount(each['amount'], unit)}{', which is a guess' if each['lost'] else ''}")
        if each["by"]:
            reason = f": {each['reason']}" if each["reason"] else ""
            print_line(clean(f"  told by {each['by']}{reason}"))
        if each["lost"]:
            for line in _mending(meter, each, unit, zone, "" if each["point"] in billed else each["point"]):
                print_line(f"  {line}")
        if others:
            print_line(f"  at the same time: {', '.join(other['point'] for other in others)}")
            if each["lost"]:
                print_line("  say it of each of these that matters too, with its registers and --counter NAME")


def _registers(one: Mapping[str, Any], unit: str) -> str:
    before, after = one["start_register"], one["end_register"]
    if before is None or after is None:
        return ""
    return f": {with_unit(number(before), unit)} before, {with_unit(number(after), unit)} after"


def _mending(
    meter: Mapping[str, Any], one: Mapping[str, Any], unit: str, zone: ZoneInfo, counter: str
) -> Iterator[str]:
    """The very command that says what happened, in the numbers of the displays."""
    more = f" --counter {counter}" if counter else ""
    command = f'facility-monitor meter replace {meter["device"]} --at "{clock(one["end"], zone)}"{more}'
    yield "another meter hangs there? Say what the old one showed last, and the new one first:"
    yield f"  {command} --final OLD --start NEW"
    if one["start_register"] is not None and one["end_register"] is not None:
        before, after = (_display(one[name], meter["ratio"]) for name in ("start_register", "end_register"))
        yield f"  OLD is {with_unit(before, unit)} or more, NEW is {with_unit(after, unit)} or less"
        if one["cause"] == "reset":
            yield "the same meter began at zero?"
            yield f"  {command} --final {before} --start 0"


def print_coverage(days: Sequence[Mapping[str, Any]]) -> None:
    """What a meter should have said on each day, and what it did."""
    rows = [
        (
            each["day"],
            coverage(each),
            each["expected"],
            each["received"],
            each["late"],
            ", ".join(f"{count} {_CAUSES.get(cause, cause)}" for cause, count in each["lost"].items()),
        )
        for each in days
    ]
    print_table(("day", "came", "expected", "received", "late", "lost"), rows)


def print_usage(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo, now: int) -> None:
    """What was used, piece by piece, and the sum of each counter."""
    points = list(dict.fromkeys(row["point"] for row in rows))
    has_energy = any(row["energy_kwh"] is not None for row in rows)
    headings = ["from", "to", "used", "estimated", "known", "register at the end", "greatest demand"]
    if has_energy:
        headings.insert(3, "energy")
    for point in points:
        own = _from_first([row for row in rows if row["point"] == point])
        unit = own[0]["unit"]
        if len(points) > 1:
            print_line(f"{'' if point == points[0] else chr(10)}{point}")
        lines = [_line(row, zone, now, has_energy=has_energy) for row in own]
        print_table(headings, lines)
        if len(own) > 1:
            known = [row["amount"] for row in own if row["amount"] is not None]
            estimated = sum(row["estimated"] for row in own)
            doubt = f", {amount(estimated, unit)} of it estimated" if estimated >= _SMALL else ""
            print_line(f"together {amount(sum(known), unit) if known else '-'}{doubt}")


def _from_first(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without what lies before anything is known; all when nothing is."""
    known = [place for place, row in enumerate(rows) if row["amount"] is not None]
    return rows[known[0] :] if known else rows


def _line(row: Mapping[str, Any], zone: ZoneInfo, now: int, *, has_energy: bool) -> list[str]:
    register, unit = row["end_register"], row["unit"]
    line = [
        clock(row["start"], zone),
        clock(row["end"], zone),
        amount(row["amount"], unit),
        amount(row["estimated"], unit) if row["estimated"] >= _SMALL else "",
        "" if row["complete"] else "so far" if row["end"] > now else f"{100 * row['known']:.0f} %",
        "" if register is None else with_unit(number(register), unit),
        "" if row["demand_max"] is None else _rate(row["demand_max"], row["rate_unit"]),
    ]
    if has_energy:
        line.insert(3, amount(row["energy_kwh"], "kWh"))
    return line
