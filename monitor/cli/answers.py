"""What may be answered about a new site, and what is wrong with an answer."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from monitor.cli.profiles import library_of
from monitor.documents.finding import nearest
from monitor.fields import Frozen, Id, Label
from monitor.notify.channels import check_address
from monitor.periods import zone_of
from monitor.profiles import Profile

__all__ = [
    "CONNECTIONS",
    "ENDPOINT",
    "PLACES",
    "Answers",
    "Line",
    "Mistake",
    "Person",
    "Profiles",
    "driver_of",
    "mistakes",
]

ENDPOINT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+)(:(?P<port>\d{1,5}))?")
CONNECTIONS: Mapping[str, str] = {"modbus": "modbus", "mqtt": "broker"}
"""Driver -> the id that its connection gets."""
_MODBUS_PORT = 502
PLACES: Mapping[str, str] = {"modbus": "unit", "mqtt": "topic"}
"""Driver -> the key that says where the device is found behind its connection."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only letters, digits and signs that can be printed")
    return text.strip()


def _endpoint(text: str) -> str:
    if text and not ENDPOINT.fullmatch(text):
        raise ValueError(
            "write a host or an address, with `:PORT` when it is not 502; or a serial line: `{port: /dev/ttyUSB0}`"
        )
    return text


def _zone(text: str) -> str:
    if zone_of(text) is None:
        near = nearest(text, available_timezones())
        meant = f"; did you mean `{near}`?" if near else ""
        raise ValueError(f"there is no time zone `{text[:60]}`{meant} (they are named as Europe/Berlin is)")
    return text


def _address(text: str) -> str:
    if wrong := check_address(text):
        raise ValueError(wrong)
    return text


Text = Annotated[Label, AfterValidator(_printable)]
Name = Annotated[Label, StringConstraints(min_length=1), AfterValidator(_printable)]


class Broker(Frozen):
    """An MQTT broker; a user name needs a password, which becomes the secret `mqtt`."""

    url: Name
    username: Text = ""
    password: str = Field(default="", repr=False)


class Line(Frozen):
    """A serial line, and how all devices on it speak."""

    port: Annotated[str, StringConstraints(pattern=r"^/\S+$")]
    baudrate: Annotated[int, Field(ge=50, le=4_000_000)] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1


class Device(Frozen):
    """One device of a profile, or of a variant of it: `unit` behind Modbus, `topic` behind a broker."""

    profile: Name
    variant: Id | None = None
    id: Id | None = None
    name: Text = ""
    unit: int | None = None
    topic: Text = ""


class Person(Frozen):
    """Somebody who is told; the address becomes a secret, since most addresses hold a password."""

    name: Name
    address: Annotated[str, AfterValidator(_address)] = Field(default="terminal:", repr=False)


class Influx(Frozen):
    """An InfluxDB; the token becomes the secret `influxdb`."""

    url: Name
    org: Text = ""
    bucket: Name = "facility"
    token: str = Field(default="", repr=False)


