"""Residents' reports, made and joined: the key of the codes, the desk, and the server of their pages."""

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from monitor.app.listening import Listener
from monitor.errors import SettingsError
from monitor.journal.files import Files
from monitor.keyfile import open_key
from monitor.model import Value
from monitor.places import Residents
from monitor.site import Site
from monitor.web.residents.desk import ResidentDesk

__all__ = ["NoResidents", "ResidentParts", "make_residents"]

_LOG = structlog.get_logger()
_FILE: Final = "residents.key"


class NoResidents:
    """What a site has where residents do not report, or whose key cannot be used."""

    desk = None

    async def load(self) -> None:
        """Nothing."""

    def facts(self) -> Mapping[str, Value]:
        """Nothing."""
        return {}

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Nothing."""
        return {}


def make_residents(  # noqa: PLR0913 - what was opened for it
    site: Site,
    folder: Path,
    files: Files,
    now: Callable[[], int],
    *,
    may_forget: Callable[[], bool],
    is_past: bool = False,
) -> "ResidentParts | NoResidents":
    """Make what the site wants of them; a key that cannot be used is logged. `is_past`: nobody reports there."""
    if site.residents is None or is_past:
        return NoResidents()
    lost = "delete it: a new one is made, and all codes have to be printed again"
    try:
        key = open_key(folder / _FILE, "the key of the residents' codes", lost=lost)
    except SettingsError as error:
        _LOG.error(
            "residents_not_served", error=str(error), what_to_do="put that right and reload; nobody can report"
        )
        return NoResidents()
    return ResidentParts(site, site.residents, files, key, now, may_forget)


class ResidentParts:
    """Takes reports, and serves the pages while its task runs."""

    def __init__(  # noqa: PLR0913, PLR0917 - what was opened for it
        self,
        site: Site,
        residents: Residents,
        files: Files,
        key: bytes,
        now: Callable[[], int],
        may_forget: Callable[[], bool],
    ) -> None:
        self._site = site
        self._residents = residents
        self._key = key
        self._now = now
        self._may_forget = may_forget
        self._counts: Counter[str] = Counter(opened=0, taken=0, refused=0)
        self.desk = ResidentDesk(site, files.state, files.journal, key, now)
        self._listener = Listener(
            residents.host, residents.port, self._pages, failed=self._failed, served=self._served
        )

    async def load(self) -> None:
        """Read which codes work; before anybody asks. Raises JournalError."""
        await self.desk.codes.load()

    def facts(self) -> Mapping[str, Value]:
        """Whether pages are served, and how many were opened, and reports taken and refused since the start."""
        return {"listening": self._listener.is_there, **self._counts}

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        return {"residents": self._listener.run(), "residents' reports": self.desk.run(self._may_forget)}

    @staticmethod
    def _failed(address: str, error: str) -> None:
        _LOG.error(
            "residents_not_served",
            address=address,
            error=error,
            what_to_do="free the port, or write another `residents.listen`; nobody can report",
        )

    @staticmethod
    def _served(address: str) -> None:
        _LOG.info("residents_served", address=address)

    def _pages(self) -> tuple[Any, Any, int]:
        from monitor.web.residents.pages import CLIENTS, make_resident_pages
        from monitor.web.server import run_bound

        path = urlsplit(self._residents.base).path
        pages = make_resident_pages(self._site, self.desk, self._key, self._counts, now=self._now, path=path)
        return pages, run_bound, CLIENTS
