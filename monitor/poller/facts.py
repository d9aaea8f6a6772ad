"""What the poller says of devices and connections."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.poller.unit import Unit
from monitor.ports import Traffic

__all__ = ["ConnectionFacts", "DeviceFacts", "facts_of", "together"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """How the polls of one device go; `state` is never_answered, answering or suspended, times are UTC ms.

    `requests`, `answers`, `errors` (by kind) and `latency_ms` are its `monitor.ports.Traffic`.
    """

    connection: str
    state: str
    failures: int
    polls: int
    late: int
    last_answer: int | None
    last_error: str
    poll_ms: float | None
    requests: int
    answers: int
    errors: Mapping[str, int]
    latency_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """How one connection does: polls and probes made, those that failed, late cycles skipped, polls waiting.

    `busy_pct`: the share of its time that was used in the last minute. `requests`, `answers`, `errors` (by
    kind): those of all its devices; `latency_ms`: the mean over those that answer.
    """

    devices: int
    suspended: int
    polls: int
    probes: int
    failed: int
    late: int
    queued: int
    busy_pct: float
    requests: int
    answers: int
    errors: Mapping[str, int]
    latency_ms: float | None
    last_answer: int | None


def facts_of(unit: Unit, connection: str, traffic: Traffic) -> DeviceFacts:
    """Gather the facts of one device."""
    return DeviceFacts(
        connection=connection,
        state=unit.backoff.state,
        failures=unit.backoff.failures,
        polls=unit.polls,
        late=unit.late,
        last_answer=unit.last_answer,
        last_error=unit.last_error if unit.backoff.failures else "",
        poll_ms=None if unit.poll_ms is None else round(unit.poll_ms, 3),
        requests=traffic.requests,
        answers=traffic.answers,
        errors=dict(traffic.errors),
        latency_ms=None if traffic.latency_ms is None else round(traffic.latency_ms, 1),
    )


def together(traffic: Sequence[Traffic]) -> dict[str, Any]:
    """Add up what passed between a connection and its devices."""
    errors: Counter[str] = Counter()
    for each in traffic:
        errors.update(each.errors)
    latencies = [each.latency_ms for each in traffic if each.latency_ms is not None]
    return {
        "requests": sum(each.requests for each in traffic),
        "answers": sum(each.answers for each in traffic),
        "errors": dict(errors),
        "latency_ms": round(sum(latencies) / len(latencies), 1) if latencies else None,
    }
