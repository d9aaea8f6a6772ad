"""A reader of cards that is acknowledged by writing, and settings of events."""

from drivers.modbus import MODBUS

__all__ = ["LATCHED", "MINIMAL", "event"]

LATCHED = "inveo-rfid-ind"
MINIMAL = {"kind": "card", "credential": {"register": "holding 2", "bytes": 4}}


def event(**keys):
    return MODBUS.event_model.model_validate(MINIMAL | keys)
