"""Checks a node by a model, and says what is wrong in plain words at the place where it is wrong."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from monitor.documents.finding import Findings, nearest
from monitor.documents.node import Node, join

__all__ = ["keys_of", "unknown_key", "validate"]

M = TypeVar("M", bound=BaseModel)

_SHOWN: Final = 60
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_PLAIN: Final[Mapping[str, str]] = {
    "string_type": "write a text; put it in quotes if it looks like a number or says true or false",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "int_parsing_size": "the number is too large",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "finite_number": "write a number",
    "list_type": "write a list, such as `[a, b]`",
    "tuple_type": "write a list, such as `[a, b]`",
    "set_type": "write a list, such as `[a, b]`",
    "dict_type": "write keys with values, such as `{key: value}`",
    "model_type": "write keys with values, such as `{key: value}`",
    "model_attributes_type": "write keys with values, such as `{key: value}`",
}
_ID: Final = r"^[a-z0-9][a-z0-9-]*$"


def validate(  # noqa: PLR0913 - a check and all its circumstances
    model: type[M],
    node: Node,
    path: str,
    findings: Findings,
    *,
    also: frozenset[str] = frozenset(),
    folder: Any = None,
) -> M | None:
    """Make a model of a node, or None. `also`: keys allowed beside the model's, named in hints.

    A mistake that only comes from an absent secret is no finding: its absence is told already.
    """
    try:
        return model.model_validate(node.plain(), context={"folder": folder}, by_alias=True, by_name=False)
    except ValidationError as error:
        told: set[tuple[int, int, str]] = set()
        for one in error.errors(include_url=False, include_input=False):
            _explain(one, model, node, path, findings, also=also, told=told)
        return None


def _explain(  # noqa: PLR0913 - as above
    one: Any,
    model: type[BaseModel],
    node: Node,
    path: str,
    findings: Findings,
    *,
    also: frozenset[str],
    told: set[tuple[int, int, str]],
) -> None:
    loc: tuple[Any, ...] = one["loc"]
    kind: str = one["type"]
    if kind in {"missing", "extra_forbidden"}:
        parent, taken = node.down(loc[:-1])
        where = join(path, *taken)
        if kind == "missing" and isinstance(loc[-1], int):
            findings.error(parent, where, f"the list is too short: it needs {loc[-1] + 1} values at least")
            return
        if kind == "missing":
            findings.error(parent, join(where, loc[-1]), f"`{loc[-1]}` is missing")
            return
        allowed = sorted(set(keys_of(model, loc[:-1])) | (also if len(loc) == 1 else frozenset()))
        unknown_key(parent, loc[-1], where, findings, allowed=allowed)
        return
    place, taken = node.down(loc)
    if place.absent or (place.kind != "scalar" and _only_absent(place, kind)):
        return
    key = (place.line, place.column, join(path, *taken))
    if key in told:
        return
    told.add(key)
    message, allowed_text, hint = _words(one, place)
    findings.error(place, key[2], message, allowed=allowed_text, hint=hint)


def _only_absent(place: Node, kind: str) -> bool:
    """Whether a whole refuses itself and an absent secret in it may be the cause."""
    return kind in {"value_error", "assertion_error"} and any(
        entry.value.absent for entry in place.entries.values()
    )


def unknown_key(node: Node, key: Any, path: str, findings: Findings, *, allowed: list[str]) -> None:
    """Tell of a key that is not known, at the key's own place."""
    entry = node.entries.get(key)
    place = node if entry is None else entry.key
    name = str(key)[:_SHOWN]
    findings.error(
        place,
        join(path, name),
        f"`{name}` is not a key here",
        allowed=", ".join(allowed),
        hint=nearest(name, allowed),
    )


def _words(one: Any, place: Node) -> tuple[str, str, str]:
    """Message, what is allowed, hint. Never shows the value of a secret."""
    kind: str = one["type"]
    context: Mapping[str, Any] = one.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind], "", ""
    if kind in {"literal_error", "enum"}:
        values = _QUOTED.findall(context["expected"]) or re.findall(r"[\w.]+", context["expected"])
        given = "the secret's value " if place.secret else _given(place)
        hint = "" if place.secret else nearest(str(place.scalar), values)
        allowed = ", ".join(value for value in values if value != "or")
        return f"{given}is not one of the values allowed", allowed, hint
    if kind == "string_pattern_mismatch":
        if context["pattern"] == _ID:
            return "an id has lower-case letters, digits and `-`, and begins with no `-`", "", ""
        return "the text does not have the right form", f"the pattern {context['pattern']}", ""
    said = str(context.get("error") or _bounds(kind, context) or str(one["msg"]).lower())
    if any(secret and secret in said for secret in place.secrets()):
        return "the value of a secret does not fit here", "", ""
    return said, "", ""


def _bounds(kind: str, context: Mapping[str, Any]) -> str:
    """Words for limits of numbers and lengths."""
    words = {
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "must have at most {max_length} characters",
        "too_short": "needs at least {min_length} entries",
        "too_long": "takes at most {max_length} entries",
    }
    return words[kind].format(**context) if kind in words else ""


def _given(place: Node) -> str:
    if place.kind != "scalar":
        return "this "
    text = "null" if place.scalar is None else str(place.scalar)
    if isinstance(place.scalar, bool):
        text = text.lower()
    return f"`{text[:_SHOWN]}` "


def keys_of(model: Any, loc: tuple[Any, ...] = ()) -> list[str]:
    """The keys that a model takes, at a place below it."""
    found = list(_models(model))
    for step in loc:
        below: list[type[BaseModel]] = []
        for candidate in found:
            if step == candidate.__name__:
                below.append(candidate)
                continue
            for name, field in candidate.model_fields.items():
                if step in {name, field.alias}:
                    below.extend(_models(field.annotation))
        found = below or found
    return sorted({field.alias or name for candidate in found for name, field in candidate.model_fields.items()})


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, in whatever containers."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from _models(part)
