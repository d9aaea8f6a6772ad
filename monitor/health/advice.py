"""What a technician may look at when nobody knows better than how a device does."""

from collections.abc import Mapping
from typing import Final

from monitor.wording import say

__all__ = ["usual_advice"]


_USUAL: Final[Mapping[str, str]] = {
    "never_answered": say("Check its address, its wiring and power, and what its connection is set to."),
    "degraded": say("Check termination, cable length and noise, radio, and whether its connection is too busy."),
    "flapping": say("Check for loose contacts and a supply that comes and goes."),
    "suspended": say("Check its power and cable or battery, then the gateway or converter before it."),
}


def usual_advice(state: str) -> str:
    """What to look at first in a state of `monitor.health`; nothing for devices that do well."""
    return _USUAL.get(state, "")
