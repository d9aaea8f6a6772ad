"""Links in messages, made and joined: the key, what signs, and the server of their pages."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from monitor.errors import SettingsError
from monitor.journal.files import Files
from monitor.keyfile import open_key
from monitor.model import Value
from monitor.notify.links import Claim, Purpose, sign
from monitor.site import Site
from monitor.staff import Links

__all__ = ["LinkParts", "NoLinks", "listening", "make_links"]

_LOG = structlog.get_logger()
_FILE: Final = "links.key"
_TRY_AGAIN: Final = 60.0
_BACKLOG: Final = 50


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
        self._listens = False

    def sign(self, occurrence: str, person: str) -> str:
        """The address on which a person acknowledges an alarm; nothing while nobody answers there."""
        if not self._listens:
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
        return {"listening": self._listens, **self._counts}

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        return {"links": self.run()}

    async def run(self) -> None:
        """Serve the pages until cancelled; an address that is taken is logged once and tried again."""
        address = f"{self._links.host}:{self._links.port}"
        is_failing = False
        while True:
            try:
                bound = listening(self._links.host, self._links.port)
            except OSError as error:
                if not is_failing:
                    _LOG.error(
                        "links_not_served",
                        address=address,
                        error=error.strerror,
                        what_to_do="free the port, or write another `notify.links.listen`; messages have no links",
                    )
                is_failing = True
                await asyncio.sleep(_TRY_AGAIN)
                continue
            if is_failing:
                _LOG.info("links_served", address=address)
            is_failing = False
            self._listens = True  # who comes while the libraries are loaded waits in the queue
            try:
                with contextlib.closing(bound):
                    app, run_bound, clients = await asyncio.to_thread(self._pages)
                    await run_bound(app, bound, clients=clients)
            finally:
                self._listens = False

    def _pages(self) -> tuple[Any, Any, int]:
        from monitor.web.linkdesk import LinkDesk
        from monitor.web.linkpages import CLIENTS, make_link_pages
        from monitor.web.server import run_bound

        desk = LinkDesk(self._site, self._files.state, self._files.journal, self._key, self._now)
        pages = make_link_pages(self._site, desk, self._counts, path=urlsplit(self._links.base).path)
        return pages, run_bound, CLIENTS


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises OSError when the address is taken, or is none of this machine."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
