"""Doors and readers of a site, and what is written of them under `access`."""

from monitor.zones import AccessSettings
from tests.settings.conftest import Load

__all__ = ["CIRCLE", "DEVICES", "KEY", "LINE", "WEEKDAYS", "settings_of", "with_access", "with_door", "with_zones"]

DEVICES = """\
devices:
  - {id: front, profile: aqara-mccgq11lm, connection: broker, topic: front}
  - {id: front-in, profile: esp-rfid, connection: broker, topic: fi, door: front, direction: in}
  - {id: front-out, profile: esp-rfid, connection: broker, topic: fo, door: front, direction: out}
  - {id: cellar, profile: aqara-mccgq11lm, connection: broker, topic: cellar}
  - {id: cellar-in, profile: esp-rfid, connection: broker, topic: ci, door: cellar, direction: in}
  - {id: garage, profile: esp-rfid, connection: broker, topic: garage}
  - {id: roof, profile: aqara-mccgq11lm, connection: broker, topic: roof}
  - {id: meter, profile: eastron-sdm630, connection: plant, unit: 1}
"""
LINE = DEVICES.count("\n") + 6
"""The line behind `access:`, which stands below the head and the devices."""
KEY = "correct-horse-battery-staple"
CIRCLE = """zones: [{id: x, doors: roof, within: a}, {id: a, doors: front, within: b}, \
{id: b, doors: cellar, within: c}, {id: c, doors: garage, within: a}]"""
WEEKDAYS = frozenset({1, 2, 3, 4, 5})


def with_access(text: str) -> str:
    return f"{DEVICES}access:\n  {text}\n"


def with_door(text: str) -> str:
    return with_access(f"doors: [{{door: front, {text}}}]")


def with_zones(*texts: str, more: str = "") -> str:
    return with_access(f"{more}zones:") + "".join(f"    - {text}\n" for text in texts)


def settings_of(load_text: Load, text: str) -> AccessSettings:
    return load_text(text).site.access
