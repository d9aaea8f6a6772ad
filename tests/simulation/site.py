"""A small site with a device of each driver, for the tests of faults."""

from pathlib import Path

from monitor.app import load_site
from monitor.site import Site
from tests.servers.ports import free_port

__all__ = ["site"]

_SITE = """
site: {{id: house, timezone: Europe/Berlin}}
connections:
  - {{id: cellar, modbus: {{transport: rtu, port: {folder}/cellar, baudrate: 115200}}}}
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1, port: {plant}}}}}
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1:{broker}"}}}}
devices:
  - {{id: main, profile: eastron-sdm630, connection: cellar, unit: 1, every: 5 s}}
  - {{id: water, profile: xintai-water, connection: plant, unit: 2, every: 2 s}}
  - id: heat
    connection: plant
    unit: 3
    every: 2 s
    class: heat
    points:
      energy_kwh: {{register: holding 0, type: uint32, unit: kWh}}
      serial: {{register: holding 10, type: "string:12"}}
  - {{id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: zigbee/leak, every: 1 s}}
  - {{id: gas, profile: elster-wmbus, connection: broker, topic: meters/gas, every: 1 s}}
  - id: cold-room
    connection: broker
    topic: rooms/cold
    every: 2 s
    class: environment
    availability: {{topic: rooms/cold/state}}
    time: {{json: $.at, format: unix_s, trusted: true}}
    points:
      temperature_c: {{json: $.temp, unit: degC}}
  - {{id: garden, class: water, manual: volume_m3}}
  - {{id: rest, sum: water, minus: garden}}
"""


def site(folder: Path) -> Site:
    """The site, its line in a folder and its ports free ones; the file is `site.yaml` there."""
    file = folder / "site.yaml"
    file.write_text(_SITE.format(folder=folder, plant=free_port(), broker=free_port()), "utf-8")
    return load_site(file).site
