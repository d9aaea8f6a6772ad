"""A site file with any of its values wrong, missing or twice: findings that say where, and never a failure."""

import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import DRIVERS
from monitor.settings import Finding, SettingsInvalid, load
from monitor.settings.tables import resolve
from rules.kinds import RULES
from tests.examples import examples

SITE = yaml.safe_load(
    """\
site: {id: house, timezone: Europe/Berlin}
connections: [{id: plant, modbus: {transport: tcp, host: 127.0.0.1}}, {id: b, mqtt: {url: "mqtt://127.0.0.1"}}]
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A, role: main}
  - {id: door, profile: aqara-mccgq11lm, connection: b, topic: d}
  - {id: in, profile: esp-rfid, connection: b, topic: i, door: door, direction: in}
  - {id: gate, profile: esp-rfid, connection: b, topic: g}
  - {id: leak, profile: dragino-lwl02, connection: b, topic: l, every: 1 h}
  - id: p1
    profile: digital-input
    connection: plant
    points: {running: {register: discrete 0}, called: {register: discrete 1}}
    equipment:
      type: pump
      running: running
      start_within: 3 s
      stop_within: 3 s
      starts_per_hour: 9
      service: [{id: a, running: 9 h}, {id: b, every: 1 year, last: "2026-03-01", warn: 1 day}]
  - {id: p2, profile: digital-input, connection: plant, points: {running: {register: discrete 2}}}
access:
  unlock_pulse: 5 s
  held_after: 30 s
  keep: 90 days
  names: 0123456789abcdef
  holidays: {country: DE, region: BE, days: {"2026-12-24": Eve}}
  doors: [{door: door, held_after: 2 min, unlocked: {days: mon-fri, hours: "08:00-18:00"}}]
  zones:
    - {id: a, doors: door, most: 9, reset: "03:00", passback: true}
    - {id: b, within: a, doors: [gate], hours: [{days: [sat, holidays], hours: ["22:00-06:00"]}]}
equipment: {groups: [{id: g, members: [p1, p2], needed: 1, rest: 14 days}]}
supply:
  - {building: A, utility: electricity, device: main, points: [voltage_l*_v], below: 50 V, delay: 5 s}
  - {utility: gas, device: p2, point: running, is: false}
"""
)
WORDS = [
    *("a", "b", "g", "A", "main", "door", "in", "gate", "leak", "p1", "p2", "running", "called", "voltage_l1_v"),
    *("safety", "equipment", "digital-input", "esp-rfid", "nobody", "*", "", "holidays", "XX", "true", "5", "-1"),
    *("1 h", "99 years", "1 A", "2026-02-30", "24:00-24:00", "00:00-00:01", "2026-03-01", "0", "1e999", "~"),
]
ANYTHING: list[Any] = [*WORDS, None, True, 0, -3, 1.5, [], {}, [[]], [None], {"id": "a"}, ["p1"], {"": {}}]
Place = tuple[str | int, ...]


def _places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Where there is anything in a document."""
    if path:
        yield path
    for key, below in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from _places(below, (*path, key))


def _change(document: Any, path: Place, change: str, value: Any) -> None:
    """Leave out what stands at a place, put something else there, or write it twice."""
    for step in path[:-1]:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return  # what stood above it is no longer there
    if not isinstance(document, dict | list):
        return
    if isinstance(document, list) and not (isinstance(path[-1], int) and path[-1] < len(document)):
        return  # it was a mapping, or a longer list, before another change
    if change == "twice" and isinstance(document, list):
        document.append(deepcopy(document[path[-1]]))
    elif change == "without":
        document.pop(path[-1]) if isinstance(document, list) else document.pop(path[-1], None)
    else:
        document[path[-1]] = value


_CHANGES = st.tuples(
    st.sampled_from(list(_places(SITE))), st.sampled_from(["other", "without", "twice"]), st.sampled_from(ANYTHING)
)


def test_the_site_that_is_changed_has_no_mistake() -> None:
    assert _mistakes(SITE) is None


@settings(max_examples=examples(50))
@given(changes=st.lists(_CHANGES, min_size=1, max_size=3))
def test_a_changed_site_is_a_site_or_has_findings_that_say_where(changes: list[tuple[Place, str, Any]]) -> None:
    document = deepcopy(SITE)
    for path, change, value in changes:
        _change(document, path, change, value)
    found = _mistakes(document)

    assert found is None or found
    assert all(each.line >= 1 and each.column >= 1 and each.message for each in found or ())


def _mistakes(document: Any) -> tuple[Finding, ...] | None:
    """The findings of a site that is refused; None: it is none."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yaml"
        file.write_text(yaml.safe_dump(document), "utf-8")
        try:
            load(file, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})
        except SettingsInvalid as error:
            return error.findings
    return None
