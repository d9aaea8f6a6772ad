"""What a site file and a profile may say about Modbus devices: unit, profile and point."""

import re
from typing import Annotated, Any, Literal, NamedTuple, Self, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from drivers.modbus.sunspec import Models, Within
from monitor.fields import Duration, Frozen, Value
from monitor.profiles.model import PointModel

__all__ = ["DeviceModel", "Mark", "Order", "PointSource", "ProfileModel", "Register", "Table", "register_of"]

Table = Literal["coil", "discrete", "input", "holding"]
Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]

ADDRESSES = 65536
MAX_TEXT = 240
_BITS = ("coil", "discrete")
_REGISTER = re.compile(r"(coil|discrete|input|holding)\s+(0[xX][0-9a-fA-F]+|[0-9]+)")
_SUNSPEC = re.compile(r"sunspec\s+([0-9]{1,5})(?:-([0-9]{1,5}))?\s+([0-9]{1,5})")
_TEXT = re.compile(r"string:([1-9][0-9]*)")
_MOST_ALIKE = 10
"""The longest range of SunSpec models: those that have the same points have neighbouring ids."""

TYPE_BITS = {
    "bool": 16,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
    "float16": 16,
    "float32": 32,
    "float64": 64,
    "bcd16": 16,
    "bcd32": 32,
}
"""Types of fixed size -> bits they take in registers; `string:N` takes N bytes."""


class Register(NamedTuple):
    """Where a value begins: a table and its zero-based address, as on the wire."""

    table: Table
    address: int


def register_of(value: object) -> object:
    """Read a table and an address, or a place in a SunSpec model; raises ValueError."""
    if isinstance(value, Register | Within):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if text.split(maxsplit=1)[:1] == ["sunspec"]:
        return _within(text)
    found = _REGISTER.fullmatch(text)
    if found is None:
        raise ValueError(
            "write a table (coil, discrete, input, holding) and an address: `holding 100`, `input 0x34`; or a "
            "SunSpec model and an offset: `sunspec 201-204 18`"
        )
    digits = found[2]
    address = int(digits, 16) if digits[:2].lower() == "0x" else int(digits)
    if address >= ADDRESSES:
        raise ValueError(
            "an address is at most 65535; addresses are zero-based and carry no 3xxxx or 4xxxx prefix"
        )
    return Register(cast("Table", found[1]), address)


def _within(text: str) -> Within:
    found = _SUNSPEC.fullmatch(text)
    if found is None:
        raise ValueError(
            "write the models that have the point, and how many registers it lies behind their id: "
            "`sunspec 201-204 18`, `sunspec 1 50`"
        )
    models = Models(int(found[1]), int(found[2] or found[1]))
    if not 1 <= models.first <= models.last < 0xFFFF:  # noqa: PLR2004 - the end of a chain
        raise ValueError(
            "SunSpec models are numbered from 1 to 65534, the lower number first: `sunspec 201-204 18`"
        )
    if models.last - models.first >= _MOST_ALIKE:
        raise ValueError(f"a range is of models with the same points, {_MOST_ALIKE} at most: `sunspec 201-204 18`")
    return Within(models, int(found[3]))


_Register = Annotated[Register | Within, BeforeValidator(register_of)]
_Range = tuple[Annotated[int, Field(ge=0, lt=ADDRESSES)], Annotated[int, Field(ge=0, lt=ADDRESSES)]]
_Interval = Annotated[Duration, Field(gt=0)]


def _ends(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value, value)


_Raw = Annotated[int, Field(ge=0)]
_Sentinel = Annotated[tuple[_Raw, _Raw], BeforeValidator(_ends)]
"""The first and the last of a range of raw contents; one number is a range of itself."""


_Rate = Annotated[Duration, Field(ge=0.1, le=60)]


class DeviceModel(Frozen):
    """What a Modbus device has beyond the keys of every device: its unit id, and how often it must be asked.

    `min_rate` is the longest time between two polls of its `fast` points; a profile's holds, too. `instance` says
    which of several SunSpec meters in one unit it is. `acknowledge`: what the device shows may be cleared there,
    once it is kept, as its profile says.
    """

    unit: Annotated[int, Field(ge=0, le=255)] = 1
    instance: Annotated[int, Field(ge=1, le=32)] = 1
    min_rate: _Rate | None = None
    acknowledge: bool = False


