"""docs/mqtt.md names every setting and every fact of `status`."""

from pathlib import Path

import pytest

from drivers.mqtt import MQTT
from tests.drivers.mqtt.site import connection, context, device

PAGE = (Path(__file__).parents[3] / "docs" / "mqtt.md").read_text()


@pytest.mark.parametrize(
    "model",
    [MQTT.connection_model, MQTT.device_model, MQTT.profile_model, MQTT.point_model, MQTT.event_model],
    ids=lambda model: model.__name__,
)
def test_every_setting_is_documented(model: type):
    names = {field.alias or name for name, field in model.model_fields.items()} - {"scan"}

    assert {name for name in names if f"`{name}`" not in PAGE} == set()


def test_every_fact_of_status_is_documented():
    driver = MQTT.create(connection("mqtt://127.0.0.1"), [device(points={"alarm": {"text": True}})], context())

    assert {name for name in driver.status() if f"`{name}`" not in PAGE} == set()
