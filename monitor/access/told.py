"""The entries that are made of what doors do. Ids are made of times, so that the same thing is kept once."""

import re
from collections.abc import Mapping
from typing import Final

from monitor.access.openings import Opening, Reason
from monitor.model import Derived, Event, Value

__all__ = ["OWN", "PRODUCER", "closed", "forced", "held", "is_own", "opened", "passage", "scheduled", "shown"]

PRODUCER: Final = "doors"
OWN: Final = frozenset({"opened", "closed", "forced", "held"})
"""Kinds of events that devices and the monitor both tell of doors."""

_OWN_ID: Final = re.compile(r"(opened|closed|forced|held)-\d+")


def is_own(event: Event) -> bool:
    """Whether the monitor itself has told this event of a door: by its id, and by the door that it names."""
    return "door" in event.attributes and _OWN_ID.fullmatch(event.id) is not None


def _event(device: str, kind: str, time: int, arrived: int, attributes: Mapping[str, Value]) -> Event:
    return Event(device=device, kind=kind, time=time, arrived=arrived, id=f"{kind}-{time}", attributes=attributes)


def opened(door: str, opening: Opening, card: Reason | None) -> Event:
    """A door was opened, with the best cause there was, and the card if that was it."""
    attributes: dict[str, Value] = {"door": door, "cause": opening.cause}
    if card is not None:
        attributes |= {"reader": card.device, "card": card.id}
    return _event(opening.contact, "opened", opening.opened, opening.arrived, attributes)


def forced(door: str, opening: Opening) -> Event:
    """A door was opened without a reason."""
    return _event(opening.contact, "forced", opening.opened, opening.arrived, {"door": door})


def closed(door: str, opening: Opening, *, open_s: float | None) -> Event:
    """A door has fallen shut, and stayed so; how long it had been open, where that is known."""
    assert opening.closed is not None
    attributes: dict[str, Value] = {"door": door}
    if open_s is not None:
        attributes["open_s"] = open_s
    return _event(opening.contact, "closed", opening.closed, opening.closed_arrived, attributes)


def held(door: str, opening: Opening) -> Event:
    """A door is held open; told of the moment when it was too long, named by when the time began to count."""
    assert opening.deadline is not None
    return Event(
        device=opening.contact,
        kind="held",
        time=opening.deadline,
        arrived=max(opening.deadline, opening.arrived),
        id=f"held-{opening.counts_from}",
        attributes={
            "door": door,
            "since": opening.counts_from,
            "open_s": (opening.deadline - opening.opened) / 1000,
        },
    )


def passage(door: str, card: Reason, time: int, arrived: int) -> Event:
    """A granted card was used: of its reader."""
    return Event(
        device=card.device,
        kind="passage",
        time=time,
        arrived=max(card.arrived, arrived),
        id=f"passage-{card.id}",
        attributes={"door": door, "card": card.id},
    )


def scheduled(door: str, device: str, time: int, *, is_on: bool) -> Event:
    """The hours of a door begin or end."""
    return _event(device, "unlocked" if is_on else "locked", time, time, {"door": door, "cause": "schedule"})


def shown(device: str, time: int, values: Mapping[str, Value]) -> Derived:
    """A door is like this from now on."""
    return Derived(producer=PRODUCER, key="", device=device, time=time, measurement="door", values=values)
