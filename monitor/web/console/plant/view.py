"""How devices do, gathered once for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.model import SEVERITY_RANK
from monitor.site import Device
from monitor.web.live import LiveState
from monitor.web.parts import Parts

__all__ = ["TROUBLE", "DeviceView", "alarms_of", "views_of"]

TROUBLE: Final = frozenset({"degraded", "flapping", "never_answered", "suspended"})
"""States of devices that somebody should look at."""

_NOT_CONNECTED: Final = "not_connected"


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device, how it does, and its open alarms, the gravest first."""

    device: Device
    state: str
    last_answer: int | None
    loss: float | None
    alarms: Sequence[Mapping[str, Any]]

    @property
    def severity(self) -> str:
        """Of its gravest open alarm; empty without."""
        return str(self.alarms[0]["severity"]) if self.alarms else ""


def alarms_of(alarms: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Device -> its open alarms, the gravest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for alarm in alarms:
        if alarm.get("active") and not alarm.get("shadow"):
            found.setdefault(str(alarm["device"]), []).append(alarm)
    for each in found.values():
        each.sort(key=lambda alarm: -SEVERITY_RANK.get(str(alarm["severity"]), 0))
    return found


async def views_of(parts: Parts, live: LiveState, devices: Sequence[Device]) -> Sequence[DeviceView]:
    """How some devices do; each part is asked once."""
    polls, states, losses = parts.polls(), parts.health(), parts.losses()
    alarms = alarms_of(await parts.alarms.list_alarms())
    return [
        DeviceView(
            device=each,
            state=states.get(each.id, "never_answered") if each.has_connection else _NOT_CONNECTED,
            last_answer=polls[each.id].last_answer if each.id in polls else live.heard.get(each.id),
            loss=losses.get(each.id),
            alarms=alarms.get(each.id, ()),
        )
        for each in devices
    ]
