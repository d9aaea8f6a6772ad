"""Listening to a real broker: what it hears, and whom it disturbs."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from drivers.mqtt.listening import listen
from drivers.mqtt.settings import MqttConnection
from drivers.mqtt.survey.heard import Survey
from monitor.errors import DeviceRefused, DeviceUnreachable, SettingsError
from tests.drivers.mqtt.publisher import Publisher
from tests.servers.mosquitto import Mosquitto, Tls
from tests.servers.ports import free_port


def options(broker: Mosquitto, **said: Any) -> MqttConnection:
    return MqttConnection.model_validate({"url": broker.url} | said)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_retained_and_live_messages_are_heard_and_told_apart(broker: Mosquitto, protocol: str) -> None:
    survey = Survey()
    with Publisher(broker) as publisher:
        publisher.say("meters/1", "old", retain=True)
        timer = threading.Timer(0.5, lambda: [publisher.say("meters/2", f"{number}") for number in range(3)])
        timer.start()
        ear = listen(options(broker, protocol=protocol), "#", 1.5, survey.hear)
        timer.join()

    assert {topic: (each.retained, each.live) for topic, each in survey.topics.items()} == {
        "meters/1": (1, 0),
        "meters/2": (0, 3),
    }
    assert (round(ear.seconds), ear.ended) == (2, "")


def test_only_the_filter_is_heard_and_nothing_of_the_broker_itself(broker: Mosquitto) -> None:
    survey = Survey()
    with Publisher(broker) as publisher:
        publisher.say("meters/1", "1", retain=True)
        publisher.say("doors/1", "1", retain=True)
        listen(options(broker), "meters/+", 0.5, survey.hear)
        listen(options(broker), "#", 0.5, (everything := Survey()).hear)

    assert list(survey.topics) == ["meters/1"]
    assert sorted(everything.topics) == ["doors/1", "meters/1"]


def test_the_broker_keeps_nothing_of_it(broker: Mosquitto) -> None:
    listen(options(broker), "#", 0.2, Survey().hear)
    broker.restart()  # it writes down which sessions it keeps

    kept = (broker.folder / "mosquitto.db").read_bytes() if (broker.folder / "mosquitto.db").exists() else b""

    assert b"facility-monitor-listen" not in kept
    assert "facility-monitor-listen" in (broker.folder / "mosquitto.log").read_text()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_payload_that_is_too_large_costs_nobody_but_itself(tmp_path: Path, protocol: str) -> None:
    survey = Survey()
    with Mosquitto(tmp_path / "broker", template=None) as broker, Publisher(broker) as publisher:
        publisher.say("large", b"x" * 3_000_000, retain=True)
        publisher.say("small", "1", retain=True)
        ear = listen(options(broker, protocol=protocol), "#", 1.0, survey.hear)

    assert survey.topics["small"].count == 1
    assert [sample.payload for each in survey.topics.values() for sample in each.samples.values()] == [b"1"]
    assert ear.ended == ""


def test_who_may_not_listen_is_told_why(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", users={"ana": "right"}) as broker:
        with pytest.raises(DeviceRefused, match="username and password"):
            listen(options(broker, username="ana", password="wrong"), "#", 1.0, Survey().hear)
        assert listen(options(broker, username="ana", password="right"), "#", 0.2, Survey().hear).ended == ""


def test_tls(tmp_path: Path) -> None:
    tls = Tls.make(tmp_path)
    with Mosquitto(tmp_path / "broker", tls=tls) as broker:
        survey = Survey()
        with Publisher(broker) as publisher:
            publisher.say("meters/1", "1", retain=True)
            listen(options(broker, ca=str(tls.ca)), "#", 0.5, survey.hear)
        with pytest.raises(DeviceUnreachable, match="certificate"):
            listen(options(broker), "#", 1.0, Survey().hear)
        with pytest.raises(SettingsError, match="certificates"):
            listen(options(broker, ca=str(tmp_path / "absent")), "#", 1.0, Survey().hear)

    assert list(survey.topics) == ["meters/1"]


def test_nobody_there() -> None:
    gone = MqttConnection(url=f"mqtt://127.0.0.1:{free_port()}")

    with pytest.raises(DeviceUnreachable, match="refused"):
        listen(gone, "#", 1.0, Survey().hear)


def test_somebody_else_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            peer.recv(100)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DeviceUnreachable):
            listen(MqttConnection(url=f"mqtt://127.0.0.1:{server.getsockname()[1]}"), "#", 1.0, Survey().hear)
        thread.join()


def test_what_was_heard_before_the_broker_went_is_kept(broker: Mosquitto) -> None:
    survey = Survey()
    with Publisher(broker) as publisher:
        publisher.say("meters/1", "1", retain=True)
    timer = threading.Timer(0.7, broker.kill)
    timer.start()
    ear = listen(options(broker), "#", 30.0, survey.hear)
    timer.join()

    assert list(survey.topics) == ["meters/1"]
    assert ear.ended.startswith("the broker ended the connection")
    assert ear.seconds < 30


_UNTIL_INTERRUPTED = """
import sys
from drivers.mqtt.listening import listen
from drivers.mqtt.settings import MqttConnection
heard = []
def hear(topic, payload, *, retained, now):
    heard.append(topic)
    print("heard", flush=True)
ear = listen(MqttConnection(url=sys.argv[1]), "#", None, hear)
print(heard, repr(ear.ended))
"""


def test_ctrl_c_ends_it_with_what_was_heard(broker: Mosquitto) -> None:
    with Publisher(broker) as publisher:
        publisher.say("meters/1", "1", retain=True)
    with subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-c", _UNTIL_INTERRUPTED, broker.url],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "heard\n"
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert out == "['meters/1'] ''\n"
    assert process.returncode == 0
