"""Everything that is kept of one person, for who asks what is known of him."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any, Final

import orjson

from monitor.access.places import Outside, Places
from monitor.accessbook import Name
from monitor.errors import SinkError
from monitor.journal.codec import KIND_OF, KINDS
from monitor.journal.files import Files
from monitor.model import Entry

__all__ = ["PersonFile"]

_PARSED: Final[Mapping[str, frozenset[str]]] = {
    "access.entry": frozenset({"attributes"}),
    "access.presence": frozenset(),
}
"""Tables whose rows have a shape -> the columns that hold JSON."""
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

        `entries`, `presence`: what access.db has of the person. `journal`: the entries with their own names, by
        position. `elsewhere`: rows by `file.table`. `files`: how often the pseudonym stands in the bytes of which
        file, the copies included. `sent`: points by database, or why it could not be asked.
        """
        name = (await asyncio.to_thread(self._names)).get(pseudonym) if self._names else None
        journal = [
            {
                "position": found.position,
                "recorded": found.recorded,
                "kind": _KIND[KIND_OF[type(found.entry)]],
                "entry": _told(found.entry),
            }
            for found in await self._places.in_journal(pseudonym)
        ]
        tables: dict[str, list[Mapping[str, Any]]] = {}
        for store in self._places.stores:
            for table, row in await self._places.rows(store, pseudonym):
                place = f"{store.name}.{table}"
                tables.setdefault(place, []).append(_plain(row, _PARSED.get(place)))
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


def _told(entry: Entry) -> Mapping[str, Any]:
    """What an entry says, by name; a number that is not finite is null."""
    return {name: _ready(getattr(entry, name)) for name in entry.__slots__}


def _ready(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _ready(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not isfinite(value) else value


def _plain(row: Mapping[str, Any], parsed: frozenset[str] | None) -> Mapping[str, Any]:
    """A row for JSON: what is JSON itself is taken apart, in these columns or (None) wherever it looks like it."""
    return {
        name: value if parsed is not None and name not in parsed else _value(value) for name, value in row.items()
    }


def _value(value: Any) -> Any:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str) and text[:1] in {"{", "["}:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text
