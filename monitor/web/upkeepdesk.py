"""Equipment as the API asks for it: what it did, and what people say was done to it."""

from collections.abc import Callable

from monitor.equipment import commands
from monitor.model import Command
from monitor.site import Site
from monitor.upkeepbook import UpkeepBook

__all__ = ["Upkeep"]


class Upkeep:
    """The `monitor.web.parts.UpkeepDesk` of the running daemon. `now` is UTC ms."""

    def __init__(self, book: UpkeepBook, site: Site, now: Callable[[], int]) -> None:
        self._book = book
        self._site = site
        self._now = now

    @property
    def book(self) -> UpkeepBook:
        """What equipment did."""
        return self._book

    async def service(  # noqa: PLR0913 - what a person says of work
        self, device: str, service: str, *, at: int | None, by: str, hours: float | None, note: str
    ) -> Command:
        """The command that work was done (`at` None: now). RequestRefused says why it cannot be."""
        return commands.service(
            self._site,
            self._book.services(),
            device=device,
            service=service,
            by=by,
            now=self._now(),
            at=at,
            hours=hours,
            note=note,
        )
