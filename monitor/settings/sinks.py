"""Binds where what is in the journal is written to: the section `sinks`."""

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from monitor.documents.explain import unknown_key
from monitor.documents.node import Node, join
from monitor.settings.binding import Binding
from monitor.settings.selecting import check_selector, select
from monitor.settings.sinkshape import InfluxKeys, MqttSinkKeys
from monitor.site import InfluxSettings, MqttSinkSettings, SinkFilter
from monitor.zones import AccessSettings

__all__ = ["RESERVED", "Sinks", "bind_sinks"]

_INFLUXDB, _MQTT = "influxdb", "mqtt"
_SINKS: Final = (_INFLUXDB, _MQTT)

RESERVED: Final = frozenset(
    {"access", "alarms", "doors", "equipment", "health", "journal", "ledger", "metering", "people", "state"}
)
"""Names that other readers of the journal keep their positions under, and places that tell of an erasure."""


@dataclass(slots=True)
class Sinks:
    """Every sink by its id, over all kinds of them unique."""

    influxdbs: dict[str, InfluxSettings] = field(default_factory=dict)
    mqtt_sinks: dict[str, MqttSinkSettings] = field(default_factory=dict)


def bind_sinks(binding: Binding, root: Node, access: AccessSettings | None) -> Sinks:
    """Bind the section; a sink that is wrong is told of and left out. `access`: how long the site keeps it."""
    found = Sinks()
    sinks = root.get("sinks")
    if sinks is None or (sinks.kind == "scalar" and sinks.scalar is None):
        return found
    if sinks.kind != "mapping":
        binding.findings.error(sinks, "sinks", "write `influxdb: {url: …}`")
        return found
    for key in sinks.entries:
        if key not in _SINKS:
            unknown_key(sinks, key, "sinks", binding.findings, allowed=list(_SINKS))
    ids: dict[str, Node] = {}
    for node, path, ident in _each(binding, sinks, _INFLUXDB, ids):
        influx = _influxdb(binding, node, path, ident, access)
        if influx is not None:
            _agree(binding, node, path, influx, found.influxdbs.values())
            found.influxdbs[ident] = influx
    places: dict[tuple[str, str], str] = {}
    for node, path, ident in _each(binding, sinks, _MQTT, ids):
        mqtt = _mqtt(binding, node, path, ident)
        if mqtt is not None:
            found.mqtt_sinks[ident] = mqtt
            _apart(binding, node, path, mqtt, places)
    return found


def _each(binding: Binding, sinks: Node, kind: str, ids: dict[str, Node]) -> Iterator[tuple[Node, str, str]]:
    """The sinks of a kind, written as one mapping or as a list of them, with path and id."""
    section, path = sinks.get(kind), f"sinks.{kind}"
    if section is None:
        return
    entries = [(section, path)]
    if section.kind == "list":
        entries = [(item, join(path, number)) for number, item in enumerate(section.items)]
        if not entries:
            binding.findings.error(section, path, "the list is empty: write one entry for each, or leave it out")
    for node, where in entries:
        ident = node.text("id") if node.kind == "mapping" else ""
        if not ident and len(entries) > 1:
            message = f"each of several sinks needs an `id:`; the one that was there before is `{kind}`"
            binding.findings.error(node, where, message)
            continue
        ident = ident or kind
        if _is_free(binding, node, where, kind, ident) and ident not in ids:
            ids[ident] = node
            yield node, where, ident
        elif ident in ids:
            binding.twice(node, where, ident, ids[ident])


def _is_free(binding: Binding, node: Node, path: str, kind: str, ident: str) -> bool:
    """Whether nothing else keeps its place in the journal under this name."""
    if ident in RESERVED:
        what = "is a part of the monitor, which keeps its place in the journal under this name"
    elif ident in _SINKS and ident != kind:
        what = f"is the name of the sink `sinks.{ident}`"
    else:
        return True
    binding.findings.error(
        node.get("id") or node, join(path, "id"), f"`{ident}` {what}: choose another id, such as `{kind}-2`"
    )
    return False


