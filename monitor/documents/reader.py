"""YAML with the place of every value, by the rules of YAML 1.2: only true, false, null and numbers are not text.

Built from the parser's events with a stack of its own, so that neither depth nor aliases of a hostile file can
exhaust anything. Source of the rules: https://yaml.org/spec/1.2.2/#103-core-schema, less octal-looking numbers
with a leading zero (`0102` is text: meters carry such serial numbers) and infinities.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml

from monitor.documents.finding import Finding, Findings
from monitor.documents.node import Entry, Node, Scalar, join

__all__ = ["MAX_BYTES", "parse", "resolve_scalar"]

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 50
MAX_NODES: Final = 500_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")
_STANDARD: Final = {"tag:yaml.org,2002:str": "str", "!": "str"}
_SHOWN: Final = 60

Resolve = Callable[[Node, str], Node]
"""Turns a node with a tag of ours (`!env`, `!csv` …), and its key path, into what it stands for."""


def resolve_scalar(text: str) -> Scalar:
    """What an unquoted text means: null, true, false, a number, or the text itself."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "-+.0123456789":
        return text
    if _INT.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 16 if "x" in text else 10)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


class _Stop(Exception):
    """Ends the reading of a file."""


class _Builder:
    """Builds nodes from events; `resolve` sees each node that carries a tag of ours."""

    def __init__(self, file: str, findings: Findings, resolve: Resolve) -> None:
        self.file = file
        self.findings = findings
        self.resolve = resolve
        self.root: Node | None = None
        self._stack: list[tuple[Node, Node | None, str | None]] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._starts: list[int] = []
        self._documents = 0

    def feed(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event), event.anchor)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node, _, anchor = self._stack.pop()
            start = self._starts.pop()
            self._add(self._tagged(node), anchor, size=self._count - start)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(event, "a file holds one document: remove the line `---`, or use a second file")

    def _node(self, kind: Any, event: Any) -> Node:
        mark = event.start_mark
        self._grow(event, 1)
        return Node(kind, self.file, mark.line + 1, mark.column + 1, tag=event.tag or "")

    def _grow(self, event: Any, number: int) -> None:
        self._count += number
        if self._count > MAX_NODES:
            self._stop(event, f"the file says more than {MAX_NODES} things")

    def _scalar(self, event: Any) -> Node:
        node = self._node("scalar", event)
        plain = event.implicit[0]
        node.scalar = resolve_scalar(event.value) if plain else event.value
        return self._tagged(node, text=event.value)

    def _tagged(self, node: Node, text: str = "") -> Node:
        if not node.tag:
            return node
        if node.kind == "scalar":
            node.scalar = text
        if node.tag in _STANDARD and node.kind == "scalar":
            return node
        return self.resolve(node, self._path())

    def _path(self) -> str:
        """The key path of what is being read."""
        path = ""
        for parent, key, _ in self._stack:
            step = len(parent.items) if parent.kind == "list" else None if key is None else key.scalar
            if step is not None:
                path = join(path, step if isinstance(step, int) else str(step)[:_SHOWN])
        return path

    def _open(self, event: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        self._starts.append(self._count)
        self._stack.append((self._node(kind, event), None, event.anchor))

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        mark = event.start_mark
        if known is None:
            place = Node("scalar", self.file, mark.line + 1, mark.column + 1)
            self.findings.error(place, "", f"`*{event.anchor[:_SHOWN]}` is not named with `&` above")
            self._add(place, None)
            return
        self._grow(event, known[1])
        self._add(known[0], None, size=known[1])

    def _add(self, node: Node, anchor: str | None, *, size: int = 1) -> None:
        if anchor:
            self._anchors[anchor] = (node, size)
        if not self._stack:
            self.root = node
            return
        parent, key, name = self._stack[-1]
        if parent.kind == "list":
            parent.items.extend(node.items if node.splice and node.kind == "list" else [node])
        elif key is None:
            self._stack[-1] = (parent, node, name)
        else:
            self._put(parent, key, node)
            self._stack[-1] = (parent, None, name)

    def _put(self, parent: Node, key: Node, value: Node) -> None:
        if key.kind != "scalar":
            self.findings.error(key, "", "a key is a text or a number; quote it if it begins with `{` or `[`")
            return
        first = parent.entries.get(key.scalar)
        if first is not None:
            message = f"`{str(key.scalar)[:_SHOWN]}` is given twice: here and in line {first.key.line}"
            self.findings.error(key, self._path(), message)
            return
        parent.entries[key.scalar] = Entry(key, value)

    def _stop(self, event: Any, message: str) -> None:
        mark = event.start_mark
        self.findings.error(Node("scalar", self.file, mark.line + 1, mark.column + 1), "", message)
        raise _Stop


def _events(text: str) -> Iterator[Any]:
    loader = _LOADER(text)
    try:
        while True:
            event = loader.get_event()
            if event is None or isinstance(event, yaml.StreamEndEvent):
                return
            yield event
    finally:
        loader.dispose()


def parse(content: bytes, file: str, findings: Findings, resolve: Resolve) -> Node | None:
    """Read one YAML document. What is wrong goes to `findings`; None when nothing can be made of the file."""
    start = Node("scalar", file, 1, 1)
    if len(content) > MAX_BYTES:
        findings.error(start, "", f"the file is larger than {MAX_BYTES // 1024**2} MiB")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.error(Node("scalar", file, line, 1), "", "this is not UTF-8 text: save the file as UTF-8")
        return None
    builder = _Builder(file, findings, resolve)
    try:
        for event in _events(text):
            builder.feed(event)
    except _Stop:
        return None
    except yaml.YAMLError as error:
        findings.add(_syntax(error, file, text))
        return None
    return builder.root


def _syntax(error: yaml.YAMLError, file: str, text: str) -> Finding:
    """Say a syntax error in the words of somebody who does not know YAML's grammar."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode()[: error.position or 0]
        line, column = before.count(b"\n") + 1, 1
        return Finding(file=file, line=line, column=column, path="", message="a control character stands here")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", "") or "this is not YAML")
    line = 1 if mark is None else mark.line + 1
    column = 1 if mark is None else mark.column + 1
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    hint = ""
    if "\t" in row[:column]:
        hint = ": indent with spaces, a tab cannot stand here"
    elif "cannot start any token" in problem:
        hint = ": put the value in quotes"
    elif "mapping values are not allowed" in problem:
        hint = ": check the indentation, and quote a text that contains `: `"
    return Finding(file=file, line=line, column=column, path="", message=f"not valid YAML: {problem}{hint}")
