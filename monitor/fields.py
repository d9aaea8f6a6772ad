"""What settings are made of: frozen models, ids, durations and quantities with units."""

import math
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "Difference",
    "Duration",
    "File",
    "Frozen",
    "Id",
    "Label",
    "Quantity",
    "Size",
    "Texts",
    "Value",
    "is_http",
    "seconds",
    "several",
]

Value = bool | int | float | str
"""A scalar of the site file."""


class Frozen(BaseModel):
    """A checked part of a settings file: unknown keys are errors, values never change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, hide_input_in_errors=True, allow_inf_nan=False
    )


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""An id: lower-case letters, digits and `-`."""

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0}
_SECONDS |= {"week": 604800.0, "weeks": 604800.0, "year": 31557600.0, "years": 31557600.0}
_NUMBER_AND_UNIT = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(\S.*)?")


def _split(text: object) -> tuple[float, str]:
    found = _NUMBER_AND_UNIT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or found[2] is None or not math.isfinite(float(found[1])):
        raise ValueError("write a number and its unit")
    return float(found[1]), found[2].strip()


def seconds(value: object) -> float:
    """Seconds of a time such as `10 s`; raises ValueError that says what may be written."""
    try:
        number, unit = _split(value)
        time = number * _SECONDS[unit]
    except (ValueError, KeyError):
        raise ValueError("write a time such as `500 ms`, `10 s`, `2 min`, `1 h` or `30 days`") from None
    if time < 0:
        raise ValueError("a time cannot be negative")
    return time


Duration = Annotated[float, BeforeValidator(seconds)]
"""Seconds, written with a unit: `10 s`, `2 min`. A bare number is an error."""


_BYTES = {"kB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _size(value: object) -> int:
    try:
        number, unit = _split(value)
        size = round(number * _BYTES[unit])
    except (ValueError, KeyError, OverflowError):
        raise ValueError("write a size such as `500 MB` or `4 GB`") from None
    if size < 0:
        raise ValueError("a size cannot be negative")
    return size


Size = Annotated[int, BeforeValidator(_size)]
"""Bytes, written with a unit: `4 GB`. A bare number is an error."""


def _label(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Label = Annotated[str, BeforeValidator(_label), StringConstraints(max_length=200)]
"""A text that people often give a number as: `building: 2`."""


def _file(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("write the path of a file")
    folder = (info.context or {}).get("folder")
    return Path(value) if folder is None else Path(folder) / value


File = Annotated[Path, BeforeValidator(_file)]
"""A path, relative to the folder of the site file. `check` warns when it is absent, `run` refuses."""


def _texts(value: object) -> object:
    value = _label(value)
    if isinstance(value, list):
        return [_label(item) for item in value]
    return (value,) if isinstance(value, str) else value


def several(value: object) -> Any:
    """One thing or a list of them, as a list."""
    return value if isinstance(value, list | tuple) else (value,)


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""One text or a list of them."""


class Quantity:
    """A number and its unit: as written, and after loading in the unit of the points concerned."""

    __slots__ = ("magnitude", "unit")

    def __init__(self, magnitude: float, unit: str = "") -> None:
        self.magnitude = magnitude
        self.unit = unit

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and (self.magnitude, self.unit) == (other.magnitude, other.unit)

    def __hash__(self) -> int:
        return hash((self.magnitude, self.unit))

    def __repr__(self) -> str:
        return f"{self.magnitude:g} {self.unit}".rstrip()

    @classmethod
    def parse(cls, value: object) -> "Quantity":
        """Read `207 V`, `20L/h`, `0.95` (dimensionless) or a bare number."""
        if isinstance(value, Quantity):
            return value
        if isinstance(value, bool):
            message = "write a number with its unit, such as `207 V`"
            raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueErrors
        try:
            if isinstance(value, int | float) and math.isfinite(value):
                return cls(float(value))
            return cls(*_split(value))
        except (ValueError, OverflowError):
            raise ValueError("write a number with its unit, such as `207 V`") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic fields be of this type."""
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )


class Difference(Quantity):
    """A quantity that is a difference, or a change: of degrees only the size counts, not the zero."""

    __slots__ = ()


def is_http(text: str) -> bool:
    """Whether a text is an address of a web server."""
    parts = urlsplit(text)
    try:
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
