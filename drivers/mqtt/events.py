"""From a payload to events: only what the profile names is kept, and a credential only as its pseudonym. Pure."""

import itertools
import math
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from drivers.mqtt.payload import MAX_TEXT, Body, Getter, Lack, getter, spelling
from drivers.mqtt.settings import Credential, MqttEvent, WhereIs, WhereMapped
from monitor.model import Event, Value
from monitor.ports import Pseudonymise
from monitor.site import Device

__all__ = ["EventMapper", "EventStamps", "canonical"]

_SEPARATORS = re.compile(r"[\s:.\-]")
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BUMP_MS: Final = 1000


def canonical(text: str, form: str) -> str:
    """The one spelling of a credential that its pseudonym is made of.

    hex: lower case without separators and `0x`; hex_unpadded: the same, as the reader prints it (bytes below
    0x10 have one digit, which cannot be undone); decimal: without leading zeros; text: stripped. What does not
    fit its form is taken as stripped text: one card still has one pseudonym.
    """
    text = text.strip()
    if form in {"hex", "hex_unpadded"}:
        digits = _SEPARATORS.sub("", text).lower().removeprefix("0x")
        return digits if digits and re.fullmatch(r"[0-9a-f]+", digits) else text
    if form == "decimal" and text.isascii() and text.isdigit():
        return text.lstrip("0") or "0"
    return text


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
        self, device: Device, events: Iterable[MqttEvent], pseudonymise: Pseudonymise, stamps: EventStamps
    ) -> None:
        self._device = device.id
        self._pseudonymise = pseudonymise
        self._stamps = stamps
        self._plan = tuple(
            (
                event.kind,
                _condition(event.when),
                None if event.id is None else getter(event.id),
                _attributes(event, self._pseudonym),
            )
            for event in events
        )

    def decode(self, body: Body, time: int, arrived: int) -> Iterator[Event]:
        """Yield the events of one message, each with a time of its own so that none overwrites another."""
        for kind, holds, get_id, attributes in self._plan:
            if not holds(body):
                continue
            own = None if get_id is None else _text(get_id(body))
            yield Event(
                device=self._device,
                kind=kind,
                time=self._stamps.time(time),
                arrived=arrived,
                id=own or self._stamps.id(arrived),
                attributes={name: value for name, find in attributes.items() if (value := find(body)) is not None},
            )

    def _pseudonym(self, credential: Credential) -> "_Find":
        get = getter(credential)

        def find(body: Body) -> Value | None:
            raw = get(body)
            clear = None if raw is None else spelling(raw)
            return self._pseudonymise(canonical(clear, credential.form)) if clear else None

        return find


_Find = Callable[[Body], Value | None]


def _attributes(event: MqttEvent, pseudonym: Callable[[Credential], _Find]) -> dict[str, _Find]:
    """The attributes of an event: those that the profile lists, then those with a meaning of their own."""
    finds = {name: _finder(where) for name, where in event.attributes.items()}
    if event.result is not None:
        finds["result"] = _finder(event.result)
    if event.reason is not None:
        finds["reason"] = _finder(event.reason)
    if event.credential is not None:
        finds["credential"] = pseudonym(event.credential)
    return finds


def _condition(when: WhereIs | None) -> Callable[[Body], bool]:
    """Compile `when:`; without one, every message that can be read is the event."""
    if when is None:
        return lambda body: body.tree() is not Lack.BROKEN or body.text() is not Lack.BROKEN
    get: Getter = getter(when)
    wanted = when.wanted if isinstance(when.wanted, tuple) else (when.wanted,)
    spellings = frozenset(spelling(value) for value in wanted)
    return lambda body: spelling(get(body)) in spellings


def _finder(where: WhereMapped) -> _Find:
    get = getter(where)
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


def _text(raw: object) -> str | None:
    """A short clean text, or None: what is too long or unprintable is left out."""
    text = None if raw is None else spelling(raw)
    return text if text and len(text) <= MAX_TEXT and not _UNFIT.search(text) else None
