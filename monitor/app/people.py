"""Doors and people, made and joined: what judges, what counts, what forgets, and what answers for them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from monitor.access.book import Book
from monitor.access.directory import FILE, Directory
from monitor.access.doors import Doors
from monitor.access.erasing import Erasing
from monitor.access.forgetting import Forgetting
from monitor.access.people import People
from monitor.access.person import PersonFile
from monitor.access.places import Outside
from monitor.access.pseudonyms import Pseudonyms
from monitor.errors import SettingsError
from monitor.journal.feeder import Feeder
from monitor.journal.files import Files
from monitor.site import Site
from monitor.web.accessdesk import People as Desk

__all__ = ["AccessParts"]


class AccessParts:
    """Nothing runs before its task does. `may_forget`: whether the clock can be believed enough for that."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        site: Site,
        files: Files,
        folder: Path,
        *,
        pseudonyms: Pseudonyms,
        now: Callable[[], int],
        may_forget: Callable[[], bool],
        outside: Sequence[Outside],
        steady: Callable[[], float] = monotonic,
        pace: Callable[[], float] = monotonic,
    ) -> None:
        journal, access = files.journal, files.access
        self.doors = Doors(journal, files.state, site, now=now, may_forget=may_forget, steady=steady)
        self.people = People(journal, access, site, now=now, may_forget=may_forget, steady=pace)
        self.feeder = Feeder(access, journal)
        keep = site.access.keep
        self._forgetting = Forgetting(journal, access, keep=keep, now=now, may_forget=may_forget)
        self.book = Book(
            folder / "access.db",
            folder / "state.db",
            site,
            doors=self.doors.doors,
            zones=self.people.zones,
            now=now,
        )
        key = site.access.names_key
        directory = Directory(folder / FILE, key) if key else None
        self.memories: list[Callable[[str], int]] = []
        """What keeps events in memory, and forgets somebody there."""
        self._erasing = Erasing(
            files,
            now=now,
            people=self.people.forget,
            outside=outside,
            forget_name=partial(_no_name, folder / FILE) if directory is None else directory.remove,
            memories=self.memories,
        )
        self.desk = Desk(
            self.book,
            pseudonymise=pseudonyms,
            directory=directory,
            erasing=self._erasing,
            file=PersonFile(files, outside=outside, names=None if directory is None else directory.names),
        )
        for consumer in (Doors.name, People.name):
            journal.register(consumer)

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs for as long as the daemon does, by name."""
        return {
            **self.tasks_of_the_past(),
            "erasing": self._erasing.run(),
            "forgetting": self._forgetting.run(),
        }

    def tasks_of_the_past(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What runs also while the past is filled in."""
        return {
            "doors": self.doors.run(),
            "people": self.people.run(),
            "feeder of people": self.feeder.run(),
        }

    def close(self) -> None:
        """Let go of what is held beside the files."""
        self.book.close()


def _no_name(path: Path, _: str) -> bool:
    """Answer that nobody has a name, where that is certain: a directory may be left from before."""
    if path.exists():
        raise SettingsError(
            f"there is a directory of names, {path}, and no secret to look into it: put `access.names` back into"
            " the site file, or delete the directory"
        )
    return False
