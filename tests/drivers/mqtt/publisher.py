"""A device of the tests: publishes, and returns when the broker has it."""

from typing import Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.servers.mosquitto import Mosquitto

__all__ = ["Publisher"]


class Publisher:
    """A client of the broker on loopback."""

    def __init__(self, broker: Mosquitto, username: str | None = None, password: str | None = None) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._broker = broker
        self.heard: list[tuple[str, bytes]] = []
        if broker.tls is not None:
            tls = broker.tls
            self._client.tls_set(str(tls.ca), str(tls.client_certificate), str(tls.client_key))
        if username is not None:
            self._client.username_pw_set(username, password)

    def __enter__(self) -> Self:
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, message.payload)
        )
        self._client.connect("localhost" if self._broker.tls else "127.0.0.1", self._broker.port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: Any, *, qos: int = 1, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    def listen(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
