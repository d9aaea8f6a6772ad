"""Tables of `name -> module:object`, resolved when asked: nothing is imported before it is used."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from monitor.errors import SettingsError

__all__ = ["resolve"]


class _Table(Mapping[str, Any]):
    """A table whose objects are imported at the first look-up of their name."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = dict(table)
        self._objects: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._table:
            known = ", ".join(sorted(self._table))
            raise UnknownName(f"`{name}` is not known; known are {known}")
        if name not in self._objects:
            module, _, attribute = self._table[name].partition(":")
            self._objects[name] = getattr(import_module(module), attribute)
        return self._objects[name]

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


class UnknownName(SettingsError, KeyError):
    """A name that is not in its table; the message lists those that are."""

    def __str__(self) -> str:
        return str(self.args[0])


def resolve(table: Mapping[str, str]) -> Mapping[str, Any]:
    """Answer a mapping that imports `module:object` lazily; an unknown name raises and lists the known ones."""
    return _Table(table)
