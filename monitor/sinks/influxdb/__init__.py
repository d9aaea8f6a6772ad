"""The sink that writes the journal to InfluxDB 1.x, 2.x and 3.x."""

from monitor.sinks.influxdb.writer import InfluxSink

__all__ = ["InfluxSink"]
