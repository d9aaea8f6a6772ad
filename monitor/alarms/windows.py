"""Maintenance: what is planned in the site file and what people add at short notice, and the commands for that."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.alarms.commands import command, said
from monitor.documents.finding import nearest
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.maintenance import MOST_ASKED, WORDS, Window, problem
from monitor.model import Command
from monitor.settings.maintenance import meant
from monitor.settings.patterns import fits
from monitor.site import Device, Site
from monitor.wording import Sentence, either

__all__ = ["ADD", "END", "Planned", "Wish", "add", "end", "planned"]

ADD: Final = "maintenance_add"
END: Final = "maintenance_end"
_MOST_DEVICES: Final = 2000
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_SELECTED: Final = {
    "device": "id",
    "device_class": "device_class",
    "building": "building",
    "zone": "zone",
    "connection": "connection",
}
"""What a wish may ask of devices -> what a device calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A window as it stands: `on` now, and when that changes next (UTC ms; None: never again).

    `from_site`: it stands in the site file, and ends for good only there. `ended_until`: somebody has ended the
    stretch that would go on until then.
    """

    window: Window
    from_site: bool
    on: bool
    changes_at: int | None
    ended_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Maintenance that somebody wants: `starts` in UTC ms, for `seconds`. What is empty means all."""

    starts: int
    seconds: float
    repeat: str = ""
    id: str = ""
    name: str = ""
    device: Sequence[str] = ()
    device_class: Sequence[str] = ()
    building: Sequence[str] = ()
    zone: Sequence[str] = ()
    connection: Sequence[str] = ()
    rules: Sequence[str] = ()


async def planned(state: State, site: Site, now: int) -> Sequence[Planned]:
    """All windows: those that are on first, then by when they begin."""
    rows = await state.query("SELECT key, body FROM rule_memory WHERE area = 'window' ORDER BY key")
    kept: Mapping[str, Mapping[str, Any]] = {row["key"]: json.loads(row["body"]) for row in rows}
    found = [_stands(window, now, kept.get(window.id, {}), from_site=True) for window in site.maintenance]
    known = {window.id for window in site.maintenance}
    found += [
        _stands(_window(name, body, site.timezone), now, body, from_site=False)
        for name, body in kept.items()
        if name not in known and "starts" in body
    ]
    return sorted(
        found, key=lambda each: (not each.on, each.changes_at is None, each.changes_at or 0, each.window.id)
    )


def _stands(window: Window, now: int, kept: Mapping[str, Any], *, from_site: bool) -> Planned:
    ended: int = kept.get("ended_until", 0)
    is_ended = ended > now
    return Planned(
        window=window,
        from_site=from_site,
        on=window.is_on(now) and not is_ended,
        changes_at=window.change_after(max(ended, now)),
        ended_until=ended if is_ended else None,
    )


def _window(name: str, said_of_it: Mapping[str, Any], zone: ZoneInfo) -> Window:
    """The window that a command, or the engine's memory of it, describes."""
    devices = _listed(said_of_it.get("devices", ""))
    return Window(
        id=name,
        starts=int(said_of_it["starts"]),
        duration=round(float(said_of_it["for_s"]) * 1000),
        repeat=str(said_of_it.get("repeat", "")),
        zone=zone,
        devices=frozenset(devices) if devices else None,
        rules=_listed(said_of_it.get("rules", "")),
        name=str(said_of_it.get("name", "")),
        reason=str(said_of_it.get("reason", "")),
        by=str(said_of_it.get("by", "")),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, str(text).split(",")))


# Commands ---------------------------------------------------------------------------------------------