class Answers(Frozen):
    """All answers. Only the name and the time zone must be given."""

    name: Name
    id: Id | None = None
    timezone: Annotated[str, AfterValidator(_zone)]
    language: Literal["en", "zh"] = "en"
    modbus: Line | Annotated[str, AfterValidator(_endpoint)] = ""
    broker: Broker | None = None
    devices: tuple[Device, ...] = ()
    people: tuple[Person, ...] = ()
    influxdb: Influx | None = None

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        given = [device.id for device in self.devices if device.id]
        if twice := next((ident for ident in given if given.count(ident) > 1), None):
            raise ValueError(f"two devices have the id `{twice}`")
        return self

    @property
    def bus(self) -> dict[str, Any] | None:
        """The block `modbus:` of the connection; None where there is none."""
        if isinstance(self.modbus, Line):
            return {"transport": "rtu", **self.modbus.model_dump()}
        found = ENDPOINT.fullmatch(self.modbus)
        if found is None:
            return None
        port = int(found["port"] or _MODBUS_PORT)
        return {"transport": "tcp", "host": found["host"].strip("[]"), "port": port}

    @property
    def drivers(self) -> tuple[str, ...]:
        """The drivers that there is a connection for."""
        return ("modbus",) * (self.modbus != "") + ("mqtt",) * (self.broker is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with an answer, and where in the answers."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}; did you mean `{self.hint}`?" if self.hint else self.message


class Profiles:
    """The device models that need nothing but a place: those that are shipped, and those beside the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        library = library_of(folder / "site.yaml")
        found = (library.get(ident) for ident in library.ids)
        self.all: Mapping[str, Profile] = {profile.id: profile for profile in found if profile is not None}

    def usable(self, drivers: tuple[str, ...]) -> dict[str, Profile]:
        """Those that one of these drivers can read, by class."""
        chosen = [one for one in self.all.values() if set(one.drivers) & set(drivers) and _is_complete(one)]
        return {one.id: one for one in sorted(chosen, key=lambda one: (one.device_class, one.id))}

    def wrong(self, profile: str, drivers: tuple[str, ...]) -> tuple[str, str] | None:
        """Why a profile cannot be taken, and what was probably meant; None when it can."""
        known = self.all.get(profile)
        if known is None:
            return f"there is no profile `{profile[:60]}`", nearest(profile, self.all)
        if not set(known.drivers) & set(drivers):
            needs = " or ".join(CONNECTIONS[driver] for driver in known.drivers)
            return f"`{profile}` needs an answer to `{needs}`", ""
        if not _is_complete(known):
            return f"`{profile}` needs points that you name: add it to the file by hand", ""
        return None

    def wrong_variant(self, profile: str, variant: str | None) -> str:
        """Why a known profile cannot be this variant of it; empty when it can."""
        known = self.all[profile]
        choices = "; ".join(f"{one.id}: {one.model}" for one in known.variants.values())
        if variant and variant not in known.variants:
            return f"`{profile}` has no variant `{variant}`" + (f"; it has {choices}" if choices else "")
        return (
            f"`variant` is missing: say which `{profile}` it is: {choices}" if known.choose and not variant else ""
        )

    def search(self, words: str, drivers: tuple[str, ...]) -> list[Profile]:
        """Those that can be taken and have all the words in their names."""
        wanted = words.lower().split()
        return [one for one in self.usable(drivers).values() if all(word in _names(one) for word in wanted)]


def _names(profile: Profile) -> str:
    models = (profile.model, *profile.also, *(one.model for one in profile.variants.values()))
    return " ".join((profile.id, profile.device_class, profile.maker, *models)).lower()


def _is_complete(profile: Profile) -> bool:
    return any(profile.node.get(key) is not None for key in ("points", "events"))


def mistakes(answers: Answers, profiles: Profiles) -> Iterator[Mistake]:
    """What is wrong with answers that are right each by itself."""
    for number, device in enumerate(answers.devices):
        if wrong := profiles.wrong(device.profile, answers.drivers):
            yield Mistake(path=("devices", number, "profile"), message=wrong[0], hint=wrong[1])
            continue
        if told := profiles.wrong_variant(device.profile, device.variant):
            yield Mistake(path=("devices", number, "variant"), message=told)
            continue
        key = PLACES[driver_of(answers, profiles.all[device.profile])]
        if getattr(device, key) in {None, ""}:
            yield Mistake(path=("devices", number), message=f"`{key}` is missing")
        for other in set(PLACES.values()) - {key}:
            if getattr(device, other) not in {None, ""}:
                message = f"`{device.profile}` has a `{key}`, no `{other}`"
                yield Mistake(path=("devices", number, other), message=message)


def driver_of(answers: Answers, profile: Profile) -> str:
    """The driver that reads a device of this profile: the first of the profile's that has a connection."""
    return next(driver for driver in profile.drivers if driver in answers.drivers)
