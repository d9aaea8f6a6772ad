"""The simulated caretaker of a month that is filled in: he sees to alarms, replaces a meter, reads a display."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from monitor.alarms import commands as of_alarms
from monitor.alarms.store import AlarmView, list_alarms
from monitor.app.parts import Parts
from monitor.errors import RequestRefused
from monitor.metering import commands as of_meters
from monitor.metering.commands import Asked
from monitor.meters import billed_counter
from monitor.model import Entry
from monitor.ports import Batch
from monitor.simulation.building import noise
from monitor.simulation.truth import Truth
from monitor.simulation.world import World

__all__ = ["Caretaker"]

_BY: Final = "caretaker"
_MINUTE: Final = 60_000
_LOOKS_EVERY: Final = 5 * _MINUTE
_WAKES, _SLEEPS = 7, 22
"""Hours between which he looks at what is not critical."""
_FORGOTTEN: Final = 0.12
"""Part of the alarms that he sees to on the next morning only."""
_SWAP_IS_TOLD_AFTER: Final = 160 * _MINUTE
_READS_AT: Final = timedelta(hours=9, minutes=10)
_READS_ON: Final = 0
"""Monday."""
_REASONS: Final = ("on my way", "seen to", "known, the service is told")


class Caretaker:
    """Does what is due by `now` (UTC ms); `due` is when he has to be asked next."""

    def __init__(self, parts: Parts, world: World, begin: int) -> None:
        self._parts = parts
        self._world = world
        self._site = world.site
        self._raised, self._looked = -1, 0
        self._known: dict[str, tuple[int, AlarmView]] = {}
        self._errands: list[tuple[int, str]] = []
        stories = world.stories
        for swap in () if stories is None else stories.swaps:
            if swap.at >= begin:
                self._errands.append((swap.at + _SWAP_IS_TOLD_AFTER, swap.device))
        self._by_hand = [each.id for each in self._site.devices.values() if each.by_hand]
        self._reads_at = begin + 5 * _MINUTE

    @property
    def due(self) -> int:
        """When there is something for him to do."""
        times = [at for at, _ in self._known.values()] + [at for at, _ in self._errands]
        return min([*times, *([self._reads_at] if self._by_hand else [])], default=1 << 62)

    async def look(self, now: int) -> None:
        """Look at the alarms, when there may be new ones or some are open."""
        raised = self._parts.raised
        if raised == self._raised and (not self._known or now - self._looked < _LOOKS_EVERY):
            return
        self._raised, self._looked = raised, now
        waiting = {
            alarm.occurrence: alarm
            for alarm in await list_alarms(self._parts.files.state)
            if (alarm.response == "unacked" or alarm.normal) and not alarm.shadow
        }
        known = self._known
        self._known = {
            ident: (
                known[ident][0]
                if ident in known and known[ident][1].normal == alarm.normal
                else self._when(alarm, now),
                alarm,
            )
            for ident, alarm in waiting.items()
        }

    async def act(self, now: int) -> None:
        """Do what is due."""
        for ident, (at, alarm) in list(self._known.items()):
            if at <= now:
                del self._known[ident]
                await self._acknowledge(alarm, now)
        for errand in [each for each in self._errands if each[0] <= now]:
            self._errands.remove(errand)
            await self._replace(errand[1], now)
        if self._by_hand and self._reads_at <= now:
            for device in self._by_hand:
                await self._read(device, now)
            self._reads_at = self._next_round(now)

    # Alarms -----------------------------------------------------------------------------------------------

    def _when(self, alarm: AlarmView, now: int) -> int:
        """When he sees to an alarm: by night only to what is critical, and now and then he forgets one."""
        luck = noise(f"{alarm.occurrence} {alarm.normal}")
        if alarm.severity == "critical":
            return now + round((2 + 8 * luck) * _MINUTE)
        seen = datetime.fromtimestamp(now / 1000, self._site.timezone)
        is_night = not _WAKES <= seen.hour < _SLEEPS
        if is_night or noise(f"{alarm.occurrence} is forgotten") < _FORGOTTEN:
            morning = seen + timedelta(days=0 if seen.hour < _WAKES else 1)
            seen = morning.replace(hour=_WAKES, minute=0, second=0, microsecond=0)
        return round(seen.timestamp() * 1000 + (3 + 37 * luck) * _MINUTE)

    async def _acknowledge(self, alarm: AlarmView, now: int) -> None:
        reason = "it is over; reset" if alarm.normal else _REASONS[int(noise(alarm.occurrence) * len(_REASONS))]
        try:
            command = await of_alarms.acknowledge(
                self._parts.files.state, alarm.occurrence, by=_BY, reason=reason, now=now
            )
        except RequestRefused:  # it has ended by itself meanwhile
            return
        step = "reset" if alarm.normal else "ack"
        await self._keep([replace(command, id=f"{step}-{alarm.occurrence}-{now}")])

    # Meters -----------------------------------------------------------------------------------------------

    async def _replace(self, ident: str, now: int) -> None:
        """Type `meter replace`: what he wrote down when he hung the new one up."""
        device = self._site.devices[ident]
        point = billed_counter(device)
        swap = None if point is None else Truth(self._world, device).swap(point)
        if swap is None:
            return
        at, final, start = swap
        asked = Asked(device=ident, by=_BY, reason="calibration was due", now=now)
        command = await of_meters.replace(self._parts.book, self._site, asked, final=final, start=start, at=at)
        await self._keep([replace(command, id=f"replace-{ident}-{at}")])

    async def _read(self, ident: str, now: int) -> None:
        device = self._site.devices[ident]
        point = billed_counter(device)
        if point is None:
            return
        register = Truth(self._world, device).register(point, now / 1000)
        asked = Asked(device=ident, by=_BY, now=now)
        command, reading = await of_meters.enter(self._parts.book, self._site, asked, register=register)
        await self._keep([replace(command, id=f"enter-{ident}-{now}"), reading])

    def _next_round(self, now: int) -> int:
        today = datetime.fromtimestamp(now / 1000, self._site.timezone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        monday = today + timedelta(days=(_READS_ON - today.weekday()) % 7 or 7)
        return round((monday + _READS_AT).timestamp() * 1000)

    async def _keep(self, entries: Sequence[Entry]) -> None:
        await self._parts.files.journal.append([Batch(entries=entries)])
