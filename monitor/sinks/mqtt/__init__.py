"""A broker as a sink: what every device says now, its alarms, and how Home Assistant finds them."""

from monitor.sinks.mqtt.acknowledging import Acknowledging
from monitor.sinks.mqtt.sink import MqttSink

__all__ = ["Acknowledging", "MqttSink"]
