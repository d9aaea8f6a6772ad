from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library
from monitor.settings.tables import resolve


def _load(folder: Path, text: str, driver: str = "modbus", name: str = "mine") -> list[str]:
    (folder / f"{name}.yaml").write_text(text)
    findings = Findings()
    files = Files(findings, folder=folder, environ={}, credentials=None)
    library = Library([folder], drivers=resolve(DRIVERS), files=files, findings=findings)
    profile = library.get(name)
    if profile is not None:
        library.bind(profile, driver)
    return [f"{finding.line} {finding.path} {finding.message} {finding.hint}" for finding in findings.errors]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("class: watr\nmodbus: {}\n", "1 class no such class"),
        ("modbus: {}\n", "1 class `class` is missing"),
        ("class: water\n", "1  say with which protocol it is read"),
        ("class: water\nmodbos: {}\nmqtt: {}\n", "2 modbos `modbos` is not a key here modbus"),
        ("class: water\nmodbus: {orders: ABCD}\n", "2 modbus.orders `orders` is not a key here order"),
        ("class: water\nmodbus: {}\npoints: [a]\n", "3 points write points as"),
        ("class: water\nmodbus: {}\nevents: 3\n", "3 events write a list of events"),
        ("[]\n", "1  a profile begins with `class:`"),
        ("class: water\nmodbus: {scan: {fast: 0 s}}\n", "2 modbus.scan.fast must be more than 0"),
        ("class: water\nmodbus:\npoints: {level_m: {register: input 0, type: int16}}\n", "3 points.level_m.unit"),
    ],
)
def test_what_is_wrong_in_a_profile_is_told(tmp_path: Path, text: str, start: str) -> None:
    assert _load(tmp_path, text)[0].startswith(start)


def test_events_are_checked_with_their_kinds(tmp_path: Path) -> None:
    text = "class: access\nmqtt: {}\nevents:\n  - {kind: crad}\n  - {kind: card, whn: 1}\n"

    assert _load(tmp_path, text, "mqtt") == [
        "4 events[0].kind there is no such event `crad` card",
        "5 events[1].whn `whn` is not a key here when",
    ]


def test_the_name_of_the_file_is_the_id(tmp_path: Path) -> None:
    assert "the file's name is the id" in _load(tmp_path, "class: water\nmodbus: {}\n", name="My_Meter")[0]


def test_the_first_folder_that_has_a_profile_wins(tmp_path: Path) -> None:
    for name, maker in (("own", "me"), ("shipped", "them")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "meter.yaml").write_text(f"class: water\nmaker: {maker}\nmodbus: {{}}\n")
    findings = Findings()
    files = Files(findings, folder=tmp_path, environ={}, credentials=None)
    folders = [tmp_path / "own", tmp_path / "shipped", tmp_path / "absent"]
    library = Library(folders, drivers=resolve(DRIVERS), files=files, findings=findings)
    profile = library.get("meter")

    assert library.ids == ("meter",)
    assert profile is not None
    assert profile.maker == "me"
    assert library.get("other") is None
