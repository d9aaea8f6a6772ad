"""What the daemon's other end looks like in these tests: Modbus endpoints, and a publisher who counts."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.simulation.modbus import SimulatedBus, Unit
from tests.end_to_end.daemon import until

__all__ = ["Endpoint", "NumberedPublisher"]


_MOMENT = 0.002
"""Seconds that a meter takes at least; at once, two polls in a row could end in one millisecond."""


class Endpoint:
    """A simulated Modbus endpoint whose event loop runs in a thread, so that a test may block."""

    def __init__(self, units: Mapping[int, Unit], port: int = 0) -> None:
        self.bus = SimulatedBus(units)
        for unit in units.values():
            unit.faults.delay = _MOMENT
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __getitem__(self, unit: int) -> Unit:
        return self.bus.units[unit]

    def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        self.port = self._do(self.bus.start("127.0.0.1", self.port))

    def stop(self) -> None:
        """Close every connection and listen no more."""
        self._do(self.bus.stop())

    def silence(self, unit: int, *, silent: bool) -> None:
        """Let a unit answer nothing, or answer again."""
        self[unit].faults.silent = silent

    def _do(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)


class NumberedPublisher:
    """Publishes `first` and the numbers after it with QoS 1, and keeps which of them the broker has taken."""

    def __init__(self, port: int, topic: Callable[[int], str], *, a_second: float, first: int = 1) -> None:
        self._sent: list[paho.MQTTMessageInfo] = []
        self._topic = topic
        self._first = first
        self._pause = 1 / a_second
        self._ended = threading.Event()
        self._speaking = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", port)
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, number: int) -> None:
        """Publish a number that is not counted."""
        self.say_json(topic, {"n": number})

    def say_json(self, topic: str, what: object) -> None:
        """Publish something else."""
        self.say_raw(topic, json.dumps(what))

    def say_raw(self, topic: str, payload: str) -> None:
        """Publish something else again."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def begin(self) -> None:
        """Publish the numbers."""
        self._thread.start()

    def end(self) -> None:
        """Publish no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(10)

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Publish nothing meanwhile, nothing being on its way; then go on as soon as the broker is there."""
        with self._speaking:
            until(lambda: not self.waits, "the broker has acknowledged every message")
            yield
            until(self._client.is_connected, "the publisher is connected again")

    @property
    def published(self) -> int:
        """How many numbers are published."""
        return len(self._sent)

    @property
    def acknowledged(self) -> list[int]:
        """The numbers that the broker has acknowledged, in order."""
        return [number for number, sent in enumerate(list(self._sent), self._first) if sent.is_published()]

    @property
    def waits(self) -> bool:
        """Whether the broker still has to acknowledge something."""
        return len(self.acknowledged) < self.published

    def _publish(self) -> None:
        while not self._ended.wait(self._pause):
            with self._speaking:
                number = self._first + len(self._sent)
                self._sent.append(self._client.publish(self._topic(number), json.dumps({"n": number}), qos=1))