def _influxdb(
    binding: Binding, node: Node, path: str, ident: str, access: AccessSettings | None
) -> InfluxSettings | None:
    keys = binding.check(InfluxKeys, node, path)
    chosen = _filter(binding, node, path, keys)
    if keys is None:
        return None
    if keys.ca is not None and keys.ca.is_file():
        try:
            ssl.create_default_context(cafile=keys.ca)
        except OSError as error:
            binding.findings.error(node.get("ca") or node, join(path, "ca"), f"cannot read {keys.ca}: {error}")
    token = node.get("token")
    keep = None if access is None else access.keep
    if keep is not None and keys.access_retention is not None and keys.access_retention > keep:
        binding.findings.warning(
            node.get("access_retention") or node,
            join(path, "access_retention"),
            f"InfluxDB keeps what happens at doors for longer than the {keep / 86400:.0f} days of `access.keep`",
        )
    return InfluxSettings(
        id=ident,
        url=keys.url,
        org=keys.org,
        bucket=keys.bucket,
        access_bucket=keys.access_bucket or f"{keys.bucket}-access",
        token="" if token is not None and token.absent else keys.token,
        secret="" if token is None else token.named,
        api=keys.api,
        ca=keys.ca,
        retention=keys.retention,
        access_retention=keep if keys.access_retention is None else keys.access_retention,
        filter=chosen,
    )


def _agree(
    binding: Binding, node: Node, path: str, influx: InfluxSettings, others: Iterable[InfluxSettings]
) -> None:
    """Two sinks of one bucket should keep its points as long: who makes it decides for both."""
    for other in others:
        same = influx.buckets.keys() & other.buckets.keys() if influx.url == other.url else ()
        for bucket in sorted(same):
            if influx.buckets[bucket] != other.buckets[bucket] and influx.org == other.org:
                message = f"`{other.id}` writes to `{bucket}`, too, and keeps it for another time"
                binding.findings.warning(node, path, message)


def _mqtt(binding: Binding, node: Node, path: str, ident: str) -> MqttSinkSettings | None:
    keys = binding.check(MqttSinkKeys, node, path)
    chosen = _filter(binding, node, path, keys)
    if keys is None:
        return None
    place, where = node.get("connection") or node, join(path, "connection")
    known = binding.connection_drivers
    if keys.connection not in known:
        binding.unknown(place, where, keys.connection, known, "connection")
        return None
    if known[keys.connection] != "mqtt":
        binding.findings.error(
            place, where, f"`{keys.connection}` is no broker: it speaks {known[keys.connection]}"
        )
        return None
    return MqttSinkSettings(
        id=ident,
        connection=keys.connection,
        topic=keys.topic,
        homeassistant=keys.discovery,
        acknowledge=keys.acknowledge,
        filter=chosen,
    )


def _apart(
    binding: Binding, node: Node, path: str, sink: MqttSinkSettings, places: dict[tuple[str, str], str]
) -> None:
    """Two sinks must not overwrite each other's messages at one broker."""
    for key, value in (("topic", sink.topic), ("homeassistant", sink.homeassistant)):
        place = (sink.connection, f"{key} {value}")
        if value and places.setdefault(place, sink.id) != sink.id:
            message = f"`{places[place]}` publishes below `{value}` at this broker already: choose another"
            binding.findings.error(node.get(key) or node, join(path, key), message)


def _filter(binding: Binding, node: Node, path: str, keys: InfluxKeys | MqttSinkKeys | None) -> SinkFilter:
    place, where = node.get("only"), join(path, "only")
    if place is not None:
        check_selector(binding, place, where)
    if keys is None:
        return SinkFilter()
    devices = None
    if keys.only is not None:
        devices = frozenset(one.attributes["id"] for one in select(binding, [keys.only]))
        if not devices:
            binding.findings.warning(place or node, where, "no device is like this: nothing of any is written")
    return SinkFilter(devices=devices, kinds=None if keys.kinds is None else frozenset(keys.kinds))