class Serial(Frozen):
    """How a device speaks on a serial line: a fact for whoever wires it or sets up its converter."""

    baudrate: Annotated[int, Field(ge=50, le=4_000_000)] | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stopbits: Literal[1, 2] | None = None


class Scan(Frozen):
    """How often the scan classes of a device are read, where the site file does not say."""

    fast: _Interval | None = None
    slow: _Interval | None = None


Forbidden = dict[Table, tuple[_Range, ...]]


class Mark(Frozen):
    """Registers that tell the model, and what they hold: one of `is` (texts with `*`), or a number `between` two.

    `alone`: the device refuses a request that has more than these registers.
    """

    where: Annotated[_Register, Field(alias="register")]
    type: str
    order: Order | None = None
    wanted: tuple[int | str, ...] = Field((), alias="is")
    between: tuple[int, int] | None = None
    alone: bool = False

    @field_validator("wanted", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list | tuple) else (value,)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if bool(self.wanted) is (self.between is not None):
            raise ValueError("write what the registers hold: `is: [1760, 1761]`, or `between: [1760, 1766]`")
        PointSource.model_validate({"register": self.where, "type": self.type})
        is_text = self.type.startswith("string:")
        if is_text and self.between is not None:
            raise ValueError("a text is not `between`: write `is: EM340*`")
        if any(isinstance(one, str) is not is_text for one in self.wanted):
            raise ValueError("`is` has texts where the type is a string, and whole numbers otherwise")
        return self


