"""A connection to a broker that publishes. It blocks: its calls come from a thread of their own."""

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.errors import SinkUnavailable
from monitor.sinks.mqtt.topics import Outgoing

__all__ = ["Publisher"]

_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 30.0
_QUIET_S: Final = 1.0
_IN_FLIGHT: Final = 100
_LOOK_S: Final = 0.5


class Hear(Protocol):
    """Is told what somebody said, in the connection's own thread."""

    def __call__(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take it, and return at once."""


class Publisher:
    """Publishes with QoS 1 and waits until the broker has taken it all.

    `options`: the broker's block of the site file. `will`: what the broker says when this connection breaks.
    """

    def __init__(
        self,
        options: Any,
        client_id: str,
        will: Outgoing,
        tls: Callable[[], ssl.SSLContext] | None,
    ) -> None:
        self._options = options
        self._client_id = client_id
        self._will = will
        self._tls = tls
        self._client: paho.Client | None = None
        self._connected = threading.Event()
        self._refused = ""

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection, and it is not known to be broken."""
        return self._client is not None and self._client.is_connected()

    def connect(self) -> None:
        """Connect anew, where there is no connection. Raises SinkUnavailable."""
        self.close()
        version = MQTTProtocolVersion.MQTTv5 if self._options.protocol == "5" else MQTTProtocolVersion.MQTTv311
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=version,
            reconnect_on_failure=False,  # a broker that was away may know nothing: everything is published anew
        )
        client.username_pw_set(self._options.username, self._options.password)
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.connect_timeout = _CONNECT_S
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
        client.on_connect = self._on_connect
        self._connected.clear()
        self._refused = ""
        self._client = client
        try:
            if self._tls is not None:
                client.tls_set_context(self._tls())
            client.connect(self._options.host, self._options.port, keepalive=round(self._options.keepalive))
        except (OSError, ValueError) as error:
            self.close()
            raise SinkUnavailable(f"the broker cannot be reached: {error}") from error
        client.loop_start()
        if not self._connected.wait(_CONNECT_S) or self._refused:
            reason = self._refused or "it does not answer"
            self.close()
            raise SinkUnavailable(f"the broker refuses the connection: {reason}")

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._refused = str(code) if code.is_failure else ""
        if code.is_failure:
            client.disconnect()
        self._connected.set()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish in order; returns when the broker has taken all. Raises SinkUnavailable; then call again."""
        client = self._client
        if client is None or not client.is_connected():
            raise SinkUnavailable("the connection to the broker is lost")
        deadline = time.monotonic() + _ANSWER_S
        sent = [self._send(client, each) for each in messages]
        for one in sent:
            try:
                while not one.is_published() and client.is_connected() and time.monotonic() < deadline:
                    one.wait_for_publish(_LOOK_S)
            except (RuntimeError, ValueError) as error:
                self.close()
                raise SinkUnavailable(f"the broker took nothing: {error}") from error
            if not one.is_published():
                is_lost = not client.is_connected()
                self.close()
                why = "is lost" if is_lost else f"took no message within {_ANSWER_S:g} s"
                raise SinkUnavailable(f"the connection to the broker {why}")

    def _send(self, client: paho.Client, message: Outgoing) -> paho.MQTTMessageInfo:
        properties = None
        if message.expires and client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho says no types here
            properties.MessageExpiryInterval = message.expires
        return client.publish(message.topic, message.payload, qos=1, retain=message.retain, properties=properties)

    def listen(self, wildcard: str, hear: Hear) -> None:
        """Be told what is said there from now on, for as long as this connection lasts."""
        client = self._client
        if client is None:
            return
        client.message_callback_add(
            wildcard, lambda _c, _u, each: hear(each.topic, bytes(each.payload), retained=each.retain)
        )
        client.subscribe(wildcard, 1)

    def retained(self, *wildcards: str) -> dict[str, bytes]:
        """What is retained at the topics that match: that which comes within a second of each other."""
        client = self._client
        if client is None:
            return {}
        found: dict[str, bytes] = {}
        came = threading.Event()

        def hear(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
            if message.retain and message.payload:
                found[message.topic] = bytes(message.payload)
                came.set()

        for wildcard in wildcards:
            client.message_callback_add(wildcard, hear)
        client.subscribe([(wildcard, 0) for wildcard in wildcards])
        while came.wait(_QUIET_S):
            came.clear()
        client.unsubscribe(list(wildcards))
        for wildcard in wildcards:
            client.message_callback_remove(wildcard)
        return dict(found)

    def close(self, last: Outgoing | None = None) -> None:
        """End the connection in order, with a last message if there is one; safe to call twice."""
        client, self._client = self._client, None
        if client is None:
            return
        if last is not None and client.is_connected():
            with suppress(RuntimeError, ValueError):  # the connection may be lost since
                client.publish(last.topic, last.payload, qos=1, retain=last.retain).wait_for_publish(1.0)
        client.disconnect()
        client.loop_stop()
