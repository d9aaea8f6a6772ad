import pytest
from pydantic import ValidationError

from drivers.mqtt import MQTT
from tests.drivers.mqtt.site import CARDS


def test_the_sample_of_the_site_file_is_understood():
    broker = MQTT.connection_model.model_validate(
        {"url": "mqtts://broker:8883", "username": "monitor", "password": "hidden", "ca": "ca.pem"}
    )

    assert (broker.host, broker.port, broker.tls) == ("broker", 8883, True)
    assert (broker.protocol, broker.qos, broker.receive_maximum) == ("5", 1, 1000)
    assert broker.session_expiry == 7 * 86400


def test_a_password_is_not_in_the_repr():
    broker = MQTT.connection_model.model_validate({"url": "mqtt://b", "username": "u", "password": "hush-hush"})

    assert "hush-hush" not in repr(broker)
    assert broker.port == 1883


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"url": "http://broker"}, "mqtt://host:1883"),
        ({"url": "mqtt://"}, "mqtt://host:1883"),
        ({"url": "mqtt://b:99999"}, "port"),
        ({"url": "mqtt://u:p@b"}, "keys of their own"),
        ({"url": "mqtt://b/topic"}, "ends with its port"),
        ({"url": "mqtt://b", "ca": "ca.pem"}, "mqtts://"),
        ({"url": "mqtts://b", "certificate": "c.pem"}, "go together"),
        ({"url": "mqtt://b", "password": "p"}, "needs a `username:`"),
        ({"url": "mqtt://b", "protocol": "3.1"}, "3.1.1"),
        ({"url": "mqtt://b", "keepalive": 30}, "write a time"),
        ({"url": "mqtt://b", "keepalive": "0 s"}, "from 1 s"),
        ({"url": "mqtt://b", "qos": 3}, "0, 1 or 2"),
        ({"url": "mqtt://b", "clean": True}, "Extra inputs"),
    ],
)
def test_a_wrong_broker_is_refused_with_what_is_allowed(block: dict[str, object], says: str):
    with pytest.raises(ValidationError, match=says) as caught:
        MQTT.connection_model.model_validate(block)

    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("topic", ["", "a/b+/c", "a/#/b", "a#", "$SYS/broker", "x" * 600, "a\0b"])
def test_a_wrong_topic_is_refused(topic: str):
    with pytest.raises(ValidationError):
        MQTT.device_model.model_validate({"topic": topic})


@pytest.mark.parametrize(
    "source", [{}, {"json": "$.a", "text": True}, {"json": "a"}, {"text": False}, {"key": ""}]
)
def test_a_point_is_in_exactly_one_place(source: dict[str, object]):
    with pytest.raises(ValidationError):
        MQTT.point_model.model_validate(source)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"root": "object"}, "begins with"),
        ({"root": "$.object", "payload": "text"}, "does not go with"),
        ({"root": "$.object", "payload": "key_value"}, "does not go with"),
    ],
)
def test_a_wrong_root_is_refused(block: dict[str, object], says: str):
    with pytest.raises(ValidationError, match=says):
        MQTT.profile_model.model_validate(block)


@pytest.mark.parametrize(
    "source",
    [{"metric": ""}, {"metric": "a", "json": "$.a"}, {"metric": "a", "topic": "b"}, {"metric": "a", "omitted": 0}],
)
def test_a_metric_is_the_whole_place_of_a_point(source: dict[str, object]):
    with pytest.raises(ValidationError):
        MQTT.point_model.model_validate(source)


@pytest.mark.parametrize(
    "block",
    [
        {"topic": "a"},
        {"partial": True},
        {"root": "$.a"},
        {"availability": {"topic": "a"}},
        {"good": {"json": "$.q", "is": 1}},
        {"time": {"json": "$.t", "format": "unix_s"}},
    ],
)
def test_a_profile_of_sparkplug_says_nothing_that_the_protocol_says(block: dict[str, object]):
    assert MQTT.profile_model.model_validate({"payload": "sparkplug", "time": {"trusted": False}})
    with pytest.raises(ValidationError, match=r"sparkplug|does not go with"):
        MQTT.profile_model.model_validate({"payload": "sparkplug", **block})


def test_an_event_cannot_show_the_credential():
    for name in ("reason", "id"):
        with pytest.raises(ValidationError, match="only the pseudonym"):
            MQTT.event_model.model_validate({**CARDS, name: {"json": "$['uid']"}})
    with pytest.raises(ValidationError, match="only the pseudonym"):
        MQTT.event_model.model_validate({**CARDS, "attributes": {"card_number": {"json": "$.uid"}}})