def add(  # noqa: PLR0913 - what is known, what is wanted, and who wants it why
    site: Site, known: Sequence[Planned], wish: Wish, *, by: str, reason: str, now: int
) -> Command:
    """Make the command that adds a window; RequestRefused says why it cannot be."""
    reason = said(reason, must=True)
    name = wish.id or _free_id(known, now, site.timezone)
    if not _ID.fullmatch(name):
        raise RequestRefused(Sentence("an id has lower-case letters, digits and `-`, 60 at most"))
    if any(each.window.id == name for each in known):
        raise RequestRefused(Sentence("there is maintenance {name} already; give it another id", name=name))
    if sum(not each.from_site for each in known) >= MOST_ASKED:
        raise RequestRefused(
            Sentence("{count} are planned by hand already: end some that nobody needs", count=MOST_ASKED)
        )
    arguments: dict[str, str | float] = {"starts": wish.starts, "for_s": wish.seconds}
    if wish.repeat:
        arguments["repeat"] = WORDS.get(wish.repeat, wish.repeat.upper().removeprefix("RRULE:"))
    arguments |= {**_devices(site, wish), **_rules(site, wish)}
    if wish.name:
        arguments["name"] = wish.name
    window = _window(name, arguments, site.timezone)
    wrong = problem(window)
    if wrong:
        raise RequestRefused(wrong)
    if not window.is_on(now) and window.change_after(now) is None:
        raise RequestRefused(Sentence("it would be over already"))
    return command(ADD, name, by=by, reason=reason, now=now, arguments=arguments)


def end(known: Sequence[Planned], name: str, *, by: str, reason: str, now: int) -> Command:
    """Make the command that ends a window: one of the site file for this time only."""
    reason = said(reason, must=False)
    found = next((each for each in known if each.window.id == name), None)
    if found is None:
        near = nearest(name, [each.window.id for each in known])
        raise RequestRefused(either(Sentence("there is no maintenance {name}", name=name), near))
    if found.from_site and not found.on:
        raise RequestRefused(
            Sentence(
                "the maintenance {name} is not on now; take it out of the site file to end it for good", name=name
            )
        )
    return command(END, name, by=by, reason=reason, now=now)


def _free_id(known: Sequence[Planned], now: int, zone: ZoneInfo) -> str:
    """A name by the day: `by-hand-2026-11-28`, with a number behind it from the second one on."""
    day = f"by-hand-{datetime.fromtimestamp(now / 1000, zone).date().isoformat()}"
    taken = {each.window.id for each in known}
    number = 1
    while (name := day if number == 1 else f"{day}-{number}") in taken:
        number += 1
    return name


def _devices(site: Site, wish: Wish) -> Mapping[str, str]:
    wanted = {name: tuple(getattr(wish, name)) for name in _SELECTED if getattr(wish, name)}
    if not wanted:
        return {}
    for name, words in wanted.items():
        known = {str(getattr(device, _SELECTED[name])) for device in site.devices.values()} - {""}
        for word in words:
            if not any(fits(each, (word,)) for each in known):
                raise RequestRefused(either(_missing(name, word), nearest(word, known)))
    named = {ident for ident, device in site.devices.items() if _is_wanted(device, wanted)}
    if not named:
        raise RequestRefused(Sentence("no device is all of that"))
    if named == site.devices.keys():
        return {}
    if len(named) > _MOST_DEVICES:
        raise RequestRefused(
            Sentence("these are more than {count} devices: write it in the site file", count=_MOST_DEVICES)
        )
    return {"devices": ",".join(sorted(meant(named, site.devices)))}


def _missing(name: str, word: str) -> Sentence:
    if name == "device":
        return Sentence("there is no device {name}", name=word)
    if name == "device_class":
        return Sentence("there is no device whose class is {name}", name=word)
    if name == "building":
        return Sentence("there is no device whose building is {name}", name=word)
    if name == "zone":
        return Sentence("there is no device whose zone is {name}", name=word)
    return Sentence("there is no device whose connection is {name}", name=word)


def _is_wanted(device: Device, wanted: Mapping[str, tuple[str, ...]]) -> bool:
    return all(fits(str(getattr(device, _SELECTED[name])), words) for name, words in wanted.items())


def _rules(site: Site, wish: Wish) -> Mapping[str, str]:
    for pattern in wish.rules:
        if not any(fits(rule, (pattern,)) for rule in site.rules):
            told = Sentence("there is no rule {name}", name=pattern)
            raise RequestRefused(either(told, nearest(pattern, site.rules)))
    return {"rules": ",".join(wish.rules)} if wish.rules else {}
