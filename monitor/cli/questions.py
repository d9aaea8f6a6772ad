"""Asks for the answers of `init` at a terminal; what is wrong is told at once and asked again."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from monitor.cli.answers import CONNECTIONS, PLACES, Answers, Person, Profiles, driver_of, mistakes
from monitor.cli.newsite import device_ids, drafted, slug
from monitor.cli.output import print_line
from monitor.periods import zone_of
from monitor.profiles import Profile
from monitor.settings import SettingsInvalid

__all__ = ["ask", "machine_zone"]

_LOCALTIME = Path("/etc/localtime")
_Check = Callable[[str], object]


def ask(profiles: Profiles) -> Answers:
    """Ask everything, in the order of the site file."""
    given: dict[str, Any] = {"timezone": "UTC", "name": "x"}
    given["name"] = _asked(profiles, given, "name", "Name of the site")
    given["id"] = _asked(profiles, given, "id", "Short id of the site", slug(given["name"], "site"))
    given["timezone"] = _asked(profiles, given, "timezone", "Time zone", machine_zone())
    given["language"] = _asked(profiles, given, "language", "Language of messages (en, zh)", "en")
    _ask_modbus(profiles, given)
    _ask_broker(profiles, given)
    _ask_devices(profiles, given)
    _ask_people(given)
    _ask_influxdb(profiles, given)
    return Answers.model_validate(given)


def machine_zone() -> str:
    """The time zone of this machine: $TZ, else where /etc/localtime points; UTC when neither says."""
    linked = str(_LOCALTIME.readlink()) if _LOCALTIME.is_symlink() else ""
    for name in (os.environ.get("TZ", ""), linked.partition("/zoneinfo/")[2]):
        if zone_of(name) is not None:
            return name
    return "UTC"


def _asked(profiles: Profiles, given: Mapping[str, Any], key: str, question: str, default: Any = None) -> Any:
    """Ask until the answer fits to what was answered before."""
    while True:
        answer = _prompt(question, default)
        if not _told(profiles, {**given, key: answer}):
            return answer


def _prompt(question: str, default: Any = None, *, hidden: bool = False) -> str:
    shown = default not in {None, ""}
    answer = typer.prompt(question, default=default, hide_input=hidden, show_default=shown)
    return str(answer).strip()


def _told(profiles: Profiles, given: Mapping[str, Any]) -> bool:
    """Tell what is wrong with the answers so far; whether anything is."""
    wrong = _wrong(profiles, given)
    if wrong:
        print_line(f"  {wrong}")
    return bool(wrong)


def _wrong(profiles: Profiles, given: Mapping[str, Any]) -> str:
    """The first thing that is wrong, first by the form of the answers, then by the site file they make."""
    try:
        answers = Answers.model_validate(given)
        if found := next(iter(mistakes(answers, profiles)), None):
            return str(found)
        drafted(answers, profiles, thorough=False)
    except ValidationError as error:
        return str(error.errors(include_url=False, include_input=False)[0]["msg"]).removeprefix("Value error, ")
    except SettingsInvalid as invalid:
        first = invalid.findings[0]
        return f"{first.message} ({first.allowed})" if first.allowed else first.message
    return ""


def _ask_modbus(profiles: Profiles, given: dict[str, Any]) -> None:
    """Ask for an endpoint in the network, or for a serial line and how it is spoken there."""
    question = (
        "Modbus: a gateway or meter as HOST or HOST:PORT, or a serial port such as /dev/ttyUSB0 (empty: none)"
    )
    while True:
        answer: Any = _prompt(question, "")
        if str(answer).startswith("/"):
            answer = {"port": answer}
            answer["baudrate"] = _prompt("  Speed of the line", 9600)
            answer["parity"] = _prompt("  Parity (none, even, odd)", "none")
            answer["stopbits"] = _prompt("  Stop bits (1, 2)", 1)
            answer |= {key: int(kept) for key, kept in answer.items() if str(kept).isdecimal()}
        if not _told(profiles, {**given, "modbus": answer}):
            given["modbus"] = answer
            return


def _ask_broker(profiles: Profiles, given: dict[str, Any]) -> None:
    while url := _prompt("MQTT broker, such as mqtt://192.0.2.11 (empty: none)", ""):
        if not _told(profiles, {**given, "broker": {"url": url}}):
            break
    if not url:
        return
    given["broker"] = {"url": url}
    if name := _prompt("  User name there (empty: none)", ""):
        password = _prompt("  Password (not shown; empty: later)", "", hidden=True)
        given["broker"] |= {"username": name, "password": password}


def _ask_devices(profiles: Profiles, given: dict[str, Any]) -> None:
    given["devices"] = []
    drivers = Answers.model_validate(given).drivers
    known = profiles.usable(drivers)
    if not known:
        return
    _look(profiles, given)
    print_line(
        f"Devices: {len(known)} models are known; a word such as `eastron` or `water` lists those that have it."
    )
    listed: list[str] = []
    while wish := _prompt("Model of a device, by name, number or word (empty: no more)", ""):
        name = listed[int(wish) - 1] if wish.isdecimal() and 0 < int(wish) <= len(listed) else wish
        found = [] if name in known else profiles.search(name, drivers)
        if found:
            listed = [one.id for one in found]
            _list(found)
        elif wrong := profiles.wrong(name, drivers):
            print_line(f"  {wrong[0]}" + (f"; did you mean `{wrong[1]}`?" if wrong[1] else ""))
        else:
            _ask_device(profiles, given, name)


def _look(profiles: Profiles, given: dict[str, Any]) -> None:
    """Propose the devices that are found on the bus and on the broker, and take those that are wanted."""
    from monitor.cli.looking import look_at_broker, look_at_bus

    answers = Answers.model_validate(given)
    found = look_at_bus(answers, profiles) if answers.modbus else []
    found += look_at_broker(answers, profiles) if answers.broker is not None else []
    for device in found:
        if not _told(profiles, {**given, "devices": [*given["devices"], device]}):
            given["devices"].append(device)


def _list(profiles: Sequence[Profile]) -> None:
    for number, one in enumerate(profiles, start=1):
        doubt = "  (experimental)" if one.experimental else ""
        print_line(f"  {number:>3}  {one.id:<24} {one.device_class:<12} {one.maker} {one.model}{doubt}")


def _variant(profiles: Profiles, name: str) -> dict[str, str]:
    """Which variant of a profile it is, where it has any."""
    profile = profiles.all[name]
    for one in profile.variants.values():
        print_line(f"    {one.id}: {one.model}")
    while profile.variants:
        answer = _prompt("  Variant" + ("" if profile.choose else " (empty: none of these)"), "")
        if not (wrong := profiles.wrong_variant(name, answer)):
            return {"variant": answer} if answer else {}
        print_line(f"  {wrong}")
    return {}


def _ask_device(profiles: Profiles, given: dict[str, Any], name: str) -> None:
    answers = Answers.model_validate(given)
    place = PLACES[driver_of(answers, profiles.all[name])]
    units = {device.unit for device in answers.devices}
    free = next(unit for unit in range(1, 10_000) if unit not in units)
    question, default = ("  Topic", None) if place == "topic" else ("  Unit id", free)
    variant = _variant(profiles, name)
    while True:
        device = {"profile": name, place: _prompt(question, default), **variant}
        if not _told(profiles, {**given, "devices": [*given["devices"], device]}):
            break
    sketch = Answers.model_validate({**given, "devices": [*given["devices"], device]})
    suggested = device_ids(sketch, profiles)[-1]
    while True:
        device["id"] = _prompt("  Id of the device", suggested)
        if not _told(profiles, {**given, "devices": [*given["devices"], device]}):
            break
    given["devices"].append(device)
    behind = next(key for key, kept in PLACES.items() if kept == place)
    print_line(f"  {device['id']}: {name} behind {CONNECTIONS[behind]}, {place} {device[place]}")


def _ask_people(given: dict[str, Any]) -> None:
    given["people"] = []
    while name := _prompt("Who is told of alarms? Name (empty: nobody else)", ""):
        while True:
            address = _prompt("  Address, such as mailtos://user:password@host?to=ana@host", "terminal:")
            try:
                given["people"].append(Person(name=name, address=address).model_dump())
            except ValidationError as error:
                print_line(f"  {error.errors()[0]['msg'].removeprefix('Value error, ')}")
            else:
                break


def _ask_influxdb(profiles: Profiles, given: dict[str, Any]) -> None:
    while url := _prompt("InfluxDB, such as http://127.0.0.1:8086 (empty: none)", ""):
        if not _told(profiles, {**given, "influxdb": {"url": url}}):
            break
    if not url:
        return
    given["influxdb"] = {"url": url, "org": _prompt("  Organisation (InfluxDB 1: empty)", "")}
    given["influxdb"]["bucket"] = _prompt("  Bucket (InfluxDB 1: database)", "facility")
    token = _prompt("  Token (InfluxDB 1: user:password; not shown; empty: later)", "", hidden=True)
    given["influxdb"]["token"] = token
