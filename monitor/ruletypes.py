"""What the modules of `rules/kinds/` offer to whoever loads a site file: settings, sources, units, refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from monitor.places import Place
from monitor.plant import Supply
from monitor.site import Device, Source

__all__ = ["NamesSources", "Premises", "RuleType", "Vocabulary", "WordedRuleType"]


class RuleType(Protocol):
    """What a module in `rules/kinds/` offers: the model of its settings and how it finds its sources.

    `model` derives from `monitor.settings.model.RuleModel`; its fields of type Quantity are converted to the
    unit of the points the rule watches, or to that of `quantity_units`, before the rule is built.
    """

    kind: str
    model: type[Any]

    def point_patterns(self, params: Any) -> Sequence[str] | None:
        """Names of points (with `*`), one alarm each; None: one alarm per device."""

    def quantity_units(self, params: Any, unit: str | None) -> Mapping[str, str | None]:
        """Field -> unit of its quantities, where that is not the `unit` of the points."""

    def is_joint(self, params: Any) -> bool:
        """Whether all devices have one alarm together, of the monitor itself."""

    def refusal(self, params: Any, device: Device, point: str | None) -> str:
        """Why a source of a rule could never be judged; empty when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What a kind of rule that names its own sources may choose from.

    `devices`: those that the rule's selector leaves, by id. `supplies`: those that one of them tells. `places`:
    those of residents that are about one of them, or all of them where the rule has no selector.
    """

    devices: Mapping[str, Device]
    supplies: Sequence[Supply] = ()
    places: Sequence[Place] = ()


@runtime_checkable
class NamesSources(Protocol):
    """A `RuleType` whose alarms are about neither points nor devices: it says what they are about."""

    def sources(self, params: Any, premises: Premises) -> Sequence[Source]:
        """One alarm each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What a condition in words may name: points with their units by device, and the kinds of rules by id."""

    points: Mapping[str, Mapping[str, str | None]]
    rules: Mapping[str, str]


@runtime_checkable
class WordedRuleType(Protocol):
    """A RuleType whose condition is an expression: it says what of the site it names."""

    def devices(self, params: Any, chosen: Sequence[str], words: Vocabulary) -> Sequence[str]:
        """The devices, of those chosen, whose alarms the rule has. SettingsError says which word is wrong."""

    def rules(self, params: Any, words: Vocabulary) -> Sequence[str]:
        """Ids of the rules whose alarms it asks about."""
