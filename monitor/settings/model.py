"""The models that rule kinds and selectors in the site file start from."""

from typing import Any, Literal

from pydantic import Field

from monitor.fields import Duration, Frozen, Id, Texts

__all__ = ["RuleModel", "Selector"]


class Selector(Frozen):
    """Which devices: every key given must match; a value is a text with `*`, or a list of them (any)."""

    id: Texts | None = None
    device_class: Texts | None = Field(None, alias="class")
    profile: Texts | None = None
    connection: Texts | None = None
    building: Texts | None = None
    zone: Texts | None = None
    role: Texts | None = None
    tenant: Texts | None = None


class RuleModel(Frozen):
    """What every rule kind has in common; each kind derives its own model with what it needs besides."""

    id: Id
    kind: str
    name: str = ""
    devices: Selector | None = None
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    on_delay: Duration = 0.0
    off_delay: Duration = 0.0
    latched: bool = False
    ack: Literal["required", "not_required"] = "required"
    response: str = ""
    enabled: bool = True
    tests: tuple[dict[str, Any], ...] = ()
    """Cases that `rules test` plays; `monitor.trials.case.Case` says what they may hold."""
