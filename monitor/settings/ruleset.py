"""Binds rules that stand alone, to devices that are known already: what tapes of rules are written with."""

from collections.abc import Mapping
from pathlib import Path

from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.documents.node import Node
from monitor.ports import DriverType
from monitor.profiles import Library
from monitor.ruletypes import RuleType
from monitor.schema import MONITOR_DEVICE
from monitor.settings.binding import Binding, Candidate
from monitor.settings.loading import SHIPPED
from monitor.settings.residents import usual_places
from monitor.settings.rules import bind_rules
from monitor.settings.supply import usual_supplies
from monitor.site import Device, Rule

__all__ = ["bind_ruleset"]


def bind_ruleset(  # noqa: PLR0913 - what is bound, to what, and the tables
    root: Node,
    devices: Mapping[str, Device],
    findings: Findings,
    files: Files,
    *,
    drivers: Mapping[str, DriverType],
    rules: Mapping[str, RuleType],
) -> dict[str, Rule]:
    """Bind the section `rules` of a document as that of a site file is bound; mistakes go to `findings`."""
    binding = Binding(
        findings=findings,
        files=files,
        library=Library([SHIPPED / "profiles"], drivers=drivers, files=files, findings=findings),
        drivers=drivers,
        rules=rules,
        folder=Path(root.file).parent,
        stock=SHIPPED / "rules",
    )
    binding.candidates.update(
        {name: _candidate(device) for name, device in devices.items() if name != MONITOR_DEVICE}
    )
    binding.connection_drivers.update({one.connection: "" for one in devices.values() if one.connection})
    return bind_rules(binding, root, usual_supplies(devices), usual_places(devices))


def _candidate(device: Device) -> Candidate:
    return Candidate(
        attributes={
            "id": device.id,
            "class": device.device_class,
            "profile": device.profile or "",
            "connection": device.connection,
            "building": device.building,
            "zone": device.zone,
            "role": device.role,
            "tenant": device.tenant,
        },
        points={name: point.unit for name, point in device.points.items()},
        device=device,
    )
