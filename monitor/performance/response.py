"""How long people took: from the raise to the first acknowledgement, and to the end of the alarm. Pure.

The median and the 90th percentile (nearest rank), because one forgotten weekend would move a mean by days. What
nobody has acknowledged is counted apart: it has no time, and to leave it out silently would flatter.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from monitor.performance.record import Episode

__all__ = ["GROUPS", "Times", "causes_of", "times_of", "whole"]

GROUPS: Final = ("class", "rule", "device")
"""By what times are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long it took; `group` is one of GROUPS, or empty for all. Times are ms, None where there is none.

    `unacknowledged`: had to be, and were not. `repaired`: are over; events, which are so at once, do not count.
    """

    group: str = ""
    name: str = ""
    alarms: int
    acknowledged: int
    unacknowledged: int
    acknowledge_median: int | None
    acknowledge_p90: int | None
    repaired: int
    repair_median: int | None
    repair_p90: int | None


def whole(episodes: Sequence[Episode]) -> Times:
    """How long it took with all of them."""
    return _times("", "", episodes)


def times_of(episodes: Iterable[Episode], classes: Mapping[str, str]) -> Sequence[Times]:
    """How long it took by class, rule and device, those with the most alarms first; `classes`: device -> class."""
    keys: Mapping[str, Callable[[Episode], str]] = {
        "class": lambda one: classes.get(one.device, ""),
        "rule": lambda one: one.rule,
        "device": lambda one: one.device,
    }
    known = list(episodes)
    found: list[Times] = []
    for group in GROUPS:
        mine = defaultdict[str, list[Episode]](list)
        for one in known:
            if name := keys[group](one):
                mine[name].append(one)
        ranked = sorted(mine.items(), key=lambda each: (-len(each[1]), each[0]))
        found += [_times(group, name, those) for name, those in ranked]
    return found


def causes_of(episodes: Iterable[Episode]) -> Mapping[str, int]:
    """How many alarms came of what, the most frequent first: of those whose case was closed."""
    counted = defaultdict[str, int](int)
    for one in episodes:
        if one.cause:
            counted[one.cause] += 1
    return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))


def _times(group: str, name: str, episodes: Sequence[Episode]) -> Times:
    waited = [max(0, one.acknowledged - one.raised) for one in episodes if one.acknowledged is not None]
    lasted = [
        max(0, one.cleared - one.raised) for one in episodes if one.cleared is not None and not one.momentary
    ]
    return Times(
        group=group,
        name=name,
        alarms=len(episodes),
        acknowledged=len(waited),
        unacknowledged=sum(one.acknowledged is None and one.wants_acknowledgement for one in episodes),
        acknowledge_median=_part(waited, 0.5),
        acknowledge_p90=_part(waited, 0.9),
        repaired=len(lasted),
        repair_median=_part(lasted, 0.5),
        repair_p90=_part(lasted, 0.9),
    )


def _part(values: Sequence[int], part: float) -> int | None:
    """The smallest value that is not less than this part of all."""
    return sorted(values)[ceil(part * len(values)) - 1] if values else None
