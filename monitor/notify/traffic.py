"""What goes to each service: which are left alone for a while, how fast messages may go, and with what result.

Only in memory: after a start each service is asked anew. Services are known by their scheme and host, never by
what is secret in an address.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from monitor.notify.attempt import Lane
from monitor.notify.breaker import Breaker, Circuit
from monitor.notify.channels import service_of
from monitor.notify.rate import Bucket, limit_of
from monitor.notify.sending import Sent
from monitor.staff import Notify

__all__ = ["RESULTS", "Gate", "Held", "Traffic"]

RESULTS: Final = ("sent", "failed", "unknown", "rejected")
"""What can come of an attempt."""

_LOOK_AGAIN: Final = 5.0
"""Seconds after which the others are looked at again while one message tries."""

_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A service that is left alone: what waits for it, for how long (ms; critical messages less), and why.

    `probes`: one message may try. `critical`: those that are may.
    """

    lanes: tuple[Lane, ...]
    wait: int
    wait_of_critical: int
    reason: str
    probes: bool
    critical: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """What may go at one moment: asked in a transaction, which may be done again."""

    held: Sequence[Held]
    room: Mapping[str, int]
    keys: Mapping[Lane, str]
    taken: Counter[str] = field(default_factory=Counter)

    def admits(self, lane: Lane) -> bool:
        """Whether its service has room for one more now; the room is taken by asking."""
        key = self.keys.get(lane)
        if key is None:
            return True
        self.taken[key] += 1
        return self.taken[key] <= self.room[key]


class Traffic:
    """Breakers and rates of all services that people are reached over. `monotonic`: seconds that nobody sets."""

    def __init__(self, notify: Notify, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._breakers: dict[str, Breaker] = {}
        self._services: dict[Lane, str] = {}
        self._keys: dict[Lane, str] = {}
        self._buckets: dict[str, Bucket] = {}
        self._results: dict[Lane, Counter[str]] = {}
        for person in notify.people.values():
            for channel, address in person.channels.items():
                lane, service = (person.id, channel), service_of(address)
                limit = limit_of(address, notify.rate)
                key = address if limit.each else service
                self._services[lane], self._keys[lane] = service, key
                self._results[lane] = Counter(dict.fromkeys(RESULTS, 0))
                self._breakers.setdefault(service, Breaker())
                self._buckets.setdefault(key, Bucket(limit.rate, monotonic()))

    def gate(self) -> Gate:
        """What may go now."""
        now = self._monotonic()
        return Gate(
            [held for service in self._breakers if (held := self._held(service, now)) is not None],
            {key: bucket.left(now) for key, bucket in self._buckets.items()},
            self._keys,
        )

    def _held(self, service: str, now: float) -> Held | None:
        breaker = self._breakers[service]
        if breaker.state(now) is Circuit.CLOSED:
            return None
        return Held(
            lanes=tuple(lane for lane, name in self._services.items() if name == service),
            wait=round(1000 * max(_LOOK_AGAIN, breaker.wait(now))),
            wait_of_critical=round(1000 * max(_LOOK_AGAIN, breaker.wait(now, critical=True))),
            reason=f"{service} does not work ({breaker.reason}); it is tried again after a while",
            probes=breaker.admits(now),
            critical=breaker.admits(now, critical=True),
        )

    def start(self, lanes: Iterable[Lane]) -> float:
        """These messages are on their way; answers since when, in seconds of our clock."""
        now = self._monotonic()
        for lane in lanes:
            if lane in self._services:
                self._breakers[self._services[lane]].start()
                self._buckets[self._keys[lane]].take(now)
        return now

    def leave(self, lane: Lane) -> None:
        """A message that was on its way was given up, without a result."""
        if lane in self._services:
            self._breakers[self._services[lane]].leave()

    def end(self, lane: Lane, sent: Sent) -> Sequence[Lane]:
        """Take a result in; answers the lanes of a service that works again."""
        service = self._services.get(lane)
        if service is None:
            return ()
        breaker, now = self._breakers[service], self._monotonic()
        if sent.asked:
            self._results[lane][_result(sent)] += 1
        if not sent.asked or sent.put_off:
            breaker.leave()
        elif sent.answered:
            if breaker.answer():
                _LOG.info("service_back", service=service)
                return tuple(each for each, name in self._services.items() if name == service)
        elif breaker.fail(sent.began, now, sent.outcome.error):
            _LOG.warning("service_left_alone", service=service, error=sent.outcome.error)
        return ()

    def facts(self, lane: Lane) -> Mapping[str, str | int | float | Mapping[str, int]]:
        """How the service of a channel does: its name, circuit, the seconds until it is tried again, results."""
        service, now = self._services[lane], self._monotonic()
        breaker = self._breakers[service]
        return {
            "service": service,
            "circuit": str(breaker.state(now)),
            "waits_s": round(breaker.wait(now), 1),
            "results": dict(self._results[lane]),
        }

    def is_held(self, lane: Lane) -> bool:
        """Whether the service of a channel is left alone."""
        service = self._services.get(lane)
        return service is not None and self._breakers[service].state(self._monotonic()) is not Circuit.CLOSED


def _result(sent: Sent) -> str:
    if sent.outcome.refused:
        return "rejected"
    return sent.outcome.state if sent.outcome.state in {"sent", "unknown"} else "failed"
