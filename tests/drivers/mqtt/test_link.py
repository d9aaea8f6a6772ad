"""The network thread alone: what reaches the broker, and over which connection."""

import time
from collections.abc import Iterator

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from structlog.testing import capture_logs

from drivers.mqtt.devices import Message
from drivers.mqtt.exchange import Ack, Arrived, Connected, Profile
from drivers.mqtt.link import Link
from monitor.clock import Clock
from tests.drivers.mqtt.publisher import Publisher
from tests.drivers.mqtt.site import connection
from tests.servers.mosquitto import Mosquitto


@pytest.fixture
def link(broker: Mosquitto) -> Iterator[Link]:
    link = Link(
        Profile(
            connection="broker",
            options=connection(broker.url).options,
            client_id="link",
            status_topic="status",
            filters={"say": 1},
            now=Clock().now,
        ),
        wake=lambda: None,
    )
    link.start()
    yield link
    link.stop()
    link.join(5)


def take(link: Link, seconds: float) -> list[Message | Connected]:
    """What comes until a message has come, or the time is over."""
    taken: list[Message | Connected] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(isinstance(item, Message) for item in taken):
        taken += [item for item in link.take(100) if not isinstance(item, Arrived)]
        time.sleep(0.01)
    return taken


@pytest.mark.fault(
    "broker restarts",
    part="MQTT",
    outcome="An acknowledgement of an old connection is never written to a new one, where it would"
    " acknowledge another message.",
)
def test_an_acknowledgement_of_an_old_connection_is_never_written(broker: Mosquitto, link: Link):
    [connected] = _until_connected(link)
    time.sleep(0.1)
    with Publisher(broker) as publisher:
        publisher.say("say", "x")
    [first] = take(link, 5)
    assert isinstance(first, Message)
    broker.restart()
    _, second = take(link, 10)
    assert isinstance(second, Message)
    assert (second.dup, second.mid) == (True, first.mid)
    assert second.epoch > first.epoch == connected.epoch

    link.acknowledge([Ack(first.epoch, first.mid, 1)])
    time.sleep(0.2)
    broker.restart()
    third = take(link, 10)[-1]
    assert isinstance(third, Message), "the broker took an old acknowledgement for a new one"

    link.acknowledge([Ack(third.epoch, third.mid, 1)])
    time.sleep(0.2)
    broker.restart()
    assert _until_connected(link)
    assert take(link, 1) == []


def _until_connected(link: Link) -> list[Connected]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if taken := [item for item in link.take(10) if isinstance(item, Connected)]:
            return taken
        time.sleep(0.01)
    return []


@pytest.mark.fault(
    "broker refuses",
    part="MQTT",
    outcome="Topics that it refuses are counted and said.",
)
def test_topics_that_the_broker_refuses_are_counted_and_said(link: Link):
    granted, refused = (ReasonCode(PacketTypes.SUBACK, name) for name in ("Granted QoS 1", "Not authorized"))

    with capture_logs() as logs:
        link._on_subscribe(link._new_client(), None, 1, [granted, refused], None)

    assert link.counts.refused_topics == 1
    assert [(log["event"], log["reason"]) for log in logs] == [("topics_refused", "Not authorized")]
