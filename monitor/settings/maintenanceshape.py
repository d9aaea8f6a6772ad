"""What the section `maintenance` of a site file takes: keys, forms and limits."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from monitor.documents.finding import nearest
from monitor.fields import Duration, Frozen, Id, Label, Texts
from monitor.maintenance import WORDS
from monitor.settings.model import Selector
from monitor.settings.written import Moment

__all__ = ["MaintenanceKeys"]


def _repeat(text: str) -> str:
    if text in WORDS:
        return WORDS[text]
    if "=" in text:
        return text.upper().removeprefix("RRULE:")
    near = nearest(text, WORDS)
    hint = f"; did you mean `{near}`?" if near else ""
    words = ", ".join(f"`{word}`" for word in WORDS)
    raise ValueError(f"write {words} or a rule such as `FREQ=WEEKLY;BYDAY=TU`{hint}")


class MaintenanceKeys(Frozen):
    """One entry of `maintenance`: when there is work at which devices, and whose alarms nobody needs then."""

    id: Id
    name: Label = ""
    devices: Selector | None = None
    rules: Annotated[Texts, Field(min_length=1)] = ("*",)
    begin: Moment | None = Field(None, alias="from")
    until: Moment | None = None
    starts: Moment | None = None
    lasts: Annotated[Duration, Field(gt=0)] | None = Field(None, alias="for")
    repeat: Annotated[str, AfterValidator(_repeat)] = ""
    reason: Label = ""

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        once = (self.begin, self.until)
        again = (self.starts, self.lasts)
        if once != (None, None) and (again != (None, None) or self.repeat):
            raise ValueError("write `from:` and `until:`, or `starts:` with `for:` and `repeat:`")
        if None not in once:
            if self.begin >= self.until:  # type: ignore[operator] # neither is None
                raise ValueError("`until:` is not later than `from:`")
        elif None in again:
            raise ValueError("write when: `from:` and `until:`, or `starts:` and `for:`, perhaps with `repeat:`")
        return self
