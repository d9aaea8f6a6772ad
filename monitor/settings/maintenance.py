"""Binds the planned maintenance: windows in the site's time zone, of the devices and rules that are there."""

from collections.abc import Collection, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from monitor.documents.node import Node, join
from monitor.maintenance import Window, problem
from monitor.periods import moment_of
from monitor.schema import MONITOR_DEVICE
from monitor.settings.binding import Binding
from monitor.settings.maintenanceshape import MaintenanceKeys
from monitor.settings.patterns import fits
from monitor.settings.selecting import check_selector, select
from monitor.settings.written import Wall
from monitor.site import Device

__all__ = ["bind_maintenance", "meant"]

_ALL: Final = ("*",)


def bind_maintenance(
    binding: Binding, root: Node, devices: Mapping[str, Device], rules: Collection[str], zone: ZoneInfo | None
) -> tuple[Window, ...]:
    """Bind the section `maintenance`; `rules` are the ids that its patterns may match."""
    seen: dict[str, Node] = {}
    windows = []
    for node, path in binding.section(root, "maintenance"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
            continue
        seen.setdefault(ident, node)
        window = _window(binding, node, path, devices, rules, zone)
        if window is not None:
            windows.append(window)
    return tuple(windows)


def _window(  # noqa: PLR0913, PLR0917 - the entry, and all that it may name
    binding: Binding,
    node: Node,
    path: str,
    devices: Mapping[str, Device],
    rules: Collection[str],
    zone: ZoneInfo | None,
) -> Window | None:
    before = len(binding.findings.errors)
    keys = binding.check(MaintenanceKeys, node, path)
    place = node.get("devices")
    if place is not None:
        check_selector(binding, place, join(path, "devices"))
    if keys is None or zone is None:
        return None
    _check_rules(binding, node, path, keys, rules)
    chosen = None
    if keys.devices is not None:
        named = {one.attributes["id"] for one in select(binding, [keys.devices])}
        if not named and len(binding.findings.errors) == before:
            binding.findings.error(place or node, join(path, "devices"), "no device matches")
        chosen = meant(named, devices)
    first = keys.begin or keys.starts
    assert first is not None  # the model says so
    starts = _moment(first, zone)
    ends = starts + round((keys.lasts or 0) * 1000) if keys.until is None else _moment(keys.until, zone)
    window = Window(
        id=keys.id,
        name=keys.name or keys.id,
        starts=starts,
        duration=ends - starts,
        repeat=keys.repeat,
        zone=zone,
        devices=chosen,
        rules=() if keys.rules == _ALL else keys.rules,
        reason=keys.reason,
    )
    wrong = problem(window)
    if wrong:
        key = "repeat" if keys.repeat else "from" if keys.begin else "for"
        binding.findings.error(node.get(key) or node, join(path, key), str(wrong))
    return window


def meant(named: Collection[str], devices: Mapping[str, Device]) -> frozenset[str]:
    """The devices named, and as FACILITY-MONITOR/ID each connection all of whose devices are among them."""
    others = {device.connection for ident, device in devices.items() if ident not in named}
    whole = {devices[ident].connection for ident in named if ident in devices} - others - {""}
    return frozenset({*named, *(f"{MONITOR_DEVICE}/{connection}" for connection in whole)})


def _check_rules(binding: Binding, node: Node, path: str, keys: MaintenanceKeys, rules: Collection[str]) -> None:
    place = node.get("rules")
    if place is None:
        return
    binding.literals(place, join(path, "rules"), rules, "rule")
    for pattern in keys.rules:
        if pattern != "*" and "*" in pattern and not any(fits(rule, (pattern,)) for rule in rules):
            binding.unknown(place, join(path, "rules"), pattern, rules, "rule that matches")


def _moment(wall: Wall, zone: ZoneInfo) -> int:
    day, minute = wall
    return moment_of(day, minute, zone)
