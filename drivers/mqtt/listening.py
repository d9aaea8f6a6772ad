"""Listens to a broker for a while: as a client of its own, whose session nobody keeps and who says nothing.

It disturbs neither the monitor's session nor anybody else's: QoS 0, a name of its own, nothing is published.
"""

import secrets
import select
import time
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from drivers.mqtt.advice import advice
from drivers.mqtt.payload import MAX_PAYLOAD
from drivers.mqtt.settings import MqttConnection
from drivers.mqtt.tls import tls_context
from drivers.mqtt.wire import Wire
from monitor.errors import DeviceRefused, DeviceUnreachable, SettingsError

__all__ = ["Ear", "Hear", "listen"]

_ANSWER_S: Final = 10.0
_KEEPALIVE_S: Final = 30
_REFUSED: Final = 128
_PACKET: Final = 4 * MAX_PAYLOAD


class Hear(Protocol):
    """Takes what was said; `now` is monotonic, in seconds."""

    def __call__(self, topic: str, payload: bytes, *, retained: bool, now: float) -> None:
        """Take a message in."""


@dataclass(slots=True)
class Ear:
    """What came of listening: how long, and why it ended before its time."""

    seconds: float = 0.0
    ended: str = ""


@dataclass(slots=True)
class _State:
    connected: bool = False
    subscribed: bool = False
    refused: str = ""
    lost: str = ""
    since: float = field(default_factory=time.monotonic)


def listen(options: MqttConnection, topic: str, seconds: float | None, hear: Hear) -> Ear:
    """Hear all that is said on a topic filter, until the time is over or Ctrl-C; None: until Ctrl-C.

    Raises DeviceUnreachable or DeviceRefused when it could not begin, SettingsError when certificates are wrong.
    """
    state = _State()
    client = _client(options, topic, state, hear)
    _identify(client, options)
    ear = Ear()
    try:
        _connect(client, options)
        _begin(client, options, state)
        ear.ended = _hear_on(client, state, None if seconds is None else state.since + seconds)
    except KeyboardInterrupt:
        ear.ended = "" if state.subscribed else "stopped before it began"
    except OSError as error:
        raise DeviceUnreachable(_told(options, str(error))) from error
    finally:
        ear.seconds = max(0.0, time.monotonic() - state.since) if state.subscribed else 0.0
        _leave(client)
    return ear


def _client(options: MqttConnection, topic: str, state: _State, hear: Hear) -> Wire:
    newest = options.protocol == "5"
    client = Wire(
        CallbackAPIVersion.VERSION2,
        client_id=f"facility-monitor-listen-{secrets.token_hex(4)}",
        clean_session=None if newest else True,
        protocol=MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )

    def on_connect(client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            state.refused = f"the broker refused the connection: {reason}"
            return
        state.connected = True
        client.subscribe(topic, qos=0)

    def on_subscribe(_client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.value >= _REFUSED for reason in reasons):
            state.refused = f"the broker does not let us have `{topic}`: {reasons[0]}"
            return
        state.subscribed, state.since = True, time.monotonic()

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            name = message.topic
        except UnicodeDecodeError:
            return  # no topic: MQTT has only UTF-8
        hear(name, bytes(message.payload), retained=bool(message.retain), now=time.monotonic())

    def on_disconnect(_client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        state.lost = "" if str(reason) == "Unspecified error" else str(reason)

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_message, client.on_disconnect = on_message, on_disconnect
    return client


def _identify(client: Wire, options: MqttConnection) -> None:
    if options.username is not None:
        client.username_pw_set(options.username, options.password)
    if options.tls:
        try:
            client.tls_set_context(tls_context(options))
        except OSError as error:
            raise SettingsError(f"cannot read the certificates: {error}") from error


def _connect(client: Wire, options: MqttConnection) -> None:
    client.connect_timeout = _ANSWER_S
    if options.protocol == "5":
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.SessionExpiryInterval = 0
        wishes.MaximumPacketSize = _PACKET
        client.connect(options.host, options.port, _KEEPALIVE_S, clean_start=True, properties=wishes)
    else:
        client.connect(options.host, options.port, _KEEPALIVE_S)


def _begin(client: Wire, options: MqttConnection, state: _State) -> None:
    """Converse until the broker has confirmed the topic."""
    deadline = time.monotonic() + _ANSWER_S
    while not state.subscribed:
        if state.refused:
            raise DeviceRefused(_told(options, state.refused))
        if not _turn(client, deadline) or time.monotonic() > deadline:
            if state.refused:
                continue
            why = client.failure or state.lost or ("no answer" if time.monotonic() > deadline else "it hung up")
            raise DeviceUnreachable(_told(options, why))


def _hear_on(client: Wire, state: _State, until: float | None) -> str:
    """Hear until a time; answers why it ended earlier."""
    while until is None or time.monotonic() < until:
        if not _turn(client, until):
            return f"the broker ended the connection ({client.failure or state.lost or 'no reason given'})"
    return ""


def _turn(client: Wire, until: float | None) -> bool:
    """Wait for something and take it; False when the connection has ended."""
    sock = client.socket()
    if sock is None:
        return False
    pending = client.has_more or (hasattr(sock, "pending") and sock.pending() > 0)
    left = 1.0 if until is None else min(1.0, max(0.0, until - time.monotonic()))
    writing = [sock] if client.want_write() else []
    readable, writable, _ = select.select([sock], writing, [], 0.0 if pending else left)
    if (readable or pending) and client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    if writable and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    return bool(client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS)


def _leave(client: Wire) -> None:
    """Say goodbye; the broker forgets us at once."""
    if client.socket() is not None:
        client.disconnect()
        client.loop_write()
    if (left := client.socket()) is not None:
        left.close()


def _told(options: MqttConnection, reason: str) -> str:
    return f"{options.url}: {reason}\nCheck: {advice(reason, briefly=False)}"
