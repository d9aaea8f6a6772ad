"""Who is on call, as the API asks for it, and what people say of that."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final

from monitor.alarms import dutybook
from monitor.duty import Override, Turn, turns
from monitor.journal.state import State
from monitor.model import Command
from monitor.notify.along import reaching
from monitor.notify.standins import OVERRIDES, as_override
from monitor.site import Site
from monitor.web.alarmparts import Duty

__all__ = ["DutyDesk"]

_AHEAD: Final = 366 * 86_400_000


class DutyDesk:
    """The `monitor.web.parts.DutyDesk` of the running daemon. `now` is UTC ms."""

    def __init__(self, state: State, site: Site, now: Callable[[], int]) -> None:
        self._state = state
        self._site = site
        self._now = now

    async def rosters(self, at: int | None) -> Sequence[Duty]:
        """Each roster at a time."""
        time = self._now() if at is None else at
        rows = await self._state.query(OVERRIDES, (time,))
        said = reaching(self._site, [as_override(row) for row in rows])
        found = []
        for roster in self._site.notify.rosters.values():
            coming = _people(turns(roster, time, time + _AHEAD, self._site.timezone, said))
            now, *later = islice(coming, 2)
            found.append(Duty(roster.id, roster.name, now, later[0] if later else None))
        return found

    async def overrides(self) -> Sequence[Override]:
        """What people said and is not over."""
        return [as_override(row) for row in await self._state.query(OVERRIDES, (self._now(),))]

    async def override(  # noqa: PLR0913 - who stands in when, and who says so why
        self, roster: str, person: str, *, starts: int | None, ends: int, by: str, reason: str
    ) -> Command:
        """The command that somebody stands in, `starts` None: from now on."""
        now = self._now()
        return dutybook.override(
            self._site,
            await self.overrides(),
            roster=roster,
            person=person,
            starts=now if starts is None else starts,
            ends=ends,
            by=by,
            reason=reason,
            now=now,
        )

    async def end(self, ident: str, *, by: str, reason: str) -> Command:
        """The command that takes back what somebody said."""
        return dutybook.end(await self.overrides(), ident, by=by, reason=reason, now=self._now())


def _people(found: Iterator[Turn]) -> Iterator[Turn]:
    """Turns from one person to another: who goes on for another reason goes on."""
    for person, same in groupby(found, key=lambda turn: turn.person):
        first, *others = same
        yield Turn(first.start, others[-1].end if others else first.end, person, first.reason)
