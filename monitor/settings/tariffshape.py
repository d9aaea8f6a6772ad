"""What a tariff in a site file takes: keys, forms and limits."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.fields import Frozen, Id, Label, Quantity, several
from monitor.settings.calendarshape import HolidayKeys
from monitor.settings.model import Selector
from monitor.settings.written import Day, DayNumbers, Kilograms, Money, Season, Share, Spans

__all__ = ["BandKeys", "TariffKeys", "TermKeys"]


class BandKeys(Frozen):
    """A price, and when it applies."""

    name: Annotated[Label, Field(min_length=1)]
    price: Money
    seasons: Annotated[tuple[Season, ...], BeforeValidator(several)] = ()
    days: Annotated[tuple[DayNumbers, ...], BeforeValidator(several)] = ()
    hours: Annotated[tuple[Spans, ...], BeforeValidator(several)] = ()


_Charge = Annotated[Money, Field(ge=0)]


class TermKeys(Frozen):
    """What applies from a day on."""

    since: Day | None = None
    standing: _Charge | None = None
    demand: _Charge | None = None
    demand_free: Quantity | None = None
    tax: Share | None = None
    carbon: Kilograms | None = None
    price: Money | None = None
    bands: tuple[BandKeys, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.price is None) is not bool(self.bands):
            raise ValueError("write one `price`, or `bands` of prices: one of both")
        if self.demand_free is not None and not self.demand:
            raise ValueError("`demand_free` is what `demand` does not charge: write `demand` too")
        return self


def _three_letters(text: str) -> str:
    if not re.fullmatch("[A-Z]{3}", text):
        raise ValueError("write three capital letters, such as `EUR`")
    return text


_Terms = Annotated[tuple[TermKeys, ...], BeforeValidator(several), Field(min_length=1)]


class TariffKeys(Frozen):
    """One entry of `tariffs`."""

    id: Id
    name: Label = ""
    utility: Literal["electricity", "water", "gas", "heat"]
    unit: Literal["kWh", "m3"] | None = None
    currency: Annotated[str, AfterValidator(_three_letters)]
    devices: Selector | None = None
    holidays: HolidayKeys | None = None
    credit: bool = False
    terms: _Terms
