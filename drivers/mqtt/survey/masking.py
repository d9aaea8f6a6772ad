"""Hides what could be somebody's card, number or name before anything is shown. Pure."""

import json
import re
from typing import Any, Final

from drivers.mqtt.payload import Lack
from drivers.mqtt.survey.heard import Sample
from drivers.mqtt.survey.metrics import metric_names
from drivers.mqtt.survey.words import words

__all__ = ["HIDDEN", "is_hidden", "shown", "shown_topic"]

HIDDEN: Final = "•••"
_SECRET: Final = frozenset(
    [
        *(
            "badge",
            "badges",
            "card",
            "cards",
            "cardid",
            "cardno",
            "cardnumber",
            "credential",
            "credentials",
            "fob",
        ),
        *("fobs", "pin", "pincode", "pins", "rfid", "tag", "tagid", "token", "tokens", "uid", "uids", "user"),
        *(
            "userid",
            "usercode",
            "username",
            "users",
            "password",
            "passwd",
            "pwd",
            "psk",
            "ssid",
            "wiegand",
            "secret",
        ),
    ]
)
_WHOLE: Final = frozenset({"code", "csn", "nfc", "owner", "person", "holder", "action_user", "key", "name"})
"""Names that hide only as a whole: `codeRate` and `device_name` are no secrets."""
_DEEPEST: Final = 8
_MANY: Final = 40
_LONGEST: Final = 160
_DIGITS = re.compile(r"[0-9A-Fa-f][0-9A-Fa-f:.\-]{3,}")


def is_hidden(name: str, *, reader: bool = False) -> bool:
    """Whether what has this name is hidden. `reader`: it stands beside a card or the like."""
    spoken = words(name)
    if _SECRET & set(spoken) or "".join(spoken) in _SECRET:
        return True
    return reader and name.lower() in _WHOLE


def shown_topic(topic: str) -> str:
    """The topic, without the level behind one that is called `card` and the like."""
    levels = topic.split("/")
    hidden = [False] + [is_hidden(level) for level in levels[:-1]]
    return "/".join(
        HIDDEN if hide and _DIGITS.search(level) else level for hide, level in zip(hidden, levels, strict=True)
    )


def shown(topic: str, sample: Sample, *, reader: bool) -> str:
    """What a payload says, in short, without credentials. `reader`: its topic is an access reader's."""
    reader = reader or any(is_hidden(level) for level in topic.split("/"))
    if sample.kind == "json":
        tree = sample.body.tree()
        tells = reader or _tells(tree, 0)
        return _short(json.dumps(_masked(tree, 0, reader=tells), ensure_ascii=False))
    pairs = sample.body.pairs() if sample.kind == "pairs" else Lack.BROKEN
    if not isinstance(pairs, Lack):
        tells = reader or any(is_hidden(name) for name in pairs)
        masked = (f"{name}={HIDDEN if is_hidden(name, reader=tells) else kept}" for name, kept in pairs.items())
        return _short(" ".join(masked))
    if sample.kind == "sparkplug":
        names = metric_names(sample.body)
        return (
            _short(f"{len(names)} metrics by name: {', '.join(names)}")
            if names
            else f"{len(sample.payload)} bytes"
        )
    text = sample.body.text()
    if sample.kind in {"number", "state", "text"} and isinstance(text, str):
        if sample.kind == "state" or not (reader or is_hidden(text)):
            return _short(text)
        return HIDDEN
    return f"{len(sample.payload)} bytes"


def _tells(node: Any, depth: int) -> bool:
    """Whether something in a tree is a credential: then names beside it are hidden as well."""
    if depth >= _DEEPEST or not isinstance(node, dict | list):
        return False
    if isinstance(node, list):
        return any(_tells(child, depth + 1) for child in node[:_MANY])
    return any(is_hidden(name) or _tells(child, depth + 1) for name, child in list(node.items())[:_MANY])


def _masked(node: Any, depth: int, *, reader: bool) -> Any:
    if isinstance(node, dict | list) and depth >= _DEEPEST:
        return "…"
    if isinstance(node, dict):
        return {
            name: HIDDEN if is_hidden(name, reader=reader) else _masked(child, depth + 1, reader=reader)
            for name, child in list(node.items())[:_MANY]
        }
    if isinstance(node, list):
        return [_masked(child, depth + 1, reader=reader) for child in node[:_MANY]]
    return node


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
