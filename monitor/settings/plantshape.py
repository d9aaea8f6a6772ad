"""What settings of equipment, groups and the supply take: keys, forms and limits."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor.fields import Duration, Frozen, Id, Label, Quantity, Texts, Value, several
from monitor.settings.written import Day

__all__ = ["EquipmentKeys", "GroupKeys", "ServiceKeys", "SupplyKeys"]

_DAYS = 86400.0
_YEARS = 365.25 * _DAYS
_Within = Annotated[Duration, Field(ge=0.5, le=3600)]


class ServiceKeys(Frozen):
    """One entry of `equipment.service` of a device."""

    id: Id
    name: Label = ""
    running: Annotated[Duration, Field(ge=3600, le=100 * _YEARS)] | None = None
    every: Annotated[Duration, Field(ge=_DAYS, le=100 * _YEARS)] | None = None
    last: Day | None = None
    warn: Annotated[Duration, Field(le=2 * _YEARS)] | None = None

    @model_validator(mode="after")
    def _is_due_some_day(self) -> Self:
        if self.running is None and self.every is None:
            raise ValueError("say when it is due: write `running: 4000 h`, `every: 1 year` or both")
        if self.warn is not None and self.every is not None and self.warn >= self.every:
            raise ValueError("`warn` is how long before it is due that is said: it is shorter than `every`")
        return self


class EquipmentKeys(Frozen):
    """The key `equipment` of a device."""

    type: Label = ""
    running: str | None = None
    fault: str | None = None
    called: str | None = None
    start_within: _Within = 10.0
    stop_within: _Within = 10.0
    starts_per_hour: Annotated[int, Field(ge=1, le=3600)] | None = None
    service: Annotated[tuple[ServiceKeys, ...], BeforeValidator(several)] = ()


class GroupKeys(Frozen):
    """One entry of `equipment.groups`."""

    id: Id
    name: Label = ""
    members: Annotated[Texts, Field(min_length=2)]
    needed: Annotated[int, Field(ge=1)] = 1
    rest: Annotated[Duration, Field(ge=3600)] | None = None


class SupplyKeys(Frozen):
    """One entry of `supply`."""

    building: Label | None = None
    utility: Literal["electricity", "water", "gas", "heat"]
    device: str
    point: Texts = ()
    points: Texts = ()
    below: Quantity | None = None
    lost_is: Value | None = Field(None, alias="is")
    delay: Annotated[Duration, Field(le=_DAYS)] = 5.0

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.point) is bool(self.points):
            raise ValueError("write either `point:` or `points:`")
        if (self.below is None) is (self.lost_is is None):
            raise ValueError("say when it is lost: write either `below: 50 V` or `is: false`")
        return self
