"""Meters as the API asks for them: what has been counted, and what people say of them."""

from collections.abc import AsyncIterator, Callable, Sequence

from monitor.figures import UsageBook
from monitor.metering import commands
from monitor.metering.commands import Asked
from monitor.metering.manual import enter_list
from monitor.metering.recompute import Progress
from monitor.model import Command, Reading
from monitor.site import Site

__all__ = ["Meters"]


class Meters:
    """The `monitor.web.parts.MeterDesk` of the running daemon. `now` is UTC ms.

    `recompute` works out what was told of the past of some meters anew, as `monitor.metering.recompute` does.
    """

    def __init__(
        self,
        book: UsageBook,
        site: Site,
        now: Callable[[], int],
        *,
        recompute: Callable[[Sequence[str], int, int], AsyncIterator[Progress]],
    ) -> None:
        self._book = book
        self._site = site
        self._now = now
        self._recompute = recompute

    @property
    def book(self) -> UsageBook:
        """What has been counted."""
        return self._book

    def recompute(self, devices: Sequence[str], start: int, end: int) -> AsyncIterator[Progress]:
        """Work out what was told of the past of some meters anew."""
        return self._recompute(devices, start, end)

    async def replace(  # noqa: PLR0913 - what a person says of two meters
        self,
        device: str,
        point: str,
        *,
        at: int | None,
        final: float,
        start: float,
        serial: str,
        by: str,
        reason: str,
    ) -> tuple[Command, Reading | None]:
        """Another meter hangs there since `at` (None: as the monitor saw it); by hand, with its first reading."""
        asked = self._asked(device, point, by, reason)
        made = await commands.replace(
            self._book, self._site, asked, at=at, final=final, start=start, serial=serial
        )
        return made, commands.first_reading(self._site, made)

    async def correct(  # noqa: PLR0913 - a span, and what was used in it
        self, device: str, point: str, *, start: int, end: int, amount: float, by: str, reason: str
    ) -> Command:
        """So much was really used in [start, end)."""
        asked = self._asked(device, point, by, reason)
        return await commands.correct(self._book, self._site, asked, start=start, end=end, amount=amount)

    async def enter(  # noqa: PLR0913 - a register, and who read it when
        self, device: str, point: str, *, register: float, at: int | None, by: str, reason: str
    ) -> tuple[Command, Reading]:
        """A meter that nobody can wire showed this (`at` None: now)."""
        asked = self._asked(device, point, by, reason)
        return await commands.enter(self._book, self._site, asked, register=register, at=at)

    async def enter_list(self, text: str, *, by: str) -> Sequence[tuple[Command, Reading]]:
        """The same of many, in CSV: all of them or none."""
        return enter_list(self._book, self._site, text, by=by, now=self._now())

    def _asked(self, device: str, point: str, by: str, reason: str) -> Asked:
        return Asked(device=device, point=point, by=by, reason=reason, now=self._now())
