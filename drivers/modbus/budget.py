"""What a bus's time goes to, before it runs: polls, rounds, the share that is busy; with dead devices, too. Pure.

A unit that does not answer costs `retries` + 1 time-outs for each of two polls, then it is suspended; all
suspended units together take a tenth of the bus's time at most (the poller sees to both).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from drivers.modbus.connection import ConnectionModel
from drivers.modbus.cost import cost_of, wait_of
from drivers.modbus.shared import shared_by
from monitor.errors import SettingsError
from monitor.ports import Budget, Hint
from monitor.site import Device

__all__ = ["Needs", "Poll", "needs_of", "reckon", "share_at"]

_SUSPENDED_SHARE = 0.1
_FAILURES_TO_SUSPEND = 2
_FIRST_PROBE_AFTER = 4.0
"""Seconds between a unit's suspension and its first probe; later ones are rarer."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of a scan class: the seconds it takes, those between two of them (None: once), and of a failure.

    `requests` is how many it is made of: once the first is answered, idle connections take some of the others.
    """

    scan: str
    requests: int
    takes: float
    every: float | None
    fails: float

    @property
    def share(self) -> float:
        """The share of one connection's time that it takes."""
        return 0.0 if self.every is None else self.takes / self.every

    def helped(self, connections: int) -> float:
        """Seconds that it takes when all connections are idle."""
        return self.takes * (1 + ceil((self.requests - 1) / connections)) / self.requests


@dataclass(frozen=True, slots=True)
class Needs:
    """What one device needs; `probe`: seconds of a probe that nobody answers; `min_rate` of an urgent one."""

    device: Device
    polls: tuple[Poll, ...]
    probe: float
    min_rate: float | None

    @property
    def share(self) -> float:
        """The share of one connection's time that all its polls take."""
        return sum(poll.share for poll in self.polls)

    def alone(self, connections: int) -> float:
        """The share of the time that all its polls take when nobody else uses the connections."""
        return sum(poll.helped(connections) / poll.every for poll in self.polls if poll.every is not None)

    def longest(self, connections: int) -> float:
        """Seconds of one poll of each scan class when nobody else uses the connections."""
        return sum(poll.helped(connections) for poll in self.polls if poll.every is not None)

    @property
    def round(self) -> float:
        """Seconds of one poll of each scan class that is read again and again."""
        return sum(poll.takes for poll in self.polls if poll.every is not None)

    @property
    def failure(self) -> float:
        """Seconds of its failed polls in the round in which it falls silent."""
        timed = [poll.fails for poll in self.polls if poll.every is not None]
        return sum(sorted(timed, reverse=True)[:_FAILURES_TO_SUSPEND])


def needs_of(options: ConnectionModel, device: Device) -> Needs:
    """Reckon one device."""
    profile = device.protocol
    cost = cost_of(options, profile)
    try:
        shared = shared_by(device, cost)
    except SettingsError as error:
        raise SettingsError(f"device {device.id}: {error}") from None
    polls = []
    for scan, of in shared.scans.items():
        first = of.decoders[0].block
        unanswered = wait_of(options, cost, first.count * cost.each(first.table) / cost.register)
        every = device.scan.get(scan)
        polls.append(Poll(scan, len(of.decoders), of.cost / 1000, every, (options.retries + 1) * unanswered))
    rates = [getattr(block, "min_rate", None) for block in (device.address, profile)]
    least = min((rate for rate in rates if rate is not None), default=None)
    return Needs(device, tuple(polls), wait_of(options, cost, 1), least)


def reckon(needs: Sequence[Needs], connections: int, *, hints: Sequence[Hint] = ()) -> Budget:
    """Add up what devices need of a bus that asks `connections` of them at once."""
    shares = sorted(of.share for of in needs)
    shortest = min((poll.takes for of in needs for poll in of.polls if poll.every is not None), default=0.0)
    longer = sorted((of.failure - of.round for of in needs), reverse=True)
    dead = min(max(1, round(len(needs) / 10)), len(needs) - 1)
    probes = min(_SUSPENDED_SHARE, dead * max(of.probe for of in needs) / _FIRST_PROBE_AFTER / connections)
    cycle = max(sum(of.round for of in needs) / connections, *(of.longest(connections) for of in needs))
    busy = sum(shares) / connections
    late = max(0.0, cycle - shortest)
    return Budget(
        devices=len(needs),
        polls=_polls(needs),
        cycle=cycle,
        busy=busy,
        late=late,
        dead=dead,
        busy_dead=sum(shares[dead:]) / connections + probes,
        late_dead=late + sum(longer[:dead]) / connections,
        hints=tuple(hints),
    )


def _polls(needs: Sequence[Needs]) -> Mapping[str, Mapping[str, float]]:
    return {of.device.id: {poll.scan: poll.takes for poll in of.polls} for of in needs}


def share_at(needs: Sequence[Needs], connections: int, *, least: float = 0.0) -> float:
    """The share of the bus's time when only what is urgent is read more often than every `least` seconds."""
    total = 0.0
    for of in needs:
        rest = 0.0 if of.min_rate is not None else least
        total += sum(poll.takes / max(poll.every, rest) for poll in of.polls if poll.every is not None)
    return total / connections
