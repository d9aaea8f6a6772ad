from pathlib import Path

import pytest

from tests.settings.conftest import Load, Mistakes


def test_devices_from_csv_stand_beside_others(tmp_path: Path, load_text: Load) -> None:
    (tmp_path / "meters.csv").write_text(
        "id,name,profile,connection,unit,building,every\n"
        'flat-1,"Flat 1, left",abb-b23,plant,11,1,30 s\n'
        "\n"
        "flat-2,,abb-b23,plant,12,0102,\n"
    )
    devices = load_text(
        "devices:\n  - {id: main, profile: eastron-sdm630, connection: plant}\n  - !csv meters.csv\n"
    ).site.devices

    assert list(devices) == ["main", "flat-1", "flat-2"]
    assert (devices["flat-1"].name, devices["flat-1"].scan["fast"]) == ("Flat 1, left", 30)
    assert (devices["flat-2"].address.unit, devices["flat-2"].building) == (12, "0102")


@pytest.mark.parametrize("between", [";", "\t"])
def test_a_spreadsheet_may_put_other_signs_between_the_cells(
    tmp_path: Path, load_text: Load, between: str
) -> None:
    rows = [["id", "name", "profile", "connection"], ["flat-1", "Left, below", "abb-b23", "plant"]]
    (tmp_path / "meters.csv").write_text("\ufeff" + "".join(between.join(row) + "\r\n" for row in rows))
    devices = load_text("devices: !csv meters.csv\n").site.devices

    assert devices["flat-1"].name == "Left, below"


def test_a_mistake_in_csv_names_its_row_and_cell(tmp_path: Path, mistakes: Mistakes) -> None:
    (tmp_path / "meters.csv").write_text("id,profile,connection,unit\na,abb-b23,plant,1\nb,abb-b32,plant,x\n")
    found = mistakes("devices: !csv meters.csv\n")

    assert [(Path(one.file).name, one.line, one.column, one.path) for one in found] == [
        ("meters.csv", 3, 2, "devices[1].profile"),
        ("meters.csv", 3, 4, "devices[1].unit"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "first line names the keys"),
        (b"id,id\na,b\n", "name of its own"),
        (b"id,profile\na,b,c\n", "3 cells"),
        (b"id\n\xff\n", "UTF-8"),
        (b'id,profile\n"a,b\n', "not valid CSV"),
        (b"id\n" + b"a\n" * 20_001, "more than 20000 rows"),
    ],
)
def test_csv_that_cannot_be_read_is_told(tmp_path: Path, mistakes: Mistakes, content: bytes, message: str) -> None:
    (tmp_path / "meters.csv").write_bytes(content)

    assert any(message in finding.message for finding in mistakes("devices: !csv meters.csv\n"))


def test_an_include_stands_where_its_content_would(tmp_path: Path, load_text: Load) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "devices.yaml").write_text(
        "- {id: a, profile: abb-b23, connection: plant}\n- !include b.yaml\n"
    )
    (tmp_path / "more" / "b.yaml").write_text("{id: b, profile: abb-b23, connection: plant}\n")
    (tmp_path / "journal.yaml").write_text("{keep: 3 days}\n")
    site = load_text("devices: !include more/devices.yaml\njournal: !include journal.yaml\n").site

    assert list(site.devices) == ["a", "b"]
    assert site.journal.keep == 3 * 86400


def test_a_file_that_includes_itself_is_told(tmp_path: Path, mistakes: Mistakes) -> None:
    (tmp_path / "a.yaml").write_text("- !include a.yaml\n")

    assert any("takes itself in" in finding.message for finding in mistakes("devices: !include a.yaml\n"))


def test_an_include_that_is_absent_has_a_hint(tmp_path: Path, mistakes: Mistakes) -> None:
    (tmp_path / "meters.csv").write_text("id\n")
    (finding,) = mistakes("devices: !csv meter.csv\n")

    assert (finding.line, finding.hint) == (5, "meters.csv")


def test_a_profile_beside_the_site_file_comes_first(tmp_path: Path, load_text: Load) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "abb-b23.yaml").write_text(
        "class: electricity\nmodbus: {}\npoints: {power_w: {register: input 1, type: int16, unit: kW}}\n"
    )
    device = load_text("devices: [{id: a, profile: abb-b23, connection: plant}]\n").site.devices["a"]

    assert list(device.points) == ["power_w"]
    assert device.points["power_w"].factor == 1000


def test_a_mistake_in_a_profile_is_told_in_its_file(tmp_path: Path, mistakes: Mistakes) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(
        "class: electricity\nmodbus: {}\npoints:\n  power_w: {register: input 1, type: int16, unit: V}\n"
    )
    found = mistakes(
        "devices:\n  - {id: a, profile: mine, connection: plant}\n  - {id: b, profile: mine, connection: plant}\n"
    )

    assert [(Path(one.file).name, one.line, one.path) for one in found] == [
        ("mine.yaml", 4, "points.power_w.unit"),
    ]
