"""All that happened in the month: what is true, what was sent, and what the table says of it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.notify.month.oracle import Oracle, local
from tests.notify.month.story import MINUTE, Story, Trouble
from tests.notify.month.world import Delivery, World

__all__ = ["ALARMING", "Told"]

ALARMING = frozenset({"raise", "severity"})


@dataclass
class Told:
    """What happened in the month."""

    world: World
    story: Story
    oracle: Oracle
    troubles: Mapping[str, Trouble]
    """Occurrence -> the truth about it."""

    @cached_property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        return self.world.rows()

    @cached_property
    def carried(self) -> Mapping[int, Sequence[Mapping[str, Any]]]:
        """Rows that a message spoke for beside its own, by that of the message."""
        found = defaultdict(list)
        for row in self.rows:
            if row["carried_by"] is not None and row["state"] == "superseded":
                found[row["carried_by"]].append(row)
        return found

    def primary_of(self, one: Delivery) -> int:
        """The row that carries the others of its message."""
        ids = {row["id"] for row in one.rows}
        return min(number for number in ids if self._by_id[number]["carried_by"] not in ids)

    @cached_property
    def _by_id(self) -> Mapping[int, Mapping[str, Any]]:
        return {row["id"]: row for row in self.rows}

    @cached_property
    def items(self) -> Sequence[tuple[Delivery, Mapping[str, Any], bool]]:
        """Each thing that a message says: the message, the row of it, and whether that has its own place in it."""
        found: list[tuple[Delivery, Mapping[str, Any], bool]] = []
        for one in self.world.deliveries:
            found += [(one, row, True) for row in one.rows]
            if one.how == "sent":
                found += [(one, row, False) for own in one.rows for row in self.carried.get(own["id"], ())]
        return found

    def of(
        self, occurrence: str, lane: tuple[str, str] | None = None
    ) -> Iterator[tuple[Delivery, Mapping[str, Any]]]:
        for one, row in self._by_occurrence.get(occurrence, ()):
            if lane is None or one.lane == lane:
                yield one, row

    @cached_property
    def _by_occurrence(self) -> Mapping[str, Sequence[tuple[Delivery, Mapping[str, Any]]]]:
        found = defaultdict(list)
        for one, row, _ in self.items:
            found[row["occurrence"]].append((one, row))
        return found

    @cached_property
    def rows_of(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The rows of each occurrence that has any."""
        found = defaultdict(list)
        for row in self.rows:
            found[row["occurrence"]].append(row)
        return dict(found)

    def may_know(self, occurrence: str, lane: tuple[str, str], at: int) -> bool:
        """Whether somebody was told of a beginning before, for all that is known."""
        return any(
            row["kind"] in ALARMING and one.at <= at and one.how not in {"failed", "refused"}
            for one, row in self.of(occurrence, lane)
        )

    def is_bad(self, lane: tuple[str, str], begins: int, ends: int) -> bool:
        """Whether a channel did not work at some time of a span, or was left alone just after that."""
        return any(
            one.lane == lane and one.begins < ends and begins < one.ends + 15 * MINUTE
            for one in self.story.windows
        )

    def story_of(self, occurrence: str) -> str:
        trouble = self.troubles[occurrence]
        said = [
            f"{local(one.at):%d %H:%M:%S.%f} {one.lane} {one.how} {row['kind']} {row['severity']}"
            f" step {row['step']}"
            f" held {row['held']!r} {row['notification_id']}"
            for one, row in self.of(occurrence)
        ]
        rows = [
            f"{row['id']} {row['person']}/{row['channel']} {row['kind']} {row['step']} {row['state']}"
            f" {row['held']} {row['last_error']}; tried {row['attempts']}, maybe {row['maybe_delivered']}"
            for row in self.rows_of[occurrence]
        ]
        return "\n".join([str(trouble), *said, *rows])
