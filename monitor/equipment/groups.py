"""Equipment that works together: who runs, who takes over, who is left. Pure; times are engine ms."""

from collections.abc import Mapping
from typing import Any, Final

from monitor import plant
from monitor.equipment.known import event
from monitor.equipment.machine import Machine
from monitor.model import Event
from monitor.upkeepbook import GroupNow
from rules.timeline import Timeline

__all__ = ["Group"]

_PATIENT: Final = 120_000
"""Ms for which a member that does not answer is not yet held to be unable."""
_TAKES: Final = 60_000


class Group:
    """Some machines of which `needed` have to be able to run.

    `took_over`: a member started within a minute (and what it may take to start) after another had dropped out
    although it was wanted: by a fault, or because it did not start; there also before it was sure of that.
    `no_reserve`: fewer are able than are needed and one more. A member that has never answered counts as able.
    """

    def __init__(self, group: plant.Group, machines: Mapping[str, Machine], time: Timeline) -> None:
        self.plan = group
        self._members = [machines[each] for each in group.members if each in machines]
        self._time = time
        self._replaced: dict[str, int] = {}
        self._is_bare = False
        self._idle: dict[str, int] = {}
        """Members that stand still for too long -> when they last ran, or were first seen."""
        self._seen: dict[str, int] = {}
        self._news: list[Event] = []
        self.is_changed = False

    def now(self) -> GroupNow:
        """How it is."""
        able = tuple(each.device.id for each in self._members if each.is_able)
        return GroupNow(
            group=self.plan.id,
            running=tuple(each.device.id for each in self._members if each.is_running),
            able=able,
            unknown=tuple(each.device.id for each in self._members if each.state == "unknown"),
            needed=self.plan.needed,
            reserve=max(0, len(able) - self.plan.needed),
        )

    def follow(self) -> None:
        """Heed what its members do and what time has made of them."""
        self._take_over()
        self._reserve()
        if self.plan.rest is not None:
            self._rest(round(self.plan.rest * 1000))

    def skip(self) -> None:
        """Nothing is told of what its members have done so far."""
        self._replaced = {each.device.id: each.fell for each in self._members if each.fell is not None}
        self.is_changed = True

    def _take_over(self) -> None:
        for lost in self._members:
            fell = lost.fell
            if fell is None or self._replaced.get(lost.device.id) == fell:
                continue
            earliest = fell - (lost.every if lost.state == "fault" else lost.reach)
            found = [
                (each.started, each)
                for each in self._members
                if each is not lost
                and each.is_running
                and each.started is not None
                and earliest <= each.started <= fell + _TAKES + each.reach
            ]
            if found:
                started, other = min(found, key=lambda each: each[0])
                self._replaced[lost.device.id] = fell
                self._tell(other.device.id, "took_over", max(started, fell), **{"for": lost.device.id})

    def _reserve(self) -> None:
        if len(self._members) <= self.plan.needed:
            return
        now = self._time.now
        gone = [each for each in self._members if _is_gone(each, now)]
        is_bare = len(self._members) - len(gone) < self.plan.needed + 1
        if is_bare and not self._is_bare:
            newest = max(gone, key=lambda each: (each.since or 0, each.device.id))
            able = len(self._members) - len(gone)
            self._tell(newest.device.id, "no_reserve", now, able=able, needed=self.plan.needed)
        if is_bare != self._is_bare and (is_bare or not self._is_unsure()):
            self._is_bare = is_bare
            self.is_changed = True

    def _is_unsure(self) -> bool:
        """Whether too many do not answer to say that there is a reserve again."""
        return sum(each.is_able or not each.was_heard for each in self._members) < self.plan.needed + 1

    def _rest(self, rest: int) -> None:
        now = self._time.now
        for member in self._members:
            ident = member.device.id
            if not member.was_heard:
                continue
            if ident not in self._seen:
                self._seen[ident] = now
                self.is_changed = True
            last = max(member.ran or 0, self._seen[ident])
            if self._idle.get(ident) not in {None, last}:
                del self._idle[ident]
                self.is_changed = True
            if member.is_able and not member.is_running and now - last > rest and ident not in self._idle:
                self._idle[ident] = last
                self._tell(ident, "idle", last + rest, since=self._time.wall(last))

    def _tell(self, device: str, kind: str, at: int, **attributes: int | str) -> None:
        self.is_changed = True
        group = self.plan.id
        self._news.append(event(device, kind, self._time.wall(at), {"group": group, **attributes}, also=group))

    def news(self) -> list[Event]:
        """What there is to tell; it is not told again."""
        told, self._news = self._news, []
        return told

    def dump(self) -> dict[str, Any]:
        """What has to be remembered, JSON-ready."""
        return {"replaced": self._replaced, "bare": self._is_bare, "idle": self._idle, "seen": self._seen}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self._replaced, self._is_bare = dict(kept["replaced"]), kept["bare"]
        self._idle, self._seen = dict(kept["idle"]), dict(kept["seen"])


def _is_gone(member: Machine, now: int) -> bool:
    """Whether a member surely cannot run: a restart, or a lost poll, is not held against it."""
    if member.state == "unknown":
        return member.was_heard and member.since is not None and now - member.since > _PATIENT
    return not member.is_able
