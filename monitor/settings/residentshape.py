"""What the section `residents` of a site file takes: keys, forms and limits."""

from ipaddress import ip_address
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from monitor.fields import Duration, Frozen, Id, Label, Texts
from monitor.settings.addresses import is_base, listens

__all__ = ["OwnReportKeys", "PlaceKeys", "ResidentsKeys"]

_Line = Annotated[Label, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class OwnReportKeys(Frozen):
    """A report in words of the site's own, in each language that is offered."""

    id: Id
    en: _Line | None = None
    zh: _Line | None = None


class PlaceKeys(Frozen):
    """One entry of `residents.places`; `reports` are bound one by one."""

    id: Annotated[Id, Field(max_length=60)]
    name: Label = ""
    building: Label = ""
    zone: Label = ""
    device: str = ""
    reports: Any = None


class ResidentsKeys(Frozen):
    """The section `residents`: what they may report, where, and where their pages are served."""

    base: Annotated[str, AfterValidator(is_base), Field(max_length=200)]
    listen: Annotated[tuple[str, int], BeforeValidator(listens)] = ("127.0.0.1", 8490)
    anywhere: bool = False
    keep: Annotated[Duration, Field(ge=86400, le=3 * 31_557_600)] = 90 * 86400.0
    languages: Texts | None = None
    emergency: Label = ""
    contact: Label = ""
    most: Annotated[int, Field(ge=1, le=100)] = 10
    places: Any = None

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        host, _ = self.listen
        if not self.anywhere and not ip_address(host).is_loopback:
            raise ValueError(
                "a proxy with TLS belongs in front of it: write `127.0.0.1:8490`, or add `anywhere: true`"
            )
        return self
