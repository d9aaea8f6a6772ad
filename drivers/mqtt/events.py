"""From a payload to events: only what the profile names is kept, and a credential only as its pseudonym. Pure."""

import itertools
import math
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from drivers.mqtt.jsonpath import Path
from drivers.mqtt.payload import MAX_TEXT, Body, Getter, Lack, getter, spelling
from drivers.mqtt.settings import MqttEvent, Where, WhereIs, WhereMapped
from drivers.mqtt.times import Instant
from monitor.credentials import SEPARATORS, canonical
from monitor.model import Event, Value
from monitor.ports import Pseudonymise
from monitor.schema import EVENT_KINDS
from monitor.site import Device

__all__ = ["EventMapper", "EventStamps"]

_SHORTEST_TOLD: Final = 4
"""Characters from which on a credential is looked for in what else is kept: `1` stands in many a text."""
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BUMP_MS: Final = 1000
_MADE: Final = tuple(f"{kind}-" for kind in sorted(EVENT_KINDS - {"card", "rex"}))
"""How ids begin that the monitor makes for events of a device: no message can take one, or pass for one."""


class EventStamps:
    """Ids and instants for the events of one device.

    An id is unique per delivered message, also across restarts. A redelivered message does not come here twice:
    the journal drops it by the id of its batch. So content plays no part, and two equal true events both live.
    """

    __slots__ = ("_count", "_last", "_run")

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._count = itertools.count(1)
        self._last = 0

    def id(self, arrived: int) -> str:
        """A new id: arrival, this run of the monitor, number."""
        return f"{arrived}-{self._run}-{next(self._count)}"

    def time(self, time: int) -> int:
        """Move by 1 ms what would share its instant with the event before: a series holds one per instant."""
        self._last = self._last + 1 if time <= self._last < time + _BUMP_MS else time
        return self._last


class EventMapper:
    """What the messages of one device on one topic say happened."""

    __slots__ = ("_device", "_plan", "_pseudonymise", "_stamps")

    def __init__(
        self,
        device: Device,
        events: Iterable[MqttEvent],
        pseudonymise: Pseudonymise,
        stamps: EventStamps,
        root: Path = (),
    ) -> None:
        self._device = device.id
        self._pseudonymise = pseudonymise
        self._stamps = stamps
        self._plan = tuple(
            (
                event.kind,
                _condition(event.when, root),
                tuple(getter(where, root) for where in event.id),
                _attributes(event, root),
                None if event.credential is None else (getter(event.credential, root), event.credential.form),
            )
            for event in events
        )

    def decode(self, body: Body, instant: Instant, arrived: int) -> Iterator[Event]:
        """Yield the events of one message. The device's own time stays; arrivals differ by 1 ms."""
        given: set[str] = set()
        for kind, holds, places, plan, credential in self._plan:
            if not holds(body):
                continue
            own = _joined([find(body) for find in places])
            if own and own in given:  # one number for all that a message says
                own = f"{own}/{kind}"
            given.add(own)
            clear = None if credential is None else _text_of(credential[0](body))
            attributes: dict[str, Value] = {}
            for name, find, mapped in plan:
                value = find(body)
                if value is not None and (mapped or not _tells(value, clear)):
                    attributes[name] = value
            if credential is not None and clear:
                attributes["credential"] = self._pseudonymise(canonical(clear, credential[1]))
            yield Event(
                device=self._device,
                kind=kind,
                time=instant.time if instant.own else self._stamps.time(instant.time),
                arrived=arrived,
                id=self._hidden(own, clear) if own else self._stamps.id(arrived),
                attributes=attributes,
            )

    def _hidden(self, own: str, clear: str | None) -> str:
        """The id that a message gave itself; its pseudonym when it is made of the credential."""
        if any(_tells(text, clear) for text in (own, own.replace("%2F", "/").replace("%25", "%"))):
            return self._pseudonymise(own)
        return f"own/{own}" if own.startswith(_MADE) else own


_Find = Callable[[Body], Value | None]


def _text_of(raw: object) -> str | None:
    return None if raw is None else spelling(raw)


def _tells(value: Value, clear: str | None) -> bool:
    """Whether what is to be kept shows the credential: a mixed-up payload has it in places of other things."""
    if not clear:
        return False
    hidden = SEPARATORS.sub("", clear).lower().removeprefix("0x")
    if len(hidden) < _SHORTEST_TOLD:
        return str(value) == clear
    return hidden in SEPARATORS.sub("", str(value)).lower()


def _attributes(event: MqttEvent, root: Path) -> list[tuple[str, _Find, bool]]:
    """The attributes of an event but for the credential, and whether a map says their values."""
    named = dict(event.attributes)
    if event.result is not None:
        named["result"] = event.result
    if event.reason is not None:
        named["reason"] = event.reason
    return [(name, _finder(where, root), where.map is not None) for name, where in named.items()]


def _condition(when: WhereIs | None, root: Path) -> Callable[[Body], bool]:
    """Compile `when:`; without one, every message that can be read (and has the root) is the event."""
    if when is None and root:
        there = getter(Where.model_validate({"json": "$"}), root)
        return lambda body: not isinstance(there(body), Lack)
    if when is None:
        return lambda body: body.tree() is not Lack.BROKEN or body.text() is not Lack.BROKEN
    get: Getter = getter(when, root)
    wanted = when.wanted if isinstance(when.wanted, tuple) else (when.wanted,)
    spellings = frozenset(spelling(value) for value in wanted)
    return lambda body: spelling(get(body)) in spellings


def _finder(where: WhereMapped, root: Path) -> _Find:
    get = getter(where, root)
    names = where.map

    def find(body: Body) -> Value | None:
        raw = get(body)
        if names is not None:
            known = spelling(raw)
            return None if known is None else names.get(known)
        if isinstance(raw, bool | int | float):
            return raw if _is_kept(raw) else None
        return _text(raw)

    return find


def _is_kept(raw: float) -> bool:
    return math.isfinite(raw) if isinstance(raw, float) else -(2**63) <= raw < 2**63


def _joined(parts: Sequence[object]) -> str:
    """The id that a message gives: its parts in order; empty where one of them is absent.

    What stands between parts is spelt otherwise in one of several: no two lists of parts are one id.
    """
    texts = [text for text in map(_text, parts) if text]
    if len(texts) < len(parts):
        return ""
    if len(texts) > 1:
        texts = [text.replace("%", "%25").replace("/", "%2F") for text in texts]
    return "/".join(texts)


def _text(raw: object) -> str | None:
    """A short clean text, or None: what is too long or unprintable is left out."""
    text = _text_of(raw)
    return text if text and len(text) <= MAX_TEXT and not _UNFIT.search(text) else None
