"""What a scan has found: as a table, as JSON, and as what can be pasted into a site file."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from monitor.cli.buses import Access, Place
from monitor.cli.output import print_line, print_table
from monitor.cli.paste import Paste, connection_id, device_entry

if TYPE_CHECKING:
    from drivers.modbus.survey.hosts import HostFound
    from drivers.modbus.survey.scan import Found

__all__ = ["Result", "as_json", "bus_paste", "host_summary", "hosts_paste", "show", "summary"]

_MODBUS_PORT = 502
_MOST_OTHERS = 16
_TABLES = ("holding", "input", "coil", "discrete")
_WORDS = {1: "function not known", 2: "no register 0", 3: "not that much"}


@dataclass
class Result:
    """What a scan has found so far."""

    name: str
    found: "list[Found]" = field(default_factory=list)
    hosts: "list[HostFound]" = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    asked: int = 0
    complete: bool = False
    are_hosts: bool = False


def show(result: Result) -> None:
    """Print what was found as a table, and what to do about it."""
    modbus = [each for each in result.hosts if each.is_modbus]
    if result.hosts:
        _show_hosts(result.hosts, modbus)
    elif result.found:
        headings = ("unit", *_TABLES, "latency", "line")
        print_table(headings, [_row(each) for each in result.found])
    count = len(modbus) if result.are_hosts else len(result.found)
    what = "address" if result.are_hosts else "unit"
    plural = ("es" if result.are_hosts else "s") if count != 1 else ""
    so_far = "" if result.complete else " so far, before it was ended"
    speaks = " with Modbus" if result.are_hosts else ""
    print_line(f"{count} {what}{plural}{speaks} found on {result.name}{so_far}")
    for advice in result.advice:
        print_line(advice)


def _show_hosts(hosts: "list[HostFound]", modbus: "list[HostFound]") -> None:
    others = len(hosts) - len(modbus)
    shown = modbus if others > _MOST_OTHERS else hosts
    print_table(("host", "port", "what answers"), [(each.host, each.port, host_summary(each)) for each in shown])
    if others > _MOST_OTHERS:
        print_line(
            f"{others} more have the port open and gave no Modbus answer: does a firewall or a proxy answer there?"
        )


def _row(found: "Found") -> tuple[object, ...]:
    cells = [_cell(found, table) for table in _TABLES]
    return (found.unit, *cells, "" if found.is_garbled else f"{found.ms:.0f} ms", found.line)


def _cell(found: "Found", table: str) -> str:
    outcome = found.tables.get(table)
    if outcome is None:
        return ""
    if outcome.code:
        return _WORDS.get(outcome.code, f"exception {outcome.code}")
    return {"answer": "answers", "silence": "silent", "garbled": "damaged"}[outcome.said]


def summary(found: "Found") -> str:
    """How the tables of a unit answered, in a line."""
    return ", ".join(f"{table} {_cell(found, table)}" for table in found.tables)


def host_summary(found: "HostFound") -> str:
    """What answers at an address, in a line."""
    if found.is_gateway and not found.units:
        return "a Modbus gateway that reaches none of the units asked for: look behind it with --host and --units"
    if not found.is_modbus and found.units:
        return "the port is open, but what came is no Modbus"
    if not found.units:
        return f"the port is open, but no Modbus answer came ({found.trouble})"
    ids = ", ".join(str(unit.unit) for unit in found.units)
    return f"Modbus, unit{'s' if len(found.units) > 1 else ''} {ids} ({found.units[0].ms:.0f} ms)"


def as_json(result: Result) -> dict[str, Any]:
    """What was found, for programs."""
    facts = {"bus": result.name, "asked": result.asked, "complete": result.complete, "advice": result.advice}
    if result.are_hosts:
        hosts = [
            {"host": each.host, "port": each.port, "units": [_unit_json(unit) for unit in each.units]}
            for each in result.hosts
        ]
        return facts | {"hosts": hosts}
    return facts | {"units": [_unit_json(each) for each in result.found]}


def _unit_json(found: "Found") -> dict[str, Any]:
    return {
        "unit": found.unit,
        "tables": {
            table: {"said": str(outcome.said), "code": outcome.code or None}
            for table, outcome in found.tables.items()
        },
        "ms": round(found.ms, 1),
        "line": found.line,
        "damaged": found.damaged,
        "late": found.late,
    }


# What can be pasted --------------------------------------------------------------------------------------


def bus_paste(place: Place, access: Access, result: Result) -> Paste:
    """The connection as it was given, with the line settings at which most units answered, and those units."""
    lines = [each.line for each in result.found]
    line = max(lines, key=lines.count) if lines else ""
    units = [each for each in result.found if each.line == line and not each.is_garbled]
    if access.connection:
        return Paste([], [_device(access.connection, each) for each in units])
    assert access.options is not None
    ident = connection_id(access.options.place)
    block = place.options() | _settings_of(line, place)
    return Paste([{"id": ident, "modbus": block}], [_device(ident, each) for each in units])


def _settings_of(line: str, place: Place) -> dict[str, Any]:
    """Baud rate and parity out of `9600 baud, 8N1`, for a port of our own."""
    if not line or place.port is None:
        return {}
    rate, _, form = line.partition(" baud, ")
    parity = {"N": "none", "E": "even", "O": "odd"}[form[1]]
    return {"baudrate": int(rate), "parity": parity}


def _device(connection: str, found: "Found") -> dict[str, Any]:
    table = found.readable or "holding"
    point: dict[str, Any] = {"register": f"{table} 0"}
    if table in {"holding", "input"}:
        point["type"] = "uint16"
    return device_entry(connection, found.unit, {"value": point})


def hosts_paste(result: Result) -> Paste:
    """A connection for each address at which Modbus answered, and its units."""
    connections, devices = [], []
    for each in result.hosts:
        if not each.is_modbus:
            continue
        ident = connection_id(each.host)
        port = {} if each.port == _MODBUS_PORT else {"port": each.port}
        connections.append({"id": ident, "modbus": {"transport": "tcp", "host": each.host} | port})
        devices += [_device(ident, unit) for unit in each.units]
    return Paste(connections, devices)
