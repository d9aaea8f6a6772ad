"""Register vectors from manuals, logs and other projects' tests become the points that the profiles promise.

`golden.json` says of each: device, function code, zero-based address, words in hexadecimal, type, scale, the value
and unit that its source gives, what it is, and that source. `TABLE` says which point of which profile it is; what
belongs to no profile, or is no point of it, tests the types alone.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.modbus.decode import BlockDecoder, Decoded
from drivers.modbus.layout import Field
from drivers.modbus.plan import Block
from drivers.modbus.settings import ProfileModel, Register
from monitor.model import Value
from monitor.profiles.units import convert
from monitor.site import Point
from tests.devices.library import library
from tests.drivers.modbus.site import point as made

VECTORS = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))

ABB, EASTRON = "ABB A43 (same map as B23/B24)", "Eastron SDM630"
JANITZA, SOCOMEC, APLUS = "Janitza UMG96RM-E", "Socomec Countis E2x", "Camille Bauer APLUS"
KDK, KBR = "KDK PU2CT (Inepro layout, kW)", "KBR multicomp F144"
SAIA, PS7M = "Saia PCD7.H104D S0 counter", "New Cosmos PS-7-M gas detector"

TABLE: dict[str, tuple[str, str, dict[int, str]]] = {
    ABB: (
        "abb-b23",
        "",
        {
            20480: "energy_import_kwh",
            20488: "energy_net_kwh",
            20496: "reactive_energy_export_kvarh",
            20504: "apparent_energy_import_kvah",
            20512: "apparent_energy_net_kvah",
            21604: "energy_import_l2_kwh",
            21612: "energy_export_l1_kwh",
            21620: "energy_export_l3_kwh",
            21628: "energy_net_l2_kwh",
            21636: "reactive_energy_import_l1_kvarh",
            21644: "reactive_energy_import_l3_kvarh",
            21652: "reactive_energy_export_l2_kvarh",
            23304: "voltage_l23_v",
            23308: "current_l1_a",
            23312: "current_l3_a",
            23316: "power_w",
            23320: "power_l2_w",
            23324: "reactive_power_var",
            23328: "reactive_power_l2_var",
            23332: "apparent_power_va",
            23336: "apparent_power_l2_va",
            23340: "frequency_hz",
            23354: "pf",
            23356: "pf_l2",
        },
    ),
    EASTRON: (
        "eastron-sdm630",
        "",
        {
            0: "voltage_l1_v",
            6: "current_l1_a",
            12: "power_l1_w",
            24: "reactive_power_l1_var",
            48: "current_a",
            52: "power_w",
            60: "reactive_power_var",
        },
    ),
    "Eastron SDM630 (B+G e-tech)": ("eastron-sdm630", "", {0: "voltage_l1_v"}),
    "Eastron SDM (total kWh reg 342)": ("eastron-sdm630", "", {342: "energy_total_kwh"}),
    JANITZA: (
        "janitza-umg96rm",
        "",
        {
            19000: "voltage_l1_v",
            19012: "current_l1_a",
            19018: "current_a",
            19020: "power_l1_w",
            19026: "power_w",
            19042: "reactive_power_var",
            19050: "frequency_hz",
            19068: "energy_import_kwh",
        },
    ),
    SOCOMEC: (
        "socomec-countis-e24",
        "",
        {
            50520: "voltage_l1_v",
            50528: "current_l1_a",
            50536: "power_w",
            50538: "reactive_power_var",
            50544: "power_l1_w",
            50946: "energy_import_kwh",
        },
    ),
    APLUS: (
        "camillebauer-aplus",
        "",
        {101: "voltage_l1_v", 133: "power_w", 141: "reactive_power_var", 157: "frequency_hz"},
    ),
    KDK: (
        "inepro-pro380",
        "",
        {
            20482: "voltage_l1_v",
            20488: "frequency_hz",
            20498: "power_w",
            20500: "power_l1_w",
            24588: "energy_import_kwh",
        },
    ),
    KBR: ("kbr-f144", "", {1: "voltage_v", 3: "current_a", 5: "frequency_hz"}),
    SAIA: ("saia-pcd7-h104d", "", {27: "pulses_1"}),
    PS7M: (
        "new-cosmos-ps-7-m",
        "",
        {0: "sample_flow_m3h", 1: "alarm_set_pct", 2: "alarm_2_set_pct", 4: "alarm_delay_s", 8: "gas"},
    ),
}
"""Device -> profile, variant, and the point at each address."""

ALONE = {
    ABB: {23343, 23346},  # angles are no points
    "Technotrade VRD-485 RFID": {2},  # the number of a card is never a point
    "Morningstar SunSaver (non-decimal scale)": {8},
    "SunSpec primitives": {0},
}
"""Device -> addresses of the vectors that belong to no point of a shipped profile."""

TYPES = {
    "i16": "int16",
    "u16": "uint16",
    "i32": "int32",
    "u32": "uint32",
    "i64": "int64",
    "f32": "float32",
    "f32s": "float32",
}
UNITS = {"%FS": "%"}


@dataclass(frozen=True)
class Row:
    """A vector and the point that it is."""

    vector: dict[str, Any]
    profile: str
    variant: str
    point: str

    def __str__(self) -> str:
        return f"{self.profile} {self.vector['address']} {self.point}"


ROWS = [
    Row(vector, *TABLE[vector["device"]][:2], TABLE[vector["device"]][2][vector["address"]])
    for vector in VECTORS
    if vector["device"] in TABLE and vector["address"] in TABLE[vector["device"]][2]
]
REST = [vector for vector in VECTORS if all(vector is not row.vector for row in ROWS)]


def _decoded(field: Field, words: list[str]) -> Decoded:
    decoded = Decoded()
    content = struct.pack(f">{len(words)}H", *(int(word, 16) for word in words))
    BlockDecoder(Block.around([field.span]), [field]).decode(content, decoded)
    return decoded


def _told(vector: dict[str, Any], point: Point) -> Value:
    """What the source says, as the point has to say it; a point without a unit may be the count that is sent."""
    expected, unit = vector["expected"], UNITS.get(vector["unit"], vector["unit"])
    if isinstance(expected, str):
        return expected.strip()
    if point.unit is None:
        return float(expected if unit == "-" else expected / vector["scale"])
    return convert(expected, unit, point.unit)


def _near(vector: dict[str, Any], told: Value, step: float) -> Any:
    """What counts as that value: half a step of a whole number, the last bit of a float, what a page rounded."""
    if isinstance(told, str):
        return told
    decimals = len(str(vector["expected"]).partition(".")[2])
    rounded = 0.5 * 10.0 ** -max(decimals, 2) if vector["evidence"] == "manual/page" else 0.0
    if vector["type"].startswith("f32"):
        return pytest.approx(told, rel=2.0**-23, abs=rounded)
    return pytest.approx(told, rel=1e-12, abs=max(step / 2, rounded))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_published_vector_is_the_point_of_its_profile(row: Row) -> None:
    profiles = library()
    profile = profiles.get(row.profile)
    assert profile is not None
    bound = profiles.bind(profile, "modbus", row.variant)
    assert bound is not None
    point = bound.points[row.point]
    field = Field.of(point, bound.protocol)
    table = "holding" if row.vector["fc"] == 3 else "input"

    assert point.source.where == Register(table, row.vector["address"])
    assert field.span.size == len(row.vector["words"])
    decoded = _decoded(field, row.vector["words"])
    assert decoded.missing == {}
    assert decoded.values == {
        row.point: _near(row.vector, _told(row.vector, point), abs(point.factor / point.divisor))
    }


@pytest.mark.parametrize("vector", REST, ids=lambda vector: f"{vector['device']} {vector['point']}")
def test_a_published_vector_decodes_to_its_published_value(vector: dict[str, Any]) -> None:
    scale = vector["scale"]
    scaling = {"divisor": float(round(1 / scale))} if scale < 1 and (1 / scale).is_integer() else {"factor": scale}
    point = made(
        "quantity",
        register=f"{'holding' if vector['fc'] == 3 else 'input'} {vector['address']}",
        type=TYPES.get(vector["type"], f"string:{2 * len(vector['words'])}"),
        **scaling,
    )
    field = Field.of(point, ProfileModel(order="CDAB" if vector["type"] == "f32s" else "ABCD"))

    decoded = _decoded(field, vector["words"])

    expected = vector["expected"]
    told = expected.strip() if isinstance(expected, str) else float(expected)
    assert decoded.missing == {}
    assert decoded.values == {"quantity": _near(vector, told, abs(scale))}


def test_every_vector_is_a_point_or_said_to_be_none() -> None:
    placed = [(row.vector["device"], row.vector["address"]) for row in ROWS]
    alone = {(device, address) for device, addresses in ALONE.items() for address in addresses}

    assert {(vector["device"], vector["address"]) for vector in VECTORS} == {*placed, *alone}
    assert not alone & {*placed}
    assert len(placed) == len({*placed})
    assert {*placed} == {(device, address) for device, (_, _, at) in TABLE.items() for address in at}
