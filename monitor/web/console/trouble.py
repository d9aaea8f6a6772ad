"""What is wrong with the monitoring itself: devices that do not answer, messages and data that do not get out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.web.parts import Parts

__all__ = ["Trouble", "answering", "troubles"]

_FINE: Final = "answering"
_SLOW: Final = 60.0
"""Seconds after which entries should have been judged."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: `kind` (a word of templates/home.html.j2), at what, how, and where to look."""

    kind: str
    name: str = ""
    how: str = ""
    path: str = "/status"


def answering(parts: Parts) -> tuple[int, int]:
    """How many devices answer, of those of which it is expected."""
    states = parts.health()
    expected = [device.id for device in parts.site.devices.values() if device.has_connection]
    return sum(states.get(ident) == _FINE for ident in expected), len(expected)


async def troubles(parts: Parts) -> Sequence[Trouble]:
    """All that is wrong now, what weighs most first."""
    channels = [] if parts.channels is None else await parts.channels.list_channels()
    return [
        *_journal(parts.journal.stats()),
        *_judging(parts.judging()),
        *_sinks(parts.sinks()),
        *_channels(channels, parts),
        *_deadman(parts.deadman()),
        *_devices(parts),
    ]


def _devices(parts: Parts) -> Iterator[Trouble]:
    states = parts.health()
    for device in parts.site.devices.values():
        state = states.get(device.id, "never_answered")
        if device.has_connection and state != _FINE:
            yield Trouble("device", device.name or device.id, state, f"/devices/{device.id}")


def _channels(channels: Sequence[Mapping[str, Any]], parts: Parts) -> Iterator[Trouble]:
    people = parts.site.notify.people
    for each in channels:
        if each["state"] in {"failing", "waiting"}:
            person = people.get(each["person"])
            name = f"{(person.name if person else '') or each['person']}, {each['channel']}"
            yield Trouble("channel", name, each["state"], "/channels")


def _sinks(sinks: Mapping[str, Mapping[str, Any]]) -> Iterator[Trouble]:
    for name, facts in sinks.items():
        if facts.get("last_error") or facts.get("waiting_for"):
            yield Trouble("sink", name, str(facts.get("what_to_do") or facts.get("last_error") or ""))


def _journal(facts: Mapping[str, Any]) -> Iterator[Trouble]:
    if facts.get("failing") or not facts.get("alive", True):
        yield Trouble("journal")
    elif facts.get("over_size"):
        yield Trouble("journal_full")


def _judging(facts: Mapping[str, Any]) -> Iterator[Trouble]:
    if facts.get("failing_rules"):
        yield Trouble("rules", str(facts["failing_rules"]))
    if float(facts.get("lag_s") or 0.0) > _SLOW:
        yield Trouble("judging")
    if facts.get("flooding"):
        yield Trouble("flood", path="/alarms")


def _deadman(facts: Mapping[str, Any]) -> Iterator[Trouble]:
    if facts.get("last_error"):
        yield Trouble("deadman", how=str(facts["last_error"]))
