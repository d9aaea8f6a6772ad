"""What is known of cards that were shown: whose a card event was, and whether it was within the hours. Pure."""

from typing import Final

from monitor.access.layout import Layout
from monitor.model import Event
from monitor.site import Site

__all__ = ["ERASED", "Cards", "out_of_hours"]

ERASED: Final = "erased"
"""Stands in the place of the pseudonym of a person who was erased."""

_KEPT: Final = 10_000


class Cards:
    """The newest card events by reader and id: whose they were, and whether in or out."""

    def __init__(self) -> None:
        self._cards: dict[tuple[str, str], tuple[str, str, int]] = {}

    def add(self, key: tuple[str, str], credential: str, direction: str, time: int) -> None:
        """Note a card event."""
        self._cards[key] = credential, direction, time
        if len(self._cards) > _KEPT:
            del self._cards[next(iter(self._cards))]

    def get(self, key: tuple[str, str]) -> tuple[str, str] | None:
        """Answer whose a card event was and its direction; None: it is not among the newest."""
        found = self._cards.get(key)
        return None if found is None else found[:2]

    def forget(self, credential: str) -> None:
        """Do not know any more whose cards those were."""
        for key, (whose, direction, time) in self._cards.items():
            if whose == credential:
                self._cards[key] = ERASED, direction, time

    def forget_before(self, time: int) -> None:
        """Do not know any more what was before a moment (UTC ms)."""
        for key in [key for key, (_, _, shown) in self._cards.items() if shown < time]:
            del self._cards[key]


def out_of_hours(event: Event, site: Site, layout: Layout) -> Event | None:
    """The Event `out_of_hours` for a card that was granted at a zone while nobody is expected there, else None."""
    door = layout.door(event)
    zone = site.access.zones.get(layout.zone(door))
    if zone is None or zone.hours is None or event.attributes.get("result") != "granted":
        return None
    if layout.direction(event) == "out" or zone.hours.is_on(event.time, site.timezone):
        return None
    return Event(
        device=event.device,
        kind="out_of_hours",
        time=event.time,
        arrived=event.arrived,
        id=f"out_of_hours-{event.id}",
        attributes={"door": door, "zone": zone.id, "card": event.id},
    )
