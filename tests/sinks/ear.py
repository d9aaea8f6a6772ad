"""Somebody else on the broker, and a site that knows the broker."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt.settings import MqttConnection
from monitor.site import Connection, Site
from tests.servers.mosquitto import Mosquitto

__all__ = ["Ear", "with_broker"]


class Ear:
    """Somebody else on the broker, who keeps all he hears by topic."""

    def __init__(self, broker: Mosquitto) -> None:
        self.all: list[tuple[str, bytes, bool]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _u, m: self.all.append((m.topic, bytes(m.payload), m.retain))
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1, retain=True).wait_for_publish(10)

    def say(self, topic: str, payload: bytes) -> None:
        """Publish what is not to be kept."""
        self._client.publish(topic, payload, 1).wait_for_publish(10)

    async def until(self, topic: str, wanted: Callable[[bytes], bool] = bool) -> bytes:
        for _ in range(600):
            for at, payload, _ in self.all:
                if at == topic and wanted(payload):
                    return payload
            await asyncio.sleep(0.1)
        raise AssertionError(f"never heard on {topic}: {self.all}")

    def last(self, topic: str) -> Any:
        return json.loads(next(payload for at, payload, _ in reversed(self.all) if at == topic))

    def retained(self, prefix: str = "") -> dict[str, bytes]:
        """What a client that comes now is told at once."""
        return {topic: payload for topic, payload, retained in self.all if retained and topic.startswith(prefix)}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def with_broker(site: Site, url: str, **more: Any) -> Site:
    options = MqttConnection.model_validate({"url": url, **more})
    return replace(site, connections={"broker": Connection(id="broker", driver="mqtt", options=options)})
