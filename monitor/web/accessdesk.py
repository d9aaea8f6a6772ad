"""Doors and people as the API asks for them: what happened, who is who, and forgetting somebody."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.access.directory import Directory
from monitor.access.erasing import Erasing
from monitor.access.person import PersonFile
from monitor.accessbook import AccessBook, Name
from monitor.credentials import canonical
from monitor.ports import Pseudonymise

__all__ = ["People"]


class People:
    """The `monitor.web.parts.AccessDesk` of the running daemon."""

    def __init__(
        self,
        book: AccessBook,
        *,
        pseudonymise: Pseudonymise,
        directory: Directory | None,
        erasing: Erasing,
        file: PersonFile,
    ) -> None:
        self._book = book
        self._pseudonymise = pseudonymise
        self._directory = directory
        self._erasing = erasing
        self._file = file

    @property
    def book(self) -> AccessBook:
        """What happened."""
        return self._book

    def pseudonym(self, credential: str, form: str) -> str:
        """The pseudonym of a card, by its number in the form of its reader."""
        return self._pseudonymise(canonical(credential, form))

    async def names(self) -> Mapping[str, Name] | None:
        """Who is who; None where there is no directory."""
        return None if self._directory is None else await asyncio.to_thread(self._directory.names)

    async def put_name(self, pseudonym: str, name: str, note: str) -> None:
        """Add or change a name."""
        if self._directory is not None:
            await asyncio.to_thread(self._directory.put, pseudonym, name, note)

    async def import_names(self, text: str) -> int:
        """Add many, all of them or none; answers how many."""
        if self._directory is None:
            return 0
        return await asyncio.to_thread(self._directory.import_csv, text, self._pseudonymise)

    async def remove_name(self, pseudonym: str) -> bool:
        """Take a name out; answers whether there was one."""
        return self._directory is not None and await asyncio.to_thread(self._directory.remove, pseudonym)

    async def export(self, pseudonym: str) -> Mapping[str, Any]:
        """Everything that is kept of a person."""
        return await self._file.export(pseudonym)

    async def erase(self, pseudonym: str, *, by: str, reason: str) -> str:
        """Begin to forget a person; answers the number of the erasure."""
        return await self._erasing.ask(pseudonym, by, reason)

    async def erasures(self) -> Sequence[Mapping[str, Any]]:
        """All erasures, newest first."""
        return await self._erasing.all()
