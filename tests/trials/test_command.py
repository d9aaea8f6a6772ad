"""`rules test` as a process: what it prints, and how it ends."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from monitor.cli.places import SITE_FILE
from tests.cli.running import within
from tests.trials.site import SITE

TAPE = """\
- name: it is raised
  given: ["main/voltage_l1_v: 205x20 @10s"]
  expect: [{at: 150 s, alarm: undervoltage, state: active}]
- name: it is not raised
  given: ["main/voltage_l1_v: 205x20 @10s"]
  expect: [{at: 150 s, alarm: undervoltage, state: clear}]
"""


def written(folder: Path, tape: str = TAPE) -> Path:
    site = folder / "site.yaml"
    site.write_text(SITE, encoding="utf-8")
    (folder / "tapes").mkdir()
    (folder / "tapes" / "supply.yaml").write_text(tape, encoding="utf-8")
    return site


def test_a_site_with_its_tests_and_tapes(tmp_path: Path) -> None:
    site = written(tmp_path)

    ran = within("rules", "test", "--site", str(site), "--junit", str(tmp_path / "junit.xml"))

    assert ran.code == 1
    assert ran.out.splitlines() == [
        f"FAILED {tmp_path}/tapes/supply.yaml:4: it is not raised",
        "  at 150 s: undervoltage: state is 'active', not 'clear'",
        "2 passed, 1 failed",
    ]
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    assert [(suite.get("tests"), suite.get("failures")) for suite in suites] == [("1", "0"), ("2", "1")]


def test_all_pass(tmp_path: Path) -> None:
    site = written(tmp_path, TAPE.split("- name: it is not", maxsplit=1)[0])

    ran = within("rules", "test", "--site", str(site), "--json")

    assert ran.code == 0
    assert [(one["name"], one["passed"]) for one in ran.json] == [
        ("undervoltage: a short dip is no alarm", True),
        ("it is raised", True),
    ]


def test_a_mistake_ends_with_its_place(tmp_path: Path) -> None:
    site = written(tmp_path, "- {name: x, expekt: []}\n")

    ran = within("rules", "test", "--site", str(site))

    assert ran.code == 78
    assert "supply.yaml:1:13: [0].expekt: `expekt` is not a key here; did you mean `expect`?" in ran.err


def test_nothing_to_test_is_a_mistake() -> None:
    ran = within("rules", "test")

    assert ran.code == 78
    assert "there is nothing to test" in ran.err


@pytest.mark.skipif(SITE_FILE.exists(), reason="this machine has the service's site file")
@pytest.mark.parametrize("command", [("backtest",), ("propose", "low")])
def test_without_a_site_file_it_is_said_how_to_name_one(command: tuple[str, ...]) -> None:
    ran = within("rules", *command, "--from", "2026-01-05 18:00")

    assert ran.code == 78
    assert ran.err == f"there is no file {SITE_FILE}: name the site file, with --site FILE\n"
