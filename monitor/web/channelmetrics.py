"""The metrics of channels, of the same facts as `notify channels`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

__all__ = ["CHANNEL_METRICS", "channel_families"]

_GAUGES: Final = {
    "channel_failures": "Failures in a row of a channel of a person",
    "channel_last_success_age_seconds": "How long ago a channel last carried something",
    "channel_waiting": "1: the channel's service is left alone for a while",
    "channel_latency_p50_seconds": "Half of the newest messages were taken within this of being due",
    "channel_latency_p95_seconds": "19 of 20 of the newest messages were taken within this of being due",
    "channel_attempt_p95_seconds": "The service took 19 of 20 of them within this",
}
_ATTEMPTS: Final = "channel_attempts"
_HUNG: Final = "deliveries_hung"

CHANNEL_METRICS: Final = (*_GAUGES, f"{_ATTEMPTS}_total", _HUNG)
"""Their names, without the prefix."""


def channel_families(prefix: str, channels: Sequence[Mapping[str, Any]], hung: int, now: int) -> Iterator[Metric]:
    """Make the families of what each channel says of itself; `now` in UTC ms."""
    labels = ["person", "channel"]
    values = [_values(each, now) for each in channels]
    for name, text in _GAUGES.items():
        family = GaugeMetricFamily(prefix + name, text, labels=labels)
        for each, known in zip(channels, values, strict=True):
            if (value := known[name]) is not None:
                family.add_metric([each["person"], each["channel"]], value)
        if family.samples:
            yield family
    attempts = CounterMetricFamily(prefix + _ATTEMPTS, "Attempts by their result", labels=[*labels, "result"])
    for each in channels:
        for result, count in each["results"].items():
            attempts.add_metric([each["person"], each["channel"], result], count)
    if attempts.samples:
        yield attempts
    yield GaugeMetricFamily(prefix + _HUNG, "Deliveries that have not ended and that nobody waits for", hung)


def _values(channel: Mapping[str, Any], now: int) -> Mapping[str, float | None]:
    last = channel["last_success"]
    return {
        "channel_failures": channel["failures"],
        "channel_last_success_age_seconds": None if last is None else max(0, now - last) / 1000,
        "channel_waiting": channel["state"] == "waiting",
        "channel_latency_p50_seconds": channel["latency_s"]["p50"],
        "channel_latency_p95_seconds": channel["latency_s"]["p95"],
        "channel_attempt_p95_seconds": channel["attempt_s"]["p95"],
    }
