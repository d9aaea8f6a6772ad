"""The annotated site file that comes of a few answers."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from monitor.app import load_site
from monitor.cli.answers import CONNECTIONS, PLACES, Answers, Person, Profiles, driver_of
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.documents.reader import resolve_scalar
from monitor.settings.loading import SHIPPED

__all__ = ["Draft", "Secret", "device_ids", "drafted", "flow", "slug"]

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ ./-]*(?<! )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A site file to be, and the secrets it names; an empty one is not known yet."""

    text: str
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Draft({len(self.text)} characters, secrets {', '.join(self.secrets) or 'none'})"


def drafted(answers: Answers, profiles: Profiles, *, thorough: bool = True) -> Draft:
    """Write the site file; raises SettingsInvalid when the program itself would not take it.

    Not `thorough`: quickly and without rules, for answers that are not complete yet.
    """
    if not thorough:
        draft = Draft(text=_text(answers, profiles, []), secrets=_secrets(answers))
        _rules_of(draft.text, profiles.folder)
        return draft
    stock = {path.stem: _ids_in(path) for path in sorted((SHIPPED / "rules").glob("*.yaml"))}
    rules = _rules_of(_text(answers, profiles, list(stock)), profiles.folder)
    useful = [name for name, ids in stock.items() if ids & rules]
    draft = Draft(text=_text(answers, profiles, useful), secrets=_secrets(answers))
    _rules_of(draft.text, profiles.folder, thorough=True)
    return draft


def _rules_of(text: str, folder: Path, *, thorough: bool = False) -> frozenset[str]:
    """Load a text as if it were a site file in a folder; answers the ids of the rules that watch something."""
    with TemporaryDirectory(prefix="facility-monitor-init-") as workshop:
        file = Path(workshop) / "site.yaml"
        if (folder / "profiles").is_dir():
            (file.parent / "profiles").symlink_to((folder / "profiles").resolve())
        file.write_text(text, encoding="utf-8")
        return frozenset(load_site(file, {}, thorough=thorough).site.rules)


def _ids_in(stock: Path) -> frozenset[str]:
    """The ids of the rules in a file of stock rules."""
    read = Files(Findings(), folder=stock.parent, environ={}, credentials=None).read(stock)
    return frozenset() if read is None else frozenset(item.text("id") for item in read.items)


def _secrets(answers: Answers) -> dict[str, str]:
    secrets = {}
    if answers.broker is not None and answers.broker.username:
        secrets["mqtt"] = answers.broker.password
    for ident, person in _people(answers).items():
        if person.address != "terminal:":
            secrets[f"address-{ident}"] = person.address
    if answers.influxdb is not None:
        secrets["influxdb"] = answers.influxdb.token
    return secrets


def slug(text: str, fallback: str) -> str:
    """An id made of a name; the fallback where the name has no letter that an id may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or fallback


def _people(answers: Answers) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for number, person in enumerate(answers.people, start=1):
        ident = slug(person.name, f"person-{number}")
        people[ident if ident not in people else f"{ident}-{number}"] = person
    return people


def device_ids(answers: Answers, profiles: Profiles) -> list[str]:
    """The ids of the devices: as given, else the class and a number that is free."""
    taken = {device.id for device in answers.devices if device.id}
    ids = []
    for device in answers.devices:
        kind = profiles.all[device.profile].device_class
        free = (f"{kind}-{number}" for number in range(1, len(answers.devices) + len(taken) + 2))
        ids.append(device.id or next(one for one in free if one not in taken))
        taken.add(ids[-1])
    return ids


# The text ------------------------------------------------------------------------------------------------


def _text(answers: Answers, profiles: Profiles, stock: list[str]) -> str:
    site = {
        "id": answers.id or slug(answers.name, "site"),
        "name": answers.name,
        "timezone": answers.timezone,
        "language": answers.language,
    }
    parts = [
        _HEAD,
        f"site: {flow(site)}\n",
        _section("connections", _CONNECTIONS, _connections(answers)),
        _section("devices", _DEVICES, _devices(answers, profiles)),
        _section("rules", _RULES, [f"stock: {name}" for name in stock]),
        *_notify(answers),
        *_sinks(answers),
        _CONSOLE,
    ]
    return "\n".join(parts)


def _section(name: str, comment: str, entries: list[str]) -> str:
    if not entries:
        return f"{comment}\n{name}: []\n"
    return f"{comment}\n{name}:\n" + "".join(f"  - {entry}\n" for entry in entries)


def _connections(answers: Answers) -> list[str]:
    lines = []
    if (block := answers.bus) is not None:
        lines.append(flow({"id": CONNECTIONS["modbus"], "modbus": block}))
    if answers.broker is not None:
        broker: dict[str, Any] = {"url": answers.broker.url}
        if answers.broker.username:
            broker |= {"username": answers.broker.username, "password": Secret("mqtt")}
        lines.append(flow({"id": CONNECTIONS["mqtt"], "mqtt": broker}))
    return lines


def _devices(answers: Answers, profiles: Profiles) -> list[str]:
    lines, has_main = [], False
    for ident, device in zip(device_ids(answers, profiles), answers.devices, strict=True):
        profile = profiles.all[device.profile]
        driver = driver_of(answers, profile)
        keys: dict[str, Any] = {"id": ident} | ({"name": device.name} if device.name else {})
        keys["profile"] = device.profile
        keys |= {"variant": device.variant} if device.variant else {}
        keys["connection"] = CONNECTIONS[driver]
        keys[PLACES[driver]] = getattr(device, PLACES[driver])
        if profile.device_class == "electricity" and not has_main:
            keys["role"], has_main = "main", True
        lines.append(f"{flow(keys)}  # {profile.model}")
    return lines


def _notify(answers: Answers) -> Iterator[str]:
    people = _people(answers)
    if not people:
        yield _NOBODY
        return
    lines = [_PEOPLE, "notify:", "  people:"]
    for ident, person in people.items():
        address = person.address if person.address == "terminal:" else Secret(f"address-{ident}")
        channels = {"first": address}
        lines.append(f"    - {flow({'id': ident, 'name': person.name, 'channels': channels})}")
    lines += ["  teams:", f"    - {flow({'id': 'house', 'members': list(people)})}"]
    lines += ["  routes:", "    - {team: house}                  # first match wins; this one matches everything"]
    yield "\n".join(lines) + "\n"


def _sinks(answers: Answers) -> Iterator[str]:
    influx = answers.influxdb
    if influx is None:
        yield _NO_SINK
        return
    keys: dict[str, Any] = {"url": influx.url} | ({"org": influx.org} if influx.org else {})
    keys |= {"bucket": influx.bucket, "token": Secret("influxdb")}
    yield f"# Where readings are written to.\nsinks:\n  influxdb: {flow(keys)}\n"


class Secret(str):
    """The name of a secret, written `!secret NAME`."""

    __slots__ = ()


def flow(value: Any) -> str:
    """A value on one line of YAML, quoted only where it must be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(kept)}" for key, kept in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, Secret):
        return f"!secret {value}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    plain = _PLAIN.fullmatch(value) and resolve_scalar(value) == value
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


