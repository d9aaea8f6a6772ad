"""What all parts of the binding share: the findings, the tables, and how sections and references are read."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from monitor.calendars import Schedule
from monitor.documents.explain import validate
from monitor.documents.files import Files
from monitor.documents.finding import Findings, nearest
from monitor.documents.node import Node, join
from monitor.places import Place
from monitor.ports import DriverType
from monitor.profiles import Library
from monitor.ruletypes import RuleType
from monitor.schema import MONITOR_DEVICE
from monitor.settings.calendarshape import HolidayKeys
from monitor.site import Connection, Device, Point

__all__ = ["Binding", "Candidate"]

M = TypeVar("M", bound=BaseModel)
_SHOWN = 60
_MOST_NAMES = 30


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A device as rules and routes see it, also when it has mistakes, so that one mistake is told once.

    `attributes` are what selectors ask for. `complete`: all its points are known.
    """

    attributes: Mapping[str, str]
    points: Mapping[str, str | None] = field(default_factory=dict)
    complete: bool = True
    device: Device | None = None


@dataclass(slots=True, kw_only=True)
class Binding:
    """The state of one loading."""

    findings: Findings
    files: Files
    library: Library
    drivers: Mapping[str, DriverType]
    rules: Mapping[str, RuleType]
    folder: Path
    stock: Path
    wrong_address: Callable[[str], str | None] = lambda _: None
    """Says what is wrong with an address of a person; asked where loading is thorough."""
    connections: dict[str, Connection] = field(default_factory=dict)
    connection_drivers: dict[str, str] = field(default_factory=dict)
    """Every connection named, with its driver, or an empty text where that is wrong."""
    candidates: dict[str, Candidate] = field(default_factory=dict)
    people_written: set[str] = field(default_factory=set)
    """Ids of people as written, whether what is said of them is right or not."""
    changes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Rule -> key -> what is tried there instead of what is written."""
    calendars: dict[str, Schedule | None] = field(default_factory=dict)
    """Every calendar named; None where it is wrong."""
    holidays: tuple[HolidayKeys | None, tuple[str, str]] = (None, ("", ""))
    """Those of the section `access`, and their country and region: for hours that have none of their own."""
    metered: dict[tuple[object, ...], Mapping[str, Point]] = field(default_factory=dict)
    """Points of profiles behind transformers and with ratings: devices that say the same share them."""
    places: list[Place] = field(default_factory=list)
    """Those where residents report; routes may match where they are."""
    _by_word: dict[str, dict[str, list[Candidate]]] = field(default_factory=dict)

    def by_word(self, attribute: str) -> Mapping[str, Sequence[Candidate]]:
        """All candidates by what they say of an attribute, if anything; asked once all devices are bound.

        The monitor itself is known by its id, and is none of them.
        """
        if attribute not in self._by_word:
            found: dict[str, list[Candidate]] = {MONITOR_DEVICE: []} if attribute == "id" else {}
            for one in self.candidates.values():
                if one.attributes[attribute]:
                    found.setdefault(one.attributes[attribute], []).append(one)
            self._by_word[attribute] = found
        return self._by_word[attribute]

    def check(self, model: type[M], node: Node, path: str, *, also: frozenset[str] = frozenset()) -> M | None:
        """Make a model of a node; None after telling what is wrong. Absent files are warned of."""
        made = validate(model, node, path, self.findings, also=also, folder=self.folder)
        if made is not None:
            self._files_of(made, node, path)
        return made

    def _files_of(self, model: BaseModel, node: Node, path: str) -> None:
        for name, info in type(model).model_fields.items():
            value, key = getattr(model, name), info.alias or name
            place = node.get(key)
            if isinstance(value, BaseModel) and place is not None:
                self._files_of(value, place, join(path, key))
            elif isinstance(value, Path) and place is not None and not place.absent and not _is_file(value):
                self.findings.absent(place, join(path, key), f"there is no file {value}; `run` will refuse")

    def section(self, root: Node, name: str) -> Iterator[tuple[Node, str]]:
        """The entries of a list of mappings, each with its key path."""
        node = root.get(name.rpartition(".")[2])
        if node is None or (node.kind == "scalar" and node.scalar is None):
            return
        if node.kind != "list":
            self.findings.error(node, name, "write a list: each entry begins with `- `")
            return
        for number, item in enumerate(node.items):
            if item.kind == "mapping":
                yield item, join(name, number)
            else:
                self.findings.error(item, join(name, number), "write keys with values, such as `{id: …}`")

    def unknown(self, node: Node, path: str, word: str, known: Iterable[str], what: str) -> None:
        """Tell of a reference to something that is not there."""
        names = sorted(known)
        allowed = ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
        message = f"there is no {what} `{word[:_SHOWN]}`"
        self.findings.error(node, path, message, allowed=allowed, hint=nearest(word, names))

    def twice(self, node: Node, path: str, ident: str, first: Node) -> None:
        """Tell of an id that is taken."""
        place = f"line {first.line}" if first.file == node.file else f"{first.file}, line {first.line}"
        self.findings.error(
            node.get("id") or node, join(path, "id"), f"the id `{ident}` is taken already in {place}"
        )

    def literals(self, node: Node | None, path: str, known: Collection[str], what: str) -> None:
        """Check the words of a matcher that have no `*`: each has to be known."""
        if node is None:
            return
        for number, item in enumerate(node.items if node.kind == "list" else [node]):
            where = join(path, number) if node.kind == "list" else path
            text = "" if item.scalar is None or item.kind != "scalar" else str(item.scalar)
            if text and "*" not in text and text not in known:
                self.unknown(item, where, text, known, what)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