class ProfileModel(Frozen):
    """The block `modbus:` of a profile.

    `order` is that of every point that states none. A gap of at most `gap` unused registers is read through
    (default: while that is cheaper than another request). `forbidden` ranges, both ends included, are never
    asked for: a list is for all tables, a mapping names them. `min_rate`: the `fast` points have to be asked at
    least this often, because the device shows them for a moment only. `turnaround` is how long the device thinks
    before it answers: requests are planned and the bus is reckoned with it. `identify`: by what it is told from
    others; each of them has to hold.
    """

    order: Order = "ABCD"
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    gap: Annotated[int, Field(ge=0, le=2000)] | None = None
    forbidden: Forbidden = Field(default_factory=dict)
    scan: Scan = Scan()
    min_rate: _Rate | None = None
    turnaround: Annotated[Duration, Field(le=5)] | None = None
    serial: Serial | None = None
    identify: tuple[Mark, ...] = ()

    @model_validator(mode="after")
    def _keeps_its_own_rate(self) -> Self:
        if self.min_rate is not None and (self.scan.fast or 0) > self.min_rate:
            raise ValueError("`scan.fast` is slower than the profile's own `min_rate`")
        return self

    @field_validator("forbidden", mode="before")
    @classmethod
    def _all_tables(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return dict.fromkeys(("coil", "discrete", "input", "holding"), value)
        return value

    @field_validator("forbidden")
    @classmethod
    def _ordered(cls, value: Forbidden) -> Forbidden:
        if any(first > last for ranges in value.values() for first, last in ranges):
            raise ValueError("a forbidden range is [first, last], with first not above last")
        return value


class PointSource(PointModel):
    """Where a point of a Modbus device is found and how its registers are read.

    `sentinels` are raw unsigned contents that mean "no value", or ranges of them with both ends; `scale_register`
    holds the signed power of ten that the value is multiplied by. `map` turns the raw number (or the text, or 0
    and 1 for bits) into a value; what it does not name is `otherwise`, or undecodable.
    """

    where: Annotated[_Register, Field(alias="register")]
    type: str = ""
    order: Order | None = None
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    scale_register: _Register | None = None
    sentinels: tuple[_Sentinel, ...] = ()
    otherwise: Value | None = None

    @field_validator("map", mode="before")
    @classmethod
    def _text_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {str(int(key)) if isinstance(key, bool) else str(key): kept for key, kept in value.items()}

    @model_validator(mode="before")
    @classmethod
    def _default_type(cls, values: Any) -> Any:
        """A coil, a discrete input and a bit of a register are bool unless they say otherwise."""
        if isinstance(values, dict) and "type" not in values:
            where = values.get("register")
            if "bit" in values or (
                isinstance(where, str) and where.split(maxsplit=1)[:1] in (["coil"], ["discrete"])
            ):
                return values | {"type": "bool"}
        return values

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        text = _TEXT.fullmatch(value)
        if text is not None and int(text[1]) > MAX_TEXT:
            raise ValueError(f"a string has at most {MAX_TEXT} bytes, which is what one request carries")
        if text is None and value not in TYPE_BITS:
            raise ValueError(f"the types are {', '.join(TYPE_BITS)} and string:N with N bytes")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Refuse what contradicts itself."""
        bits = self.table in _BITS
        if not self.type:
            raise ValueError("`type` is missing: a register does not say by itself what is in it")
        if bits and (self.type != "bool" or self.bit is not None):
            raise ValueError(f"a {self.table} is one bit: `type` is bool and there is no `bit`")
        if self.bit is not None and self.type != "bool":
            raise ValueError("`bit` takes one bit of a 16-bit register: its `type` is bool")
        _check_reach(self.where, self.size)
        self._check_extras(bits=bits)
        return self

    def _check_extras(self, *, bits: bool) -> None:
        number = self.type != "bool" and not self.is_text
        highest = max((last for _, last in self.sentinels), default=0)
        if self.sentinels and (bits or not number or highest >= 1 << TYPE_BITS[self.type]):
            raise ValueError("`sentinels` are raw contents of a number: unsigned and no wider than its `type`")
        if any(first > last for first, last in self.sentinels):
            raise ValueError("a range of `sentinels` is [first, last], with first not above last")
        scale = self.scale_register
        if scale is not None and (not number or (isinstance(scale, Register) and scale.table in _BITS)):
            raise ValueError("`scale_register` is an input or holding register and scales a number")
        if scale is not None and _models(scale) != _models(self.where):
            raise ValueError(
                "`scale_register` is in the same SunSpec model as what it scales: `sunspec 201-204 22`"
            )
        if scale is not None:
            _check_reach(scale, 1)
        if self.otherwise is not None and self.map is None:
            raise ValueError("`otherwise` is for what a `map` does not name, and there is no `map`")
        if self.map is not None and self.scale_register is not None:
            raise ValueError("what `map` gives is not scaled: leave out `scale_register`")
        if self.map is not None and not self.is_text and not all(map(_is_integer, self.map)):
            raise ValueError("the keys of `map` are what the register holds: whole numbers such as 0, 1 or 0x10")

    @property
    def table(self) -> Table:
        """The table that the value is in."""
        return self.where.table if isinstance(self.where, Register) else "holding"

    @property
    def is_text(self) -> bool:
        """Whether the value is a text."""
        return self.type.startswith("string:")

    @property
    def is_whole(self) -> bool:
        """Whether the registers hold a whole number that nothing but the point's own factor scales."""
        return self.type.startswith(("int", "uint", "bcd")) and self.scale_register is None and self.map is None

    @property
    def size(self) -> int:
        """Registers (or bits, in a table of bits) that the value takes."""
        if self.table in _BITS:
            return 1
        if self.is_text:
            return (int(self.type[7:]) + 1) // 2
        return TYPE_BITS[self.type] // 16

    def mapping(self) -> dict[float | int | str, Value] | None:
        """The map by raw content: texts for a string, integers otherwise."""
        if self.map is None:
            return None
        return {key if self.is_text else int(key, 0): kept for key, kept in self.map.items()}


def _models(where: Register | Within) -> Models | None:
    return where.models if isinstance(where, Within) else None


def _check_reach(where: Register | Within, size: int) -> None:
    if isinstance(where, Register):
        if where.address + size > ADDRESSES:
            raise ValueError("the value would reach beyond address 65535")
    elif where.offset + size > where.known_size:
        raise ValueError(
            f"the value would reach beyond the SunSpec model {where.models}: its last register has the offset "
            f"{where.known_size - 1}"
        )


def _is_integer(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True
