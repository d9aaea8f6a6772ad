"""A value of a document and the place it stands at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Entry", "Node", "join"]

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Entry:
    """A key of a mapping and its value; the key has a place of its own."""

    key: "Node"
    value: "Node"


@dataclass(slots=True)
class Node:
    """One value. `scalar`, `items` or `entries` holds it, as `kind` says.

    `secret`: its text must never be shown; `named`: what it is called, where it has a file.
    `absent`: the secret it stands for is not there yet.
    `splice`: a list that came from another file and is joined into the list it stands in.
    """

    kind: Literal["scalar", "list", "mapping"]
    file: str
    line: int
    column: int
    scalar: Scalar = field(default=None, repr=False)
    items: list["Node"] = field(default_factory=list)
    entries: dict[Scalar, Entry] = field(default_factory=dict)
    tag: str = ""
    secret: bool = False
    named: str = ""
    absent: bool = False
    splice: bool = False

    def get(self, key: str) -> "Node | None":
        """The value of a key, or None."""
        entry = self.entries.get(key)
        return None if entry is None else entry.value

    def text(self, key: str) -> str:
        """The value of a key when it is a text or a number, as text; else empty."""
        node = self.get(key)
        if node is None or node.kind != "scalar" or node.scalar is None or isinstance(node.scalar, bool):
            return ""
        return str(node.scalar)

    def plain(self) -> Any:
        """The value without places: what models are made from."""
        if self.kind == "scalar":
            return self.scalar
        if self.kind == "list":
            return [item.plain() for item in self.items]
        return {key: entry.value.plain() for key, entry in self.entries.items()}

    def only(self, keys: "set[str] | frozenset[str]", *, but: bool = False) -> "Node":
        """The same mapping with these keys only, or with all but these."""
        chosen = {key: entry for key, entry in self.entries.items() if (key in keys) is not but}
        return Node("mapping", self.file, self.line, self.column, entries=chosen)

    def down(self, path: tuple[Any, ...]) -> "tuple[Node, tuple[Any, ...]]":
        """Follow keys and indexes as far as they lead: the node there, and the steps that led to it."""
        node, taken = self, []
        for step in path:
            if node.kind == "mapping" and step in node.entries:
                node = node.entries[step].value
            elif node.kind == "list" and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
            else:
                continue
            taken.append(step)
        return node, tuple(taken)

    def secrets(self) -> Iterator[str]:
        """The texts of the secrets that stand here or below."""
        if self.secret:
            yield str(self.scalar)
        for item in self.items:
            yield from item.secrets()
        for entry in self.entries.values():
            yield from entry.value.secrets()


def join(path: str, *steps: object) -> str:
    """Write a key path: `join("devices", 3, "unit")` is `devices[3].unit`."""
    for step in steps:
        if isinstance(step, int) and not isinstance(step, bool):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else str(step)
    return path
