"""Links in messages, made and joined: the key, what signs, and the server of their pages."""

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
from monitor.notify.links import Claim, Purpose, sign
from monitor.site import Site
from monitor.staff import Links

__all__ = ["LinkParts", "NoLinks", "make_links"]

_LOG = structlog.get_logger()
_FILE: Final = "links.key"


class NoLinks:
    """What a site has that wants no links, or whose key cannot be used: messages carry none."""

    def sign(self, _occurrence: str, _person: str) -> str:
        """Nothing."""
        return ""

    def facts(self) -> Mapping[str, Value]:
        """Nothing."""
        return {}

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Nothing."""
        return {}


def make_links(
    site: Site, folder: Path, files: Files, now: Callable[[], int], *, is_past: bool = False
) -> "LinkParts | NoLinks":
    """Make what the site wants of links; a key that cannot be used is logged. `is_past`: nobody is told."""
    if site.notify.links is None or is_past:
        return NoLinks()
    try:
        key = open_key(folder / _FILE, "the key of the links in messages", lost="delete it: a new one is made")
    except SettingsError as error:
        _LOG.error(
            "links_not_served", error=str(error), what_to_do="put that right and reload; messages have no links"
        )
        return NoLinks()
    return LinkParts(site, site.notify.links, files, key, now)


class LinkParts:
    """Signs links, and serves their pages while its task runs. Messages carry no link that nobody would answer."""

    def __init__(self, site: Site, links: Links, files: Files, key: bytes, now: Callable[[], int]) -> None:
        self._site = site
        self._links = links
        self._files = files
        self._key = key
        self._now = now
        self._counts: Counter[str] = Counter(made=0, opened=0, used=0, refused=0)
        self._listener = Listener(links.host, links.port, self._pages, failed=self._failed, served=self._served)

    def sign(self, occurrence: str, person: str) -> str:
        """The address on which a person acknowledges an alarm; nothing while nobody answers there."""
        if not self._listener.is_there:
            return ""
        claim = Claim(
            purpose=Purpose.ACKNOWLEDGE,
            occurrence=occurrence,
            person=person,
            expires=self._now() + round(self._links.lives * 1000),
        )
        try:
            token = sign(self._key, claim)
        except ValueError:  # ids of hundreds of letters: the message has the command
            return ""
        self._counts["made"] += 1
        return f"{self._links.base}/a/{token}"

    def facts(self) -> Mapping[str, Value]:
        """Whether pages are served, and how many links were made, opened, used and refused since the start."""
        return {"listening": self._listener.is_there, **self._counts}

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        return {"links": self.run()}

    async def run(self) -> None:
        """Serve the pages until cancelled; an address that is taken is logged once and tried again."""
        await self._listener.run()

    @staticmethod
    def _failed(address: str, error: str) -> None:
        _LOG.error(
            "links_not_served",
            address=address,
            error=error,
            what_to_do="free the port, or write another `notify.links.listen`; messages have no links",
        )

    @staticmethod
    def _served(address: str) -> None:
        _LOG.info("links_served", address=address)

    def _pages(self) -> tuple[Any, Any, int]:
        from monitor.web.linkdesk import LinkDesk
        from monitor.web.linkpages import CLIENTS, make_link_pages
        from monitor.web.server import run_bound

        desk = LinkDesk(self._site, self._files.state, self._files.journal, self._key, self._now)
        pages = make_link_pages(self._site, desk, self._counts, path=urlsplit(self._links.base).path)
        return pages, run_bound, CLIENTS
