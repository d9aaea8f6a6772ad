"""Register vectors from manuals, logs and other projects' tests decode to what those say."""

import json
import struct
from pathlib import Path

import pytest

from drivers.modbus.decode import BlockDecoder, Decoded
from drivers.modbus.layout import Field
from drivers.modbus.plan import Block
from drivers.modbus.settings import ProfileModel
from tests.drivers.modbus.site import point

VECTORS = json.loads(Path(__file__).with_name("golden.json").read_text())
TYPES = {
    "i16": "int16",
    "u16": "uint16",
    "i32": "int32",
    "u32": "uint32",
    "i64": "int64",
    "f32": "float32",
    "f32s": "float32",
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['device']} {vector['point']}")
def test_a_published_vector_decodes_to_its_published_value(vector):
    words = [int(word, 16) for word in vector["words"]]
    kind = TYPES.get(vector["type"], f"string:{2 * len(words)}")
    scale = vector["scale"]
    scaling = {"divisor": float(round(1 / scale))} if scale < 1 and (1 / scale).is_integer() else {"factor": scale}
    of = point(
        "quantity",
        register=f"{'holding' if vector['fc'] == 3 else 'input'} {vector['address']}",
        type=kind,
        **scaling,
    )
    field = Field.of(of, ProfileModel(order="CDAB" if vector["type"] == "f32s" else "ABCD"))
    decoded = Decoded()

    BlockDecoder(Block.around([field.span]), [field]).decode(struct.pack(f">{len(words)}H", *words), decoded)

    expected = vector["expected"]
    decimals = len(str(expected).partition(".")[2])
    rounded = 0.5 * 10.0 ** -max(decimals, 2)  # for the page, not by the device
    if isinstance(expected, str):
        assert decoded.values == {"quantity": expected.strip()}
    else:
        assert decoded.values["quantity"] == pytest.approx(expected, rel=1e-6, abs=rounded)
    assert decoded.missing == {}
