"""Everything that is kept of one person, for who asks what is known of him."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson

from monitor.access.places import Outside, Places
from monitor.accessbook import Name
from monitor.errors import SinkError
from monitor.journal.codec import KIND_OF, KINDS, encode
from monitor.journal.files import Files

__all__ = ["PersonFile"]

_KIND = {number: name for name, number in KINDS.items()}


class PersonFile:
    """Gathers what `Erasing` would erase: both search the same places, so that neither is more complete.

    `names`: opens the directory of names; None: there is none.
    """

    def __init__(
        self,
        files: Files,
        *,
        outside: Sequence[Outside] = (),
        names: Callable[[], Mapping[str, Name]] | None = None,
    ) -> None:
        self._files = files
        self._places = Places(files)
        self._outside = outside
        self._names = names

    async def export(self, pseudonym: str) -> Mapping[str, Any]:
        """Answer all of it, ready for JSON; times are UTC ms. Raises JournalError, SettingsError or OSError.

        `entries`, `presence`: what access.db has of the person. `journal`: the entries, by position. `elsewhere`:
        rows by `file.table`. `files`: how often the pseudonym stands in the bytes of which file, the copies
        included. `sent`: points by database, or why it could not be asked.
        """
        name = (await asyncio.to_thread(self._names)).get(pseudonym) if self._names else None
        journal = [
            {
                "position": found.position,
                "recorded": found.recorded,
                "kind": _KIND[KIND_OF[type(found.entry)]],
                "entry": orjson.loads(encode(found.entry)),
            }
            for found in await self._places.in_journal(pseudonym)
        ]
        tables: dict[str, list[Mapping[str, Any]]] = {}
        for store in self._places.stores:
            for table, row in await self._places.rows(store, pseudonym):
                tables.setdefault(f"{store.name}.{table}", []).append(_plain(row))
        return {
            "pseudonym": pseudonym,
            "name": None if name is None else {each.name: getattr(name, each.name) for each in fields(name)},
            "entries": sorted(tables.pop("access.entry", []), key=lambda row: (row["time"], row["position"])),
            "presence": tables.pop("access.presence", []),
            "journal": journal,
            "elsewhere": tables,
            "files": {
                **await self._places.left(pseudonym),
                **await self._places.left_in_access(pseudonym),
            },
            "sent": {each.name: await _points(each, pseudonym) for each in self._outside},
        }


async def _points(outside: Outside, pseudonym: str) -> int | str:
    try:
        return await outside.count(pseudonym)
    except SinkError as error:
        return f"it cannot be asked now: {error}"


def _plain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row for JSON: what is JSON itself is taken apart."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str) and text[:1] in {"{", "["}:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text
