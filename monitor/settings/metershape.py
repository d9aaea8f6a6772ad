"""What settings of meters take: keys, forms and limits, beside those of every device."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from monitor.fields import Duration, Frozen, Id, Label, Quantity, Texts, several
from monitor.settings.model import Selector
from monitor.settings.written import Day, Ratio

__all__ = ["ByHandKeys", "GasKeys", "MeterKeys", "MeteringKeys", "ReportKeys", "VirtualKeys"]

_DAYS = 86400.0


class GasKeys(Frozen):
    """What a cubic metre of gas is worth, from a day on."""

    since: Day | None = None
    calorific_value: Quantity
    conversion_factor: Annotated[float, Field(gt=0, le=100)] = 1.0


_Gas = Annotated[tuple[GasKeys, ...], BeforeValidator(several), Field(min_length=1)]
_Ratings = Annotated[tuple[Quantity, ...], BeforeValidator(several), Field(min_length=1)]


class MeterKeys(Frozen):
    """What a device with a connection may say of itself as a meter."""

    rating: _Ratings = ()
    ct: Ratio | None = None
    vt: Ratio | None = None
    gas: _Gas = ()


class _Place(Frozen):
    """What a meter without a connection has in common with every device."""

    id: Id
    name: Label = ""
    device_class: str | None = Field(None, alias="class")
    building: Label = ""
    zone: Label = ""
    role: Label = ""
    medium: Label = ""
    tenant: Label = ""


class VirtualKeys(_Place):
    """A meter that is reckoned from others."""

    sum: Annotated[Texts, Field(min_length=1)]
    minus: Texts = ()


class ByHandKeys(_Place):
    """A meter that people read."""

    manual: Annotated[Texts, Field(min_length=1)]
    rating: _Ratings = ()
    gas: _Gas = ()


class MeteringKeys(Frozen):
    """The section `metering`."""

    keep: Annotated[Duration, Field(ge=62 * _DAYS, le=100 * 366 * _DAYS)] = 5 * 31_557_600.0


_Kind = Literal["usage", "cost", "coverage", "balance", "access", "equipment", "supply", "alarms", "notifications"]


class ReportKeys(Frozen):
    """One entry of `reports`."""

    id: Id
    name: Label = ""
    kinds: Annotated[tuple[_Kind, ...], BeforeValidator(several), Field(min_length=1)]
    every: Literal["month", "week", "day"]
    people: Annotated[Texts, Field(min_length=1)]
    wait: Annotated[Duration, Field(le=28 * _DAYS)] = 3600.0
    devices: Selector | None = None
