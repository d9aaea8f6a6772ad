"""The InfluxDB of the tests of sinks."""

from tests.sinks.conftest import database, server, settings

__all__ = ["database", "server", "settings"]
