"""Which broker a command means: one of a site file, or any that is named by its url."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from drivers.mqtt.devices import Decoder
from drivers.mqtt.settings import MqttConnection
from monitor.cli.newsite import Secret
from monitor.errors import RequestRefused, SettingsError
from monitor.site import Connection, Device, Site
from monitor.wording import Sentence

__all__ = ["Broker", "by_url", "of_site", "placed"]

_NEW_ID = "broker"
_SECRET = "mqtt"  # noqa: S105 - the name of a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker: how to reach it, and what a site file says of it.

    `connection`: its id there. `new`: the entries to be added with its first device. `covered`: topic filter ->
    device that has it already. `taken`: ids of devices.
    """

    options: MqttConnection
    connection: str
    new: Sequence[Mapping[str, Any]] = ()
    covered: Mapping[str, str] = field(default_factory=dict)
    taken: Sequence[str] = ()


def of_site(file: Path, ident: str | None) -> Broker:
    """A broker of a site file; raises RequestRefused when it is not clear which."""
    site = _loaded(file)
    known = _brokers(site)
    if ident is None and len(known) != 1:
        told = f"say which broker with --connection: {', '.join(known)}" if known else "it has no broker"
        raise RequestRefused(
            Sentence("{file}: {told}; or name one with --url mqtt://HOST", file=str(file), told=told)
        )
    wanted = ident if ident is not None else next(iter(known))
    if wanted not in known:
        told = f"its brokers are {', '.join(known)}" if known else "it has none"
        raise RequestRefused(
            Sentence("{file} has no broker `{wanted}`: {told}", file=str(file), wanted=wanted, told=told)
        )
    return _known(site, known[wanted])


def by_url(url: str, username: str | None, password_file: Path | None, ca: Path | None, protocol: str) -> Broker:
    """Any broker; a person mistyped something where typer.BadParameter is raised."""
    said: dict[str, Any] = {"url": url, "protocol": protocol}
    if username is not None:
        said["username"] = username
    if password_file is not None:
        said["password"] = _password(password_file)
    if ca is not None:
        said["ca"] = str(ca.absolute())
    try:
        options = MqttConnection.model_validate(said)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise typer.BadParameter(wrong.removeprefix("Value error, "), param_hint="--url") from error
    return Broker(options=options, connection=_NEW_ID, new=(_entry(_NEW_ID, options),))


def placed(broker: Broker, file: Path) -> Broker:
    """The broker as a site file that devices are added to knows it, by its address; new where it does not."""
    site = _loaded(file)
    known = _brokers(site)
    for each in known.values():
        if (each.options.host, each.options.port) == (broker.options.host, broker.options.port):
            return replace(_known(site, each), options=broker.options)
    if not broker.new:
        raise RequestRefused(
            Sentence(
                "{file} has no connection to {url}: add it there first", file=str(file), url=broker.options.url
            )
        )
    free = (_NEW_ID, *(f"{_NEW_ID}-{number}" for number in range(2, len(site.connections) + 3)))
    ident = next(one for one in free if one not in site.connections)
    new = (_entry(ident, broker.options),)
    return Broker(options=broker.options, connection=ident, new=new, taken=tuple(site.devices))


def _loaded(file: Path) -> Site:
    from monitor.app import load_site

    return load_site(file, os.environ).site


def _brokers(site: Site) -> dict[str, Connection]:
    return {ident: each for ident, each in site.connections.items() if each.driver == "mqtt"}


def _known(site: Site, connection: Connection) -> Broker:
    devices = [device for device in site.devices.values() if device.connection == connection.id]
    covered = {topic: device.id for device in devices for topic in _topics(device)}
    return Broker(options=connection.options, connection=connection.id, covered=covered, taken=tuple(site.devices))


def _topics(device: Device) -> list[str]:
    """The topics that a device has; for a Sparkplug node's all are fetched, of which one is the device's."""
    topic: str = device.address.topic
    return [topic] if topic.startswith("spBv1.0/") else list(Decoder([device], lambda _: "", qos=0).wanted)


def _entry(ident: str, options: MqttConnection) -> dict[str, Any]:
    """The connection as a site file has it: the password is a secret, never written there."""
    said: dict[str, Any] = {"url": options.url}
    if options.username is not None:
        said["username"] = options.username
    if options.password is not None:
        said["password"] = Secret(_SECRET)
    if options.ca is not None:
        said["ca"] = str(options.ca)
    if options.protocol != "5":
        said["protocol"] = options.protocol
    return {"id": ident, "mqtt": said}


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        ) from error
