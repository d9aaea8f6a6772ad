"""What kind of payload something is, and what is found in it: bounded in depth and number. Pure."""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from drivers.mqtt.jsonpath import Path
from drivers.mqtt.payload import Body, Lack

__all__ = ["MORE", "Kind", "dotted", "kind_of", "leaves", "shape_of", "written"]

Kind = str
"""`json`, `number`, `state`, `text`, `pairs`, `sparkplug`, `binary`, `empty` or `too large`."""

MAX_DEPTH: Final = 8
MAX_NODES: Final = 200
MORE: Final = "…"
"""Stands in the shape of a payload of which not all is looked at."""
_LONGEST_TEXT: Final = 2000
_NUMBER = re.compile(r"[-+]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][-+]?\d{1,3})?")
_PAIRS = re.compile(r"\s*[^\s,;&={}\[\]\"]{1,128}=[^\s,;&]*([\s,;&]+[^\s,;&=]{1,128}=(\"[^\"]*\"|[^\s,;&]*))*\s*")
_WORDS = frozenset({"on", "off", "true", "false", "online", "offline", "open", "close", "closed", "yes", "no"})
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def kind_of(topic: str, payload: bytes | None, body: Body) -> Kind:
    """Name what a payload is. `payload` None: it was too large to keep."""
    if not payload:
        return "too large" if payload is None else "empty"
    if topic.startswith("spBv1.0/") and "/STATE/" not in topic:
        return "sparkplug"
    if payload.lstrip()[:1] in {b"{", b"["} and isinstance(body.tree(), dict | list):
        return "json"
    return _kind_of_text(body.text())


def _kind_of_text(text: str | Lack) -> Kind:
    if isinstance(text, Lack) or not all(letter.isprintable() or letter in "\r\n\t" for letter in text):
        return "binary"
    if _NUMBER.fullmatch(text):
        return "number"
    if text.lower() in _WORDS:
        return "state"
    return "pairs" if len(text) <= _LONGEST_TEXT and _PAIRS.fullmatch(text) else "text"


def leaves(tree: Any) -> Iterator[tuple[Path, Any]]:
    """Yield what is no object or list, with its path; of what is too deep or too much, nothing."""
    for path, node in _nodes(tree):
        if not isinstance(node, dict | list) and not (isinstance(node, float) and not math.isfinite(node)):
            yield path, node


def _nodes(tree: Any) -> Iterator[tuple[Path, Any]]:
    waiting: list[tuple[Path, Any]] = [((), tree)]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        path, node = waiting.pop()
        yield path, node
        if isinstance(node, dict | list) and len(path) < MAX_DEPTH:
            items: Any = node.items() if isinstance(node, dict) else enumerate(node)
            inside = [((*path, step), child) for step, child in list(items)[:MAX_NODES]]
            waiting.extend(reversed(inside))


def _is_whole(tree: Any) -> bool:
    """Whether all of a tree is looked at."""
    nodes = list(_nodes(tree))
    deepest = any(len(path) >= MAX_DEPTH and isinstance(node, dict | list) for path, node in nodes)
    return len(nodes) < MAX_NODES and not deepest


def shape_of(kind: Kind, body: Body) -> tuple[str, ...]:
    """What two payloads have in common that look alike: their kind, and the names in them."""
    if kind == "json":
        tree = body.tree()
        more = () if _is_whole(tree) else (MORE,)
        return (kind, *more, *sorted({dotted(path) for path, _ in leaves(tree)}))
    pairs = body.pairs() if kind == "pairs" else {}
    return (kind, *([] if isinstance(pairs, Lack) else sorted(pairs)))


def dotted(path: Path) -> str:
    """A path as it stands in a shape: all items of a list look alike."""
    return ".".join("*" if isinstance(step, int) else step for step in path)


def written(path: Path) -> str | None:
    """A path as a profile writes it; None where a name in it cannot be written."""
    text = "$"
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            text += f".{step}"
        elif "'" not in step and step.isprintable():
            text += f"['{step}']"
        else:
            return None
    return text
