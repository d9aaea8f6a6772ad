from pathlib import Path

import pytest

from monitor.app import load_site
from monitor.cli.sitefile import add_to_site, snippet
from monitor.errors import RequestRefused, SettingsError

BUS = {"id": "line", "modbus": {"transport": "rtu", "port": "/dev/ttyUSB0", "baudrate": 9600}}
METER = {"id": "meter", "profile": "abb-b23", "connection": "line", "unit": 3}
DOOR = {
    "id": "door",
    "class": "door",
    "connection": "line",
    "points": {"open": {"register": "coil 0", "map": {0: True}}},
}
SITE = """\
# A site that somebody wrote with care.
site: {id: house, timezone: Europe/Berlin}

connections:
  # the riser
  - {id: plant, modbus: {transport: tcp, host: 10.0.0.2}}   # gateway

devices:
    - id: main      # in the cellar
      profile: eastron-sdm630
      connection: plant
      points:
        spare_v: {register: input 200, type: float32, unit: V}   # L1-L2

# no rules yet
rules: []
"""


def _file(folder: Path, text: str = SITE) -> Path:
    file = folder / "site.yaml"
    file.write_text(text)
    file.chmod(0o640)
    return file


def test_what_is_added_stands_behind_the_last_entry_and_all_else_is_as_it_was(tmp_path: Path) -> None:
    file = _file(tmp_path)
    added = add_to_site(file, [BUS], [METER, DOOR])

    assert added == ["meter", "door"]
    text = file.read_text()
    assert [line for line in text.splitlines() if line not in SITE.splitlines()] == [
        '  - {id: line, modbus: {transport: rtu, port: "/dev/ttyUSB0", baudrate: 9600}}',
        "    - {id: meter, profile: abb-b23, connection: line, unit: 3}",
        "    - {id: door, class: door, connection: line, points: {open: {register: coil 0, map: {0: true}}}}",
    ]
    assert text.index("# L1-L2") < text.index("id: meter") < text.index("# no rules yet")
    assert list(load_site(file).site.devices) == ["main", "meter", "door"]
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["site.yaml"]


def test_a_connection_that_is_there_is_used_and_a_taken_id_gets_a_number(tmp_path: Path) -> None:
    file = _file(tmp_path)
    add_to_site(file, [BUS], [METER])
    again = add_to_site(file, [BUS], [METER | {"unit": 4}, METER | {"unit": 5}])

    assert again == ["meter-2", "meter-3"]
    assert len(load_site(file).site.connections) == 2


@pytest.mark.parametrize("empty", ["devices: []\n", "devices:\n", "devices: []   # none yet\n", ""])
def test_an_empty_or_absent_section_is_begun(tmp_path: Path, empty: str) -> None:
    head, _, _ = SITE.partition("devices:")
    file = _file(tmp_path, f"{head}{empty}rules: []")

    assert add_to_site(file, [], [METER | {"connection": "plant"}]) == ["meter"]
    assert list(load_site(file).site.devices) == ["meter"]


@pytest.mark.parametrize(
    "text", ["devices: [{id: a, profile: abb-b23, connection: plant}]\n", "devices: !csv a.csv\n"]
)
def test_a_section_in_a_form_that_cannot_be_added_to_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text("id,profile,connection,unit\na,abb-b23,plant,1\n")
    head, _, _ = SITE.partition("devices:")
    file = _file(tmp_path, head + text)

    with pytest.raises(RequestRefused, match=r"- \{id: meter"):
        add_to_site(file, [], [METER | {"connection": "plant"}])

    assert file.read_text() == head + text


def test_what_check_would_not_take_changes_nothing(tmp_path: Path) -> None:
    file = _file(tmp_path)

    with pytest.raises(SettingsError, match=r"left as it was:\n.*site.yaml:.*`abb-b32`"):
        add_to_site(file, [BUS], [METER | {"profile": "abb-b32"}])

    assert file.read_text() == SITE
    assert [each.name for each in tmp_path.iterdir()] == ["site.yaml"]


def test_another_connection_of_the_same_id_is_refused(tmp_path: Path) -> None:
    file = _file(tmp_path)

    with pytest.raises(RequestRefused, match="another connection `plant`"):
        add_to_site(file, [BUS | {"id": "plant"}], [METER | {"connection": "plant"}])


def test_a_file_with_mistakes_or_none_is_not_touched(tmp_path: Path) -> None:
    file = _file(tmp_path, SITE.replace("rules: []", "ruels: []"))

    with pytest.raises(SettingsError, match="has mistakes already"):
        add_to_site(file, [], [METER | {"connection": "plant"}])
    with pytest.raises(RequestRefused, match="facility-monitor init"):
        add_to_site(tmp_path / "none.yaml", [], [METER])


def test_a_snippet_can_be_pasted(tmp_path: Path) -> None:
    head = "site: {id: house, timezone: Europe/Berlin}\n"
    file = _file(tmp_path, head + snippet([BUS], [METER, DOOR]))

    assert list(load_site(file).site.devices) == ["meter", "door"]
