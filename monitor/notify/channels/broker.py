"""A message to a topic of an MQTT broker: taken once the broker has acknowledged it, or refused in words."""

import ssl
import threading
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from monitor.notify.channels.verdict import Verdict
from monitor.ports import Message

__all__ = ["BROKERS", "deliver"]

BROKERS: Final = frozenset({"mqtt", "mqtts"})
_PLAIN, _TLS = 1883, 8883
_FOR_GOOD: Final = frozenset({"Bad user name or password", "Not authorized", "Client identifier not valid"})
"""What a broker says when another try would be refused, too; the others are of a broker that cannot now."""


def deliver(service: Any, message: Message) -> Verdict | None:
    """Publish once over Apprise's object of an address; None when the broker took it. Blocks."""
    refused: list[str] = []
    connected = threading.Event()

    def on_connect(_client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        connected.set()

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=service.client_id or "", protocol=MQTTProtocolVersion.MQTTv311
    )
    client.on_connect = on_connect
    client.connect_timeout = service.socket_connect_timeout
    if service.user:
        client.username_pw_set(service.user, service.password)
    if service.secure:
        client.tls_set_context(_context(verify=service.verify_certificate))
    try:
        client.connect(service.host, service.port or (_TLS if service.secure else _PLAIN))
    except ssl.SSLCertVerificationError:
        return Verdict("the broker's certificate is not trusted")
    except (OSError, ValueError):
        return Verdict("could not connect to the broker")
    client.loop_start()
    try:
        if not connected.wait(service.socket_connect_timeout):
            return Verdict("the broker did not answer in time")
        if refused:
            return Verdict(f"the broker refused: {refused[0]}", permanent=refused[0] in _FOR_GOOD)
        return _publish(client, service, f"{message.title}\n{message.text}".encode())
    finally:
        client.disconnect()
        client.loop_stop()


def _publish(client: mqtt.Client, service: Any, payload: bytes) -> Verdict | None:
    for topic in service.topics:
        sent = client.publish(topic, payload, qos=max(1, service.qos), retain=service.retain)
        try:
            sent.wait_for_publish(service.socket_read_timeout)
        except (ValueError, RuntimeError):
            return Verdict("the connection to the broker was lost")
        if not sent.is_published():
            return Verdict("no answer in time; it may have been delivered", maybe_delivered=True)
    return None


def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:  # the address says `verify=no`
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
