"""Binds how messages are delivered: the daily self-test of channels, and how fast messages go to a service."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from monitor.documents.node import Node
from monitor.fields import Duration, Frozen
from monitor.settings.binding import Binding
from monitor.staff import Rate, SelfTest

__all__ = ["DELIVERY", "RateKeys", "SelfTestKeys", "bind_rate", "bind_self_test"]

DELIVERY: Final = ("rate", "self_test")
"""The keys of the section `notify` that are bound here."""

_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _minute(value: object) -> int:
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a time of the day such as "10:00"')
    return 60 * int(found[1]) + int(found[2])


class SelfTestKeys(Frozen):
    """The section `notify.self_test`."""

    at: Annotated[int, BeforeValidator(_minute)]


class RateKeys(Frozen):
    """The section `notify.rate`."""

    burst: Annotated[int, Field(ge=1, le=1000)] = Rate().burst
    every: Annotated[Duration, Field(ge=0.01, le=60)] = Rate().every


def bind_self_test(binding: Binding, node: Node) -> SelfTest | None:
    """Bind `notify.self_test`; None without it."""
    section = node.get("self_test")
    if section is None or (section.kind == "scalar" and section.scalar is None):
        return None
    keys = binding.check(SelfTestKeys, section, "notify.self_test")
    return None if keys is None else SelfTest(minute=keys.at)


def bind_rate(binding: Binding, node: Node) -> Rate:
    """Bind `notify.rate`."""
    section = node.get("rate")
    if section is None or (section.kind == "scalar" and section.scalar is None):
        return Rate()
    keys = binding.check(RateKeys, section, "notify.rate")
    return Rate() if keys is None else Rate(burst=keys.burst, every=keys.every)
