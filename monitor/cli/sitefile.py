"""Adds connections and devices to a site file that a person wrote: what stands there stays to the letter.

The new lines go behind the last entry of their list, and the file is only replaced by one that `check` accepts.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from monitor.cli.newsite import flow
from monitor.cli.placing import replace_file
from monitor.errors import RequestRefused, SettingsError
from monitor.wording import Sentence

__all__ = ["add_to_site", "snippet"]

Entries = Sequence[Mapping[str, Any]]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def snippet(connections: Entries, devices: Entries) -> str:
    """The YAML of connections and devices, to be pasted into a site file."""
    sections = (("connections", connections), ("devices", devices))
    return "\n".join(f"{name}:\n{_lines(entries, 2)}" for name, entries in sections if entries)


def add_to_site(file: Path, connections: Entries, devices: Entries) -> list[str]:
    """Add what is not there yet; answers the ids of the devices as they were added.

    A connection that is there with the same id and block is used; a device whose id is taken gets a number behind
    it. Raises SettingsError when the file, or what would come of it, has mistakes: then it stays as it was.
    RequestRefused where it cannot be edited.
    """
    if not file.is_file():
        raise RequestRefused(
            Sentence("{file} is no file: `facility-monitor init {file}` makes one", file=str(file))
        )
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, _LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{file} cannot be read: run `facility-monitor check {file}`") from error
    _refuse_mistakes(file, file, "has mistakes already; mend them first")
    new_connections = _unknown_connections(file, root, connections)
    named = _with_free_ids(_ids(root, "devices"), devices)
    for section, entries in (("devices", named), ("connections", new_connections)):
        if entries:
            text = _inserted(file, text, section, entries)
    _replace(file, text)
    return [str(device["id"]) for device in named]


def _lines(entries: Entries, indent: int) -> str:
    return "".join(f"{' ' * indent}- {flow(dict(entry))}\n" for entry in entries)


# What is there -------------------------------------------------------------------------------------------


def _section(root: Any, name: str) -> Any:
    """The node of a section, or None."""
    if not isinstance(root, yaml.MappingNode):
        return None
    return next((value for key, value in root.value if key.value == name), None)


def _entries(root: Any, section: str) -> Iterator[dict[str, Any]]:
    node = _section(root, section)
    for item in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(item, yaml.MappingNode):
            yield _plain(item)


def _plain(node: Any) -> Any:
    """A node as texts, lists and mappings: enough to tell whether two say the same."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    return [_plain(item) for item in node.value] if isinstance(node, yaml.SequenceNode) else str(node.value)


def _ids(root: Any, section: str) -> set[str]:
    return {str(entry.get("id", "")) for entry in _entries(root, section)}


def _unknown_connections(file: Path, root: Any, connections: Entries) -> list[Mapping[str, Any]]:
    known = {str(entry.get("id", "")): entry for entry in _entries(root, "connections")}
    new = []
    for connection in connections:
        ident = str(connection["id"])
        if ident not in known:
            new.append(connection)
        elif _plain(yaml.compose(flow(dict(connection)), _LOADER)) != known[ident]:
            raise RequestRefused(
                Sentence(
                    "{file} has another connection `{id}`: give this one another id", file=str(file), id=ident
                )
            )
    return new


def _with_free_ids(taken: set[str], devices: Entries) -> list[Mapping[str, Any]]:
    named: list[Mapping[str, Any]] = []
    for device in devices:
        wanted = str(device["id"])
        free = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
        ident = next(one for one in free if one not in taken)
        taken.add(ident)
        named.append({**device, "id": ident})
    return named


# The new text --------------------------------------------------------------------------------------------


def _inserted(file: Path, text: str, name: str, entries: Entries) -> str:
    """The text with the entries behind the last of a section."""
    root = yaml.compose(text, _LOADER)
    node = _section(root, name)
    if node is None:
        return f"{text.rstrip(chr(10))}\n\n{name}:\n{_lines(entries, 2)}"
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        lines = text.splitlines(keepends=True)
        last = _last_line(node.value[-1])
        if not lines[last].endswith("\n"):
            lines[last] += "\n"
        lines.insert(last + 1, _lines(entries, node.start_mark.column))
        return "".join(lines)
    if not node.value and not node.tag.startswith("!"):
        start, end = node.start_mark.index, node.end_mark.index
        return f"{text[:start].rstrip(' ')}\n{_lines(entries, 2).rstrip(chr(10))}{text[end:]}"
    raise RequestRefused(
        Sentence(
            "{file} writes `{name}` in a form that nothing can be added to (a list in brackets, "
            "or another file): write its entries one below the other, each beginning with `- `, "
            "or paste this yourself:\n{lines}",
            file=str(file),
            name=name,
            lines=_lines(entries, 2),
        )
    )


def _last_line(node: Any) -> int:
    """The line that an entry ends on: block collections end on that of their last value."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line - 1 if mark.column == 0 and mark.line > node.start_mark.line else mark.line)


def _refuse_mistakes(file: Path, shown: Path, what: str) -> None:
    """Raise SettingsError with all mistakes of a site file; `shown` is the name that a person knows it by."""
    from monitor.app import load_site
    from monitor.settings import SettingsInvalid

    try:
        load_site(file, os.environ, thorough=True)
    except SettingsInvalid as invalid:
        told = "\n".join(str(finding).replace(str(file), str(shown)) for finding in invalid.findings)
        raise SettingsError(f"{shown} {what}:\n{told}") from invalid


def _replace(file: Path, text: str) -> None:
    mode = stat.S_IMODE(file.stat().st_mode)
    with replace_file(file, text.encode(), mode) as made:
        _refuse_mistakes(made, file, "would have mistakes and was left as it was")
