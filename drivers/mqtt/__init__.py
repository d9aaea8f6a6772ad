"""MQTT: topics, payloads and the client. paho is imported when the first driver is made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from drivers.mqtt.settings import MqttConnection, MqttDevice, MqttEvent, MqttPoint, MqttProfile
from monitor.ports import DriverContext
from monitor.site import Connection, Device

if TYPE_CHECKING:
    from drivers.mqtt.client import MqttDriver

__all__ = ["MQTT"]


class _Mqtt:
    """The driver type `mqtt`."""

    name = "mqtt"
    polled = False
    connection_model = MqttConnection
    device_model = MqttDevice
    profile_model = MqttProfile
    point_model = MqttPoint
    event_model = MqttEvent

    def create(self, connection: Connection, devices: Sequence[Device], context: DriverContext) -> "MqttDriver":
        """Make the driver of one broker; SettingsError when its devices do not fit together."""
        from drivers.mqtt.client import MqttDriver

        return MqttDriver(connection, devices, context)

    def budget(self, connection: Connection, devices: Sequence[Device]) -> None:  # noqa: ARG002 - the protocol's
        """Answer nothing: devices speak when they like."""
        return


MQTT = _Mqtt()
