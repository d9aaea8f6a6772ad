"""From a payload to values: pure, bounded, and never an exception for what a device sends.

A field that cannot be used becomes a reason in `missing`: undecodable (not JSON, wrong type, wrong encoding),
nan (NaN, Infinity), out_of_range (outside `valid`, or larger than a number may be), not_reported (absent or null).
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

import orjson

from drivers.mqtt import jsonpath
from drivers.mqtt.settings import MqttPoint, Where, WhereIs
from monitor.model import Missing, Value
from monitor.schema import STATES
from monitor.site import Point

if TYPE_CHECKING:
    from drivers.mqtt.sparkplug.wire import Payload

__all__ = [
    "MAX_PAYLOAD",
    "MAX_TEXT",
    "Body",
    "Getter",
    "Lack",
    "PointGroup",
    "converter",
    "from_text",
    "getter",
    "spelling",
    "vouched",
]

MAX_PAYLOAD: Final = 256 * 1024
"""Bytes; a larger payload is undecodable, and is not even kept until it is looked at."""

MAX_TEXT: Final = 255
"""Characters of a text value."""


class Lack(Enum):
    """Why a payload gives nothing at a place."""

    ABSENT = "absent"
    """The object is there, the field is not."""
    NOWHERE = "nowhere"
    """Not even the object that would hold the field is there: a message of another kind."""
    BROKEN = "broken"
    """The payload is not what it should be."""


_ABSENT, _NOWHERE, _BROKEN = Lack.ABSENT, Lack.NOWHERE, Lack.BROKEN

Getter = Callable[["Body"], object]
"""Answers what a payload has at a place (JSON value or text), or a Lack."""

_NUMBER = re.compile(r"[-+]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][-+]?\d{1,3})?")
_NOT_A_NUMBER = re.compile(r"[-+]?(nan|inf|infinity)", re.IGNORECASE)
_UNFIT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PAIR = re.compile(r"([^\s,;&=]{1,128})=(\"[^\"]*\"|[^\s,;&]*)")
_INT64 = 2**63


class Body:
    """One payload, parsed at most once per form. `None` as payload: it was too large."""

    __slots__ = ("_pairs", "_raw", "_sparkplug", "_text", "_tree")

    def __init__(self, raw: bytes | None) -> None:
        self._raw = raw
        self._tree: object = _NOWHERE
        self._text: str | Lack = _NOWHERE
        self._pairs: Mapping[str, str] | Lack = _NOWHERE
        self._sparkplug: Payload | Lack = _NOWHERE

    @property
    def broken(self) -> bool:
        """Whether it was asked for in a form that it does not have."""
        return self._raw is None or _BROKEN in (self._tree, self._text, self._pairs, self._sparkplug)

    def tree(self) -> object:
        """The JSON value, or BROKEN."""
        if self._tree is _NOWHERE:
            raw = self._raw
            if raw is None:
                self._tree = _BROKEN
            else:
                try:
                    self._tree = orjson.loads(raw)
                except orjson.JSONDecodeError as error:
                    self._tree = _loose_json(raw, huge="infinity" in str(error))
        return self._tree

    def text(self) -> str | Lack:
        """The whole payload as stripped text, or BROKEN."""
        if self._text is _NOWHERE:
            try:
                self._text = _BROKEN if self._raw is None else self._raw.decode().strip()
            except UnicodeDecodeError:
                self._text = _BROKEN
        return self._text

    def pairs(self) -> Mapping[str, str] | Lack:
        """What `key=value` pairs say, or BROKEN."""
        if self._pairs is _NOWHERE:
            text = self.text()
            found = {} if isinstance(text, Lack) else {key: value.strip('"') for key, value in _PAIR.findall(text)}
            self._pairs = found or _BROKEN
        return self._pairs

    def sparkplug(self) -> "Payload | Lack":
        """The payload of Sparkplug B, or BROKEN."""
        if self._sparkplug is _NOWHERE:
            from drivers.mqtt.sparkplug.wire import decode

            self._sparkplug = (None if self._raw is None else decode(self._raw)) or _BROKEN
        return self._sparkplug


def _loose_json(raw: bytes, *, huge: bool) -> object:
    """Read NaN, Infinity and 1e999, which JSON does not have: one value is lost then, not all."""
    if not huge and b"NaN" not in raw and b"Infinity" not in raw:
        return _BROKEN
    try:
        return json.loads(raw.decode(), parse_constant=lambda _: math.nan)
    except (ValueError, RecursionError):
        return _BROKEN


def getter(where: Where, root: jsonpath.Path = ()) -> Getter:
    """Compile a place in a payload; JSON paths begin at `root`, and without it there is nothing anywhere."""
    if where.json_path is not None:
        path = jsonpath.parse(where.json_path)
        return _json_getter((*root, *path)) if path or not root else _root_getter(root)
    if where.key is not None:
        return _key_getter(where.key)
    return Body.text


def _key_getter(key: str) -> Getter:
    def get(body: Body) -> object:
        pairs = body.pairs()
        return pairs if isinstance(pairs, Lack) else pairs.get(key, _ABSENT)

    return get


def _root_getter(root: jsonpath.Path) -> Getter:
    """Find the root itself: one that is absent is no field that was left out."""
    get = _json_getter(root)

    def find(body: Body) -> object:
        found = get(body)
        return _NOWHERE if found is _ABSENT else found

    return find


def _json_getter(path: jsonpath.Path) -> Getter:
    if not path:
        return Body.tree
    *parents, last = path
    if not parents and isinstance(last, str):
        return _member_getter(last)

    def get(body: Body) -> object:
        node = body.tree()
        if node is _BROKEN:
            return node
        for step in parents:
            node = _step(node, step)
            if node is _ABSENT or node is _NOWHERE:
                return _NOWHERE
        return _step(node, last)

    return get


def _member_getter(name: str) -> Getter:
    """Most points are members of the root: the short way."""

    def get(body: Body) -> object:
        tree = body.tree()
        if type(tree) is dict:
            return tree.get(name, _ABSENT)
        return _BROKEN if tree is _BROKEN else _NOWHERE

    return get


def _step(node: object, step: str | int) -> object:
    if isinstance(step, str):
        return node.get(step, _ABSENT) if isinstance(node, dict) else _NOWHERE
    if not isinstance(node, list):
        return _NOWHERE
    return node[step] if step < len(node) else _ABSENT


def spelling(value: object) -> str | None:
    """The text under which a map or a condition names a value; None for objects and lists."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _INT64:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return "null" if value is None else None


