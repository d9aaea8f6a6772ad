"""The MQTT driver keeps the contract of pushed drivers, on MQTT 5 and 3.1.1, with a real Mosquitto."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.mqtt import MQTT
from monitor.ports import PushedDriver
from tests.drivers.contract_pushed import PushedContract
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.site import CARDS, connection, context, device
from tests.servers.mosquitto import Mosquitto


def _raise(_: str) -> str:
    raise RuntimeError("a fault of ours")


class _Rig:
    device = "meter"

    def __init__(self, folder: Path, protocol: str) -> None:
        self._broker = Mosquitto(folder / "broker").start()
        self._protocol = protocol

    def make(self) -> PushedDriver:
        meter = device(points={"temperature_c": {"json": "$.n"}}, events=[CARDS])
        driver: PushedDriver = MQTT.create(
            connection(self._broker.url, protocol=self._protocol), [meter], context(pseudonymise=_raise)
        )
        return driver

    def say(self, number: int) -> None:
        self._say(f'{{"n": {number}}}')

    def say_poison(self) -> None:
        self._say('{"type": "access", "uid": "5a3"}')

    def _say(self, payload: str) -> None:
        with Publisher(self._broker) as publisher:
            publisher.say("meters/meter", payload)

    def go_away(self) -> None:
        self._broker.stop()

    def come_back(self) -> None:
        self._broker.start()

    def close(self) -> None:
        self._broker.stop()


class TestMqtt(PushedContract):
    @pytest.fixture(params=["5", "3.1.1"])
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Rig]:
        rig = _Rig(tmp_path, request.param)
        yield rig
        rig.close()
