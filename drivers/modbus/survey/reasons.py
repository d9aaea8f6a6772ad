"""Why a device is thought to be of a model, or not."""

from dataclasses import dataclass

__all__ = ["Reason", "total"]


@dataclass(frozen=True, slots=True)
class Reason:
    """What was seen, and how much it says: positive for the model, negative against it.

    `kind` is mark, value (what a value is by itself), size (that it is neither too large nor too small, as many
    numbers are), relation (how values fit to each other) or refusal.
    """

    weight: float
    text: str
    kind: str = "value"


def total(reasons: "list[Reason] | tuple[Reason, ...]", kind: str = "") -> float:
    """The sum of the weights, of one kind or of all."""
    return sum(reason.weight for reason in reasons if not kind or reason.kind == kind)
