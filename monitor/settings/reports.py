"""Binds reports that are sent by themselves: about which devices, and to whom."""

from collections.abc import Mapping

from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.settings.meters import billed
from monitor.settings.metershape import ReportKeys
from monitor.settings.selecting import check_selector, select
from monitor.site import Device, ReportSettings
from monitor.staff import Person

__all__ = ["bind_reports"]

_NOT_OF_METERS = frozenset({"access", "equipment", "supply", "alarms", "notifications"})
"""Kinds that are about devices of other classes, too: each takes those that it can be about."""


def bind_reports(
    binding: Binding, root: Node, devices: Mapping[str, Device], people: Mapping[str, Person]
) -> dict[str, ReportSettings]:
    """Bind the section `reports`."""
    seen: dict[str, Node] = {}
    reports: dict[str, ReportSettings] = {}
    for node, path in binding.section(root, "reports"):
        ident = node.text("id")
        if ident and ident in seen:
            binding.twice(node, path, ident, seen[ident])
            continue
        seen.setdefault(ident, node)
        report = _report(binding, node, path, devices, people)
        if report is not None:
            reports[report.id] = report
    return reports


def _report(
    binding: Binding, node: Node, path: str, devices: Mapping[str, Device], people: Mapping[str, Person]
) -> ReportSettings | None:
    keys = binding.check(ReportKeys, node, path)
    place, where = node.get("devices"), join(path, "devices")
    if place is not None:
        check_selector(binding, place, where)
    if keys is None:
        return None
    _check_people(binding, node, path, people)
    chosen = None
    if keys.devices is not None:
        named = {one.attributes["id"] for one in select(binding, [keys.devices])}
        only_meters = not _NOT_OF_METERS & set(keys.kinds)
        chosen = tuple(
            ident
            for ident, device in devices.items()
            if ident in named and (not only_meters or billed(device) is not None)
        )
        if not chosen:
            binding.findings.warning(place or node, where, "the report is about nothing: none of these is a meter")
    return ReportSettings(
        id=keys.id,
        name=keys.name or keys.id,
        kinds=tuple(dict.fromkeys(keys.kinds)),
        every=keys.every,
        people=tuple(dict.fromkeys(keys.people)),
        wait=keys.wait,
        devices=chosen,
    )


def _check_people(binding: Binding, node: Node, path: str, people: Mapping[str, Person]) -> None:
    """Each has to be known, also when there is a mistake in what is said of them, and to have a channel."""
    place, where = node.get("people") or node, join(path, "people")
    written = binding.people_written
    for number, item in enumerate(place.items if place.kind == "list" else [place]):
        at = join(where, number) if place.kind == "list" else where
        name = str(item.scalar)
        if name not in written:
            binding.unknown(item, at, name, written, "person")
        elif name in people and not people[name].channels:
            binding.findings.error(item, at, f"`{name}` has no channel: no report can reach this person")
