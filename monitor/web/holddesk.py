"""What keeps people from being told, as the API asks for it: shelves, alarms out of service, maintenance."""

from collections.abc import Callable, Sequence

from monitor.alarms import commands, windows
from monitor.alarms.windows import Planned, Wish
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.model import Command
from monitor.site import Site

__all__ = ["HoldDesk"]


class HoldDesk:
    """Makes the commands of the running daemon; RequestRefused says why one cannot be. `now` is UTC ms.

    `target`: an occurrence, or RULE/SOURCE.
    """

    def __init__(self, state: State, site: Site, now: Callable[[], int]) -> None:
        self._state = state
        self._site = site
        self._now = now

    async def shelve(  # noqa: PLR0913 - until when, and who wants it why
        self, target: str, *, until: int | None, seconds: float | None, once: bool, by: str, reason: str
    ) -> Command:
        """Tell nobody of an alarm until then (UTC ms), or for so long."""
        now = self._now()
        if (until is None) == (seconds is None):
            raise RequestRefused("say either until when or for how long")
        end = until if until is not None else now + round((seconds or 0.0) * 1000)
        found = await commands.target_of(self._state, self._site, target)
        return commands.shelve(found, until=end, once=once, by=by, reason=reason, now=now)

    async def unshelve(self, target: str, *, by: str, reason: str) -> Command:
        """End a shelf."""
        found = await commands.target_of(self._state, self._site, target)
        return commands.unshelve(found, by=by, reason=reason, now=self._now())

    async def out_of_service(self, target: str, *, review_at: int, by: str, reason: str) -> Command:
        """Tell nobody of an alarm until somebody returns it; it is looked at again at `review_at` (UTC ms)."""
        found = await commands.target_of(self._state, self._site, target)
        return commands.out_of_service(found, review_at=review_at, by=by, reason=reason, now=self._now())

    async def return_to_service(self, target: str, *, by: str, reason: str) -> Command:
        """Bring an alarm back."""
        found = await commands.target_of(self._state, self._site, target)
        return commands.return_to_service(found, by=by, reason=reason, now=self._now())

    async def maintenance(self) -> Sequence[Planned]:
        """All that is planned: what is on first, then by when it begins."""
        return await windows.planned(self._state, self._site, self._now())

    async def add_maintenance(self, wish: Wish, *, by: str, reason: str) -> Command:
        """Plan some."""
        known = await self.maintenance()
        return windows.add(self._site, known, wish, by=by, reason=reason, now=self._now())

    async def end_maintenance(self, name: str, *, by: str, reason: str) -> Command:
        """End some: what the site file plans for this time only."""
        return windows.end(await self.maintenance(), name, by=by, reason=reason, now=self._now())