def vouched(good: WhereIs) -> Callable[[Body], bool]:
    """Compile `good:`: whether a message stands by its values; one that says nothing of it does."""
    get = getter(good)
    wanted = good.wanted if isinstance(good.wanted, tuple) else (good.wanted,)
    spellings = frozenset(spelling(value) for value in wanted)

    def stands(body: Body) -> bool:
        said = get(body)
        return isinstance(said, Lack) or spelling(said) in spellings

    return stands


def from_text(text: str) -> float | Missing:
    """Read a number that was sent as text."""
    if _NUMBER.fullmatch(text):
        return float(text)
    return Missing.NAN if _NOT_A_NUMBER.fullmatch(text) else Missing.UNDECODABLE


def _number(point: Point, raw: object) -> float | Missing:
    """A quantity: always a float, scaled and within its bounds."""
    if isinstance(raw, str):
        raw = from_text(raw.strip())
        if isinstance(raw, Missing):
            return raw
    elif isinstance(raw, bool) or not isinstance(raw, float | int):
        return Missing.UNDECODABLE
    try:
        value = float(raw)
    except OverflowError:
        return Missing.OUT_OF_RANGE
    if math.isnan(value):
        return Missing.NAN
    value = value * point.factor / point.divisor + point.offset
    if not math.isfinite(value) or not _within(point, value):
        return Missing.OUT_OF_RANGE
    return value


def _within(point: Point, value: float) -> bool:
    return point.valid is None or point.valid[0] <= value <= point.valid[1]


def _state(point: Point, raw: object, *, typed: bool) -> Value | Missing:
    """A state or a number without a unit: kept in the type it was sent in (`typed`), or that its text suggests."""
    if isinstance(raw, str):
        text = raw.strip()
        if not typed:
            if text in {"true", "false"}:
                return text == "true"
            if _NUMBER.fullmatch(text):
                return _state(point, float(text) if not text.lstrip("+-").isdigit() else int(text), typed=True)
        return Missing.UNDECODABLE if not text or len(text) > MAX_TEXT or _UNFIT_TEXT.search(text) else text
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, float | int):
        return _plain_number(point, raw)
    return Missing.UNDECODABLE


def _truth(raw: object) -> bool | Missing:
    """True or false and nothing else: a text in its place may be anything, and would spoil its field for ever."""
    if isinstance(raw, str):
        raw = {"true": True, "false": False, "1": True, "0": False}.get(raw.strip().lower())
    return bool(raw) if isinstance(raw, bool | int | float) and raw in {0, 1} else Missing.UNDECODABLE


def _plain_number(point: Point, raw: float) -> float | Missing:
    if isinstance(raw, float) or (point.factor, point.divisor, point.offset) != (1.0, 1.0, 0.0):
        return _number(point, raw)
    return raw if -_INT64 <= raw < _INT64 and _within(point, raw) else Missing.OUT_OF_RANGE


def converter(point: Point, source: MqttPoint) -> Callable[[object], Value | Missing]:
    """Compile how what was sent becomes the value that is kept, or the reason why not."""
    typed = source.json_path is not None or source.metric is not None
    names = None if source.map is None else {str(key): value for key, value in source.map.items()}

    def convert(raw: object) -> Value | Missing:
        if names is not None:
            known = spelling(raw)
            if known is None or known not in names:
                return Missing.NOT_REPORTED if raw is None else Missing.UNDECODABLE
            raw = names[known]
        if raw is None:
            return Missing.NOT_REPORTED
        if point.unit is not None:
            return _number(point, raw)
        if point.name in STATES:
            return _truth(raw)
        return _state(point, raw, typed=typed or names is not None)

    return convert


class PointGroup:
    """The points of one device that one kind of message carries."""

    __slots__ = ("_partial", "_plan")

    def __init__(self, points: Mapping[str, Point], *, partial: bool, root: jsonpath.Path = ()) -> None:
        self._partial = partial
        self._plan = tuple(
            (name, getter(point.source, root), converter(point, point.source), point.source.omitted)
            for name, point in points.items()
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The points' names."""
        return tuple(step[0] for step in self._plan)

    def decode(self, body: Body) -> tuple[dict[str, Value], dict[str, Missing]] | None:
        """Answer values and missing ones; None when the message carries none of the points."""
        values: dict[str, Value] = {}
        missing: dict[str, Missing] = {}
        absent = 0
        for name, get, convert, omitted in self._plan:
            raw = get(body)
            if raw is _ABSENT and omitted is not None:
                raw = omitted
            if raw is _BROKEN:
                missing[name] = Missing.UNDECODABLE
            elif raw is _ABSENT or raw is _NOWHERE:
                absent += 1
                if not self._partial:
                    missing[name] = Missing.NOT_REPORTED
            else:
                value = convert(raw)
                if type(value) is Missing:
                    missing[name] = value
                else:
                    values[name] = value
        return None if absent == len(self._plan) else (values, missing)
