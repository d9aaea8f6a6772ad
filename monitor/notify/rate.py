"""How fast messages may go to a service: a token bucket for each, so that nobody is shut out for being too fast.

Pure: seconds of a clock that nobody sets come as arguments.
"""

from typing import Final, NamedTuple

from monitor.notify.channels import scheme_of
from monitor.staff import Rate

__all__ = ["Bucket", "Limit", "limit_of"]


class Limit(NamedTuple):
    """A rate, and whether it holds for each address (a chat, a robot), not for the whole service."""

    rate: Rate
    each: bool


_PER_CHAT: Final = Limit(Rate(burst=3, every=1.0), each=True)
_PER_GROUP: Final = Limit(Rate(burst=5, every=4.0), each=True)
_NTFY: Final = Limit(Rate(burst=40, every=5.0), each=False)

_LIMITS: Final = {
    # core.telegram.org/bots/faq: one message a second in a chat, short bursts may pass; 20 a minute in a group.
    "tgram": _PER_CHAT,
    # docs.slack.dev/apis/web-api/rate-limits: one a second for each hook, short bursts may pass.
    "slack": _PER_CHAT,
    # open.dingtalk.com, custom robots: 20 a minute for each robot; who sends more is shut out for ten minutes.
    "dingtalk": _PER_GROUP,
    # Robots of WeCom groups have the same limit, as users report.
    "wecombot": _PER_GROUP,
    # ntfy's server, as it is delivered: 60 requests at once, then one in five seconds.
    "ntfy": _NTFY,
    "ntfys": _NTFY,
    "terminal": Limit(Rate(burst=1000, every=0.001), each=False),
}
"""Scheme -> what its makers allow at most, or somewhat less."""


def limit_of(address: str, usual: Rate) -> Limit:
    """How fast messages may go to an address; `usual` where nothing is known of its service."""
    scheme = scheme_of(address)
    if scheme == "tgram" and "/-" in address:  # groups have negative numbers
        return _PER_GROUP
    return _LIMITS.get(scheme, Limit(usual, each=False))


class Bucket:
    """Holds `burst` messages, and one more after each `every` seconds."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._seen = now

    def left(self, now: float) -> int:
        """How many messages may go now."""
        self._left = min(float(self._rate.burst), self._left + max(0.0, now - self._seen) / self._rate.every)
        self._seen = now
        return int(self._left)

    def take(self, now: float) -> None:
        """Count one that goes; what goes all the same (somebody tries a channel) is owed."""
        self.left(now)
        self._left -= 1.0
