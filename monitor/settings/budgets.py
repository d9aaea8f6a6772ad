"""What the time of each bus goes to: reckoned for a site, told to people, and held against what is possible."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from monitor.documents.node import Node
from monitor.errors import SettingsError
from monitor.ports import Budget, DriverType
from monitor.settings.binding import Binding
from monitor.site import Device, Site

__all__ = ["as_json", "budgets_of", "check_budgets", "told"]


def budgets_of(site: Site, drivers: Mapping[str, DriverType]) -> dict[str, Budget]:
    """Reckon each connection whose driver plans its time; one whose points cannot be read is left out."""
    found: dict[str, Budget] = {}
    behind = _behind(site)
    for ident, connection in site.connections.items():
        try:
            budget = drivers[connection.driver].budget(connection, behind.get(ident, ()))
        except SettingsError:
            continue
        if budget is not None:
            found[ident] = budget
    return found


def check_budgets(binding: Binding, root: Node, site: Site) -> dict[str, Budget]:
    """Reckon the buses; a plan that does not fit is a mistake at the connection or at the device."""
    found = budgets_of(site, binding.drivers)
    devices: dict[str, tuple[Node, str]] = {}
    if any(hint.device for budget in found.values() for hint in budget.hints):
        devices = {node.text("id"): (node, path) for node, path in binding.section(root, "devices")}
    for node, path in binding.section(root, "connections"):
        budget = found.get(node.text("id"))
        for hint in () if budget is None else budget.hints:
            place, where = devices.get(hint.device, (node, path))
            tell = binding.findings.error if hint.refuses else binding.findings.warning
            tell(place, where, f"{hint.device or node.text('id')}: {hint.text}")
    return found


def told(ident: str, budget: Budget) -> str:
    """One line for people."""
    count = f"{budget.devices} devices" if budget.devices != 1 else "1 device"
    dead = f"{budget.dead} devices" if budget.dead != 1 else "1 device"
    worst = f"; with {dead} dead {_percent(budget.busy_dead)}" if budget.dead else ""
    return (
        f"{ident}: {count}, one round takes {_time(budget.cycle)}, busy {_percent(budget.busy)} of the time{worst}"
    )


def as_json(budget: Budget) -> dict[str, Any]:
    """Answer it ready for JSON; hints are told as findings."""
    told_of = asdict(budget)
    del told_of["hints"]
    return told_of


def _behind(site: Site) -> Mapping[str, list[Device]]:
    devices: dict[str, list[Device]] = {}
    for device in site.devices.values():
        devices.setdefault(device.connection, []).append(device)
    return devices


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"  # noqa: PLR2004 - below ten percent


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
