from pathlib import Path

import pytest

from drivers import DRIVERS
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.profiles import Library, Profile
from monitor.settings.tables import resolve

METER = """
class: electricity
model: E-200
experimental: Compare it.
also: [E-201]
notes: Wire it well.
modbus: {order: ABCD, max_registers: 20}
points:
  power_w: {register: input 52, type: float32, unit: W}
  power_l1_w: {register: input 12, type: float32, unit: W}
  frequency_hz: {register: input 70, type: float32, unit: Hz}
"""
VARIANTS = """
variants:
  single:
    model: E-100
    without: ["power_l*_w"]
  old:
    model: old E-200
    experimental: [Older still.]
    modbus: {order: CDAB}
    points:
      frequency_hz: {register: input 72, type: float32, unit: Hz}
      voltage_v: {register: input 0, type: float32, unit: V}
"""


def _library(folder: Path, text: str) -> tuple[Library, Findings]:
    (folder / "meter.yaml").write_text(text)
    findings = Findings()
    files = Files(findings, folder=folder, environ={}, credentials=None)
    return Library([folder], drivers=resolve(DRIVERS), files=files, findings=findings), findings


def _profile(library: Library) -> Profile:
    profile = library.get("meter")
    assert profile is not None
    return profile


def test_a_profile_says_what_is_doubtful_and_what_to_know(tmp_path: Path) -> None:
    profile = _profile(_library(tmp_path, METER)[0])

    assert profile.experimental == ("Compare it.",)
    assert profile.also == ("E-201",)
    assert profile.notes == ("Wire it well.",)


def test_a_variant_replaces_adds_and_leaves_out(tmp_path: Path) -> None:
    library, findings = _library(tmp_path, METER + VARIANTS)
    profile = _profile(library)
    itself, single, old = (library.bind(profile, "modbus", name) for name in ("", "single", "old"))

    assert not findings.errors
    assert itself
    assert single
    assert old
    assert list(itself.points) == ["power_w", "power_l1_w", "frequency_hz"]
    assert list(single.points) == ["power_w", "frequency_hz"]
    assert old.points["frequency_hz"].source.where.address == 72
    assert "voltage_v" in old.points
    assert (old.protocol.order, old.protocol.max_registers) == ("CDAB", 20)
    assert itself.protocol.order == "ABCD"
    assert profile.variants["old"].experimental == ("Older still.",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: [a]\n", "write variants as `id: {model: …}`"),
        ("variants: {A_b: {model: x}}\n", "the id of a variant"),
        ("variants: {a: x}\n", "say what differs"),
        ("variants: {a: {without: [power_w]}}\n", "`model` is missing"),
        ("variants: {a: {model: x, pionts: {}}}\n", "`pionts` is not a key here"),
        ("variants: {a: {model: x, without: [energy*]}}\n", "the profile has no point `energy*`"),
        ("choose: true\n", "there are no `variants` to choose from"),
    ],
)
def test_what_is_wrong_in_variants_is_told(tmp_path: Path, text: str, message: str) -> None:
    library, findings = _library(tmp_path, METER + text)

    assert library.get("meter") is None
    assert message in findings.errors[0].message


def test_a_point_of_a_variant_that_is_wrong_is_told_at_its_place(tmp_path: Path) -> None:
    library, findings = _library(tmp_path, METER + VARIANTS.replace("input 0,", "inptu 0,"))

    assert library.bind(_profile(library), "modbus", "old") is None
    assert findings.errors[0].path == "points.voltage_v.register"
    assert findings.errors[0].line > 20


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("{register: holding 11, type: uint16}", "write what the registers hold"),
        ("{register: holding 11, type: uint16, is: 1, between: [1, 2]}", "write what the registers hold"),
        ("{register: holding 11, type: uint16, is: EM*}", "whole numbers otherwise"),
        ("{register: holding 11, type: 'string:4', between: [1, 2]}", "a text is not `between`"),
        ("{register: holding 11, type: word, is: 1}", "the types are"),
    ],
)
def test_marks_that_cannot_be_are_refused(tmp_path: Path, mark: str, message: str) -> None:
    library, findings = _library(tmp_path, METER.replace("order: ABCD", f"identify: [{mark}]"))

    assert library.bind(_profile(library), "modbus") is None
    assert any(message in found.message for found in findings.errors)
