from dataclasses import FrozenInstanceError, fields

import pytest

from monitor.journal.swift import make_reading, make_recorded
from monitor.model import Missing, Origin, Position, Quality, Reading, Recorded


def test_what_is_made_swiftly_is_what_its_class_makes_and_as_frozen():
    missing = {"pf": Missing.NAN}
    reading = make_reading("e-main", 1, 2, {"power_w": 1.5}, Origin.PUSH, Quality.SUSPECT, True, missing)
    recorded = make_recorded(Position(7), 3, reading)

    assert reading == Reading(
        device="e-main",
        time=1,
        arrived=2,
        values={"power_w": 1.5},
        missing=missing,
        quality=Quality.SUSPECT,
        origin=Origin.PUSH,
        late=True,
    )
    assert recorded == Recorded(Position(7), 3, reading)
    assert (type(reading), type(recorded)) == (Reading, Recorded)
    for each in (reading, recorded):
        assert repr(each)  # every field is there
        for field in fields(each):
            with pytest.raises(FrozenInstanceError):
                setattr(each, field.name, None)
