"""Binds where what is in the journal is written to: the section `sinks`."""

import ssl
from typing import Final

from monitor.documents.explain import unknown_key
from monitor.documents.node import Node
from monitor.settings.binding import Binding
from monitor.settings.shape import InfluxKeys, MqttSinkKeys
from monitor.site import InfluxSettings, MqttSinkSettings

__all__ = ["bind_sinks"]

_SINKS: Final = ("influxdb", "mqtt")


def bind_sinks(binding: Binding, root: Node) -> tuple[InfluxSettings | None, MqttSinkSettings | None]:
    """Bind the section; None for a sink that is not wanted, or wrong and told."""
    sinks = root.get("sinks")
    if sinks is None or (sinks.kind == "scalar" and sinks.scalar is None):
        return None, None
    if sinks.kind != "mapping":
        binding.findings.error(sinks, "sinks", "write `influxdb: {url: …}`")
        return None, None
    for key in sinks.entries:
        if key not in _SINKS:
            unknown_key(sinks, key, "sinks", binding.findings, allowed=list(_SINKS))
    return _influxdb(binding, sinks.get("influxdb")), _mqtt(binding, sinks.get("mqtt"))


def _influxdb(binding: Binding, node: Node | None) -> InfluxSettings | None:
    keys = None if node is None else binding.check(InfluxKeys, node, "sinks.influxdb")
    if node is None or keys is None:
        return None
    if keys.ca is not None and keys.ca.is_file():
        try:
            ssl.create_default_context(cafile=keys.ca)
        except OSError as error:
            binding.findings.error(node.get("ca") or node, "sinks.influxdb.ca", f"cannot read {keys.ca}: {error}")
    return InfluxSettings(
        url=keys.url,
        org=keys.org,
        bucket=keys.bucket,
        access_bucket=keys.access_bucket or f"{keys.bucket}-access",
        token=keys.token,
        api=keys.api,
        ca=keys.ca,
    )


def _mqtt(binding: Binding, node: Node | None) -> MqttSinkSettings | None:
    keys = None if node is None else binding.check(MqttSinkKeys, node, "sinks.mqtt")
    if node is None or keys is None:
        return None
    place, where = node.get("connection") or node, "sinks.mqtt.connection"
    known = binding.connection_drivers
    if keys.connection not in known:
        binding.unknown(place, where, keys.connection, known, "connection")
        return None
    if known[keys.connection] != "mqtt":
        binding.findings.error(
            place, where, f"`{keys.connection}` is no broker: it speaks {known[keys.connection]}"
        )
        return None
    return MqttSinkSettings(connection=keys.connection, topic=keys.topic, homeassistant=keys.discovery)
