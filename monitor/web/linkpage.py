"""The page behind a link in a message: one alarm, how it stands, and a button where it waits for somebody."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from monitor.alarms.store import AlarmView
from monitor.causes import CAUSES
from monitor.notify.languages import point_names
from monitor.schema import unit_sign
from monitor.site import Site
from monitor.web.drawing import templates
from monitor.web.linkdesk import Seen, Stand
from monitor.web.linkwords import WORDS

__all__ = ["STYLE_HASH", "draw", "plain"]

_FOLDER: Final = Path(__file__).parent / "templates"
_STYLE: Final = (_FOLDER / "link.css").read_text("utf-8").replace("\n", "")
STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
"""What the policy of the page allows as its style: this text and no other."""
_LONGEST: Final = 1000


def draw(site: Site, seen: Seen, token: str, *, kept: bool = True) -> str:
    """Write the page in the language of its person. `kept`: what was asked for could be written down."""
    words = WORDS.get(seen.person.language or site.language, WORDS["en"])
    waits = seen.stand in {Stand.WAITS, Stand.RESETS}
    resets = seen.stand is Stand.RESETS
    whom = words["as_whom"].format(seen.person.name)
    told = [] if kept else [words["not_kept"]]
    return (
        templates(_FOLDER)
        .get_template("link.html.j2")
        .render(
            words=words,
            style=Markup(_STYLE),  # noqa: S704 - our own file
            alarm=seen.alarm,
            told=[*told, *_told(site, seen, words)],
            button=(words["reset_button"] if resets else words["button"]) if waits else "",
            hint=f"{words['resets']} {whom}" if resets else whom,
            resets=resets,
            token=token,
            facts=list(_facts(site, seen, words)),
        )
    )


def _told(site: Site, seen: Seen, words: Mapping[str, str]) -> Iterator[str]:
    """How the alarm stands for who came by the link, in sentences."""
    alarm = seen.alarm
    if seen.stand is Stand.DONE:
        yield words["done"].format(seen.person.name)
    elif seen.stand is Stand.ACKNOWLEDGED:
        if alarm.acknowledged_at is None:
            yield words["acknowledged_somehow"]
        else:
            when = _clock(alarm.acknowledged_at, site.timezone)
            yield words["acknowledged"].format(alarm.acknowledged_by or "?", when)
    elif seen.stand is Stand.SETTLED:
        yield words["settled"]
    elif seen.stand is Stand.EXPIRED:
        yield words["expired"]
        yield words["expired_but"].format(f"facility-monitor alarms ack {alarm.occurrence}")


def _facts(site: Site, seen: Seen, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    alarm = seen.alarm
    device = site.devices.get(alarm.device)
    places = [f"{device.name or device.id} ({device.id})" if device else alarm.device]
    if device is not None and device.building:
        places.append(words["building"].format(device.building))
    if device is not None and device.zone:
        places.append(device.zone)
    known = {
        "state": _state(alarm, words),
        "where": ", ".join(places),
        "since": _clock(alarm.since, site.timezone),
        "point": f"{point_names(words['lang'][:2])(alarm.point)} ({alarm.point})" if alarm.point else "",
        "value": _value(alarm, words),
        "response": alarm.response_text,
        "cause": alarm.cause_text,
        "consequence": alarm.consequence_text,
        "earlier": _earlier(site, seen, words),
        "assigned": _name(site, seen.case.assigned_to),
        "owner": alarm.owner,
        "site": site.name or site.id,
    }
    yield from ((name, _clean(text)) for name, text in known.items() if text)


def _name(site: Site, person: str) -> str:
    known = site.notify.people.get(person)
    return known.name if known else person


def _earlier(site: Site, seen: Seen, words: Mapping[str, str]) -> str:
    """Which one it is within seven days, and what the last one came of."""
    earlier = seen.case.earlier
    if earlier is None:
        return ""
    told = words["times"].format(seen.case.times, _clock(earlier.time, site.timezone))
    if earlier.cause in CAUSES:
        told += f": {CAUSES[earlier.cause][words['lang'] != 'en']}"
    return f"{told} ({earlier.note})" if earlier.note else told


def _state(alarm: AlarmView, words: Mapping[str, str]) -> str:
    state = "event" if alarm.momentary else "normal" if alarm.normal else alarm.state
    return f"{words[state]} ({words['unknown']})" if alarm.unknown and alarm.active else words[state]


def _value(alarm: AlarmView, words: Mapping[str, str]) -> str:
    """What was judged: of a rule about a whole device it is no quantity."""
    if alarm.value is None or not alarm.point or alarm.limit is None:
        return ""
    limit = words["limit"].format(_quantity(alarm.limit, alarm.unit))
    return f"{_quantity(alarm.value, alarm.unit)} ({limit})"


def _quantity(value: float, unit: str | None) -> str:
    """A number as people write it: no exponent, no trailing zeros."""
    number = f"{value:.{3 if abs(value) >= 1 or value == 0 else 6}f}".rstrip("0").rstrip(".")
    return f"{'0' if number == '-0' else number} {unit_sign(unit) if unit else ''}".rstrip()


def _clock(ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_LONGEST]


def plain(english: str, chinese: str) -> str:
    """A page that says one thing in both languages, to whoever asks."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>facility-monitor</title></head>'
        f'<body><p>{english}</p><p lang="zh-Hans">{chinese}</p></body></html>'
    )