_HEAD = """\
# Written by `facility-monitor init`. Change it as you like: `facility-monitor check FILE` tells every mistake with
# its line, what is allowed, and what you may have meant. All that can stand here is explained in docs/settings.md.
"""
_CONNECTIONS = "# One bus or endpoint each: an id, and one key that names what it speaks."
_DEVICES = """\
# What is read. `name`, `building`, `zone`, `role`, `tenant` say more about a device; `every: 10 s` how often it is
# read (or, when it sends by itself, is expected to). A device without a profile has its points here."""
_RULES = """\
# What raises alarms: shipped sets of rules. A rule of your own with the id of one of these replaces it:
#   - {id: undervoltage, kind: threshold, devices: {class: electricity}, points: voltage_l*_v, below: 207 V,
#      deadband: 3 V, on_delay: 2 min, severity: high, response: Check the main breaker.}"""
_PEOPLE = """\
# Who is told. An escalation tells the next when nobody has acknowledged:
#   - {id: house, members: [ana, ben], escalation: [{after: 0 min, notify: ana}, {after: 15 min, notify: ben}]}
# A roster says whose turn it is; steps name it like a person:
#   rosters:
#     - {id: duty, layers: [{people: [ana, ben], turn: 1 week, handover: mon 08:00, from: 2026-11-30}]}
# Quiet hours put off to the morning what is below high, for everybody: write under `notify`
#   quiet: {hours: "22:00-07:00"}
# `self_test: {at: "10:00"}` below `notify` tries each channel every day that carried nothing. To try one now:
#   facility-monitor notify test PERSON"""
_NOBODY = """\
# Who is told: nobody yet. Addresses are those of Apprise, or `terminal:`.
# notify:
#   people:
#     - {id: ana, name: Ana, channels: {mail: !secret address-ana}}
#   teams:
#     - {id: house, members: [ana]}
#   routes:
#     - {team: house}
"""
_CONSOLE = """\
# The console for browsers. As it stands only this machine reaches it: http://127.0.0.1:8470 (from elsewhere with
# `ssh -L 8470:127.0.0.1:8470 THIS-MACHINE`). Phones need TLS: the `base` of a proxy, or `tls` (docs/console.md).
# `facility-monitor user link` makes the first administrator. Without this section it is not served.
console: {}
# Residents report what is wrong by a code on the wall (docs/residents.md): `- stock: residents` in the rules, and
# residents:
#   base: "https://house.example.org/report"
#   emergency: "112"
#   places:
#     - {id: hall, name: Entrance hall, reports: [door, light, water, other]}
#     - {id: lift, name: Lift, reports: [person-stuck, lift-stuck, other]}
"""
_NO_SINK = """\
# Where readings are written to: nowhere yet but into the journal of this machine.
# sinks:
#   influxdb: {url: "http://127.0.0.1:8086", org: facility, bucket: facility, token: !secret influxdb}
"""
