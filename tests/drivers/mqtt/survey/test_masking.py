from typing import Any

import pytest

from drivers.mqtt.survey.heard import Survey
from drivers.mqtt.survey.masking import shown, shown_topic
from tests.drivers.mqtt.sparkplug.node import metric, payload
from tests.drivers.mqtt.survey.said import SAID, payload_of


def told(topic: str, said: Any, *, reader: bool = False) -> str:
    survey = Survey()
    survey.hear(topic, payload_of(said), retained=False, now=0.0)
    sample = survey.topics[topic].newest
    assert sample is not None
    return shown(topic, sample, reader=reader)


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("doors/front", SAID["doors/front"]),
        ("a", {"user": {"name": "Ana Anders", "id": 71_005_412}}),
        ("a", {"result": "ok", "cardNumber": 71_005_412, "name": "Ana Anders"}),
        ("a", [{"PIN_code": "71005412"}]),
        ("a", "uid=71005412 username=Anders door=3"),
        ("a", "Card 71005412 of Ana Anders"),
        ("cards/last", "71005412"),
        ("gate/rfid", "71005412"),
        ("gate/uid", '{"broken": 71005412, "Ana Anders"'),
    ],
)
def test_credentials_and_names_are_never_shown(topic: str, said: Any) -> None:
    text = told(topic, said)

    assert not any(secret in text for secret in ("71005412", "Anders", "5a3fb1c2", "Test User"))
    assert "•••" in text


def test_what_a_reader_says_is_hidden_however_it_is_called() -> None:
    assert told("doors/front", {"code": "1234", "door": 3}, reader=True) == '{"code": "•••", "door": 3}'
    assert told("doors/front", "1234", reader=True) == "•••"


def test_what_a_meter_says_is_shown() -> None:
    assert told("a", {"power": 1.5, "name": "Main", "codeRate": "4/5"}) == (
        '{"power": 1.5, "name": "Main", "codeRate": "4/5"}'
    )
    assert told("a", "v1=230.1 p=-5") == "v1=230.1 p=-5"
    assert told("spBv1.0/a", b"\x08\xff") == "2 bytes"
    assert told("spBv1.0/a", payload(metric("Power", 1.5))) == "1 metrics by name: Power"


def test_a_topic_that_names_a_card_is_shown_without_it() -> None:
    assert shown_topic("access/card/04A1B2C3/state") == "access/card/•••/state"
    assert shown_topic("meters/71005412/state") == "meters/71005412/state"


def test_long_and_deep_payloads_are_shown_in_short() -> None:
    assert len(told("a", {f"k{number}": "x" * 50 for number in range(1000)})) <= 160
    assert "deep" not in told("a", '{"a":' * 50 + '"deep"' + "}" * 50)
