"""Channels as the API asks for them: how each does, and trying one by hand."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from monitor.journal.state import State
from monitor.notify import channelstate, waiting
from monitor.notify.attempt import Lane
from monitor.notify.channels import Channels
from monitor.notify.outbox import Notifier
from monitor.notify.trial import as_json, chosen, try_channel
from monitor.site import Site

__all__ = ["ChannelDesk"]

_WEEK: Final = 7 * 86_400_000
_NOTHING: Final[Mapping[str, Any]] = {
    "last_success": None,
    "last_failure": None,
    "last_error": "",
    "failures": 0,
    "refused": 0,
    "tested_at": None,
}

_LOG = structlog.get_logger()


class ChannelDesk:
    """The `monitor.web.parts.ChannelDesk` of the running daemon. `now` answers UTC ms."""

    def __init__(
        self, state: State, site: Site, notifier: Notifier, channels: Channels, now: Callable[[], int]
    ) -> None:
        self._state = state
        self._site = site
        self._notifier = notifier
        self._channels = channels
        self._now = now

    def hung(self) -> int:
        """How many deliveries hang: nobody waits for them any more."""
        return self._channels.hung()

    async def list_channels(self) -> Sequence[Mapping[str, Any]]:
        """Every channel of every person, in the order of the settings; never an address."""
        kept, since = await self._kept(), self._now() - _WEEK
        found = []
        for lane, row in kept.items():
            about = {"person": lane[0], "channel": lane[1], "since": since}
            times = [] if row is None else await self._state.query(channelstate.LATENCIES, about)
            found.append(self._facts(lane, row, [(each["latency"], each["took"]) for each in times]))
        return found

    async def _kept(self) -> Mapping[Lane, sqlite3.Row | None]:
        """What is kept of every channel of the settings; None: nothing has gone over it."""
        known = {(row["person"], row["channel"]): row for row in await self._state.query(channelstate.STATES)}
        people = self._site.notify.people.values()
        lanes = [(person.id, channel) for person in people for channel in person.channels]
        return {lane: known.get(lane) for lane in lanes}

    def _facts(self, lane: Lane, row: sqlite3.Row | None, times: Sequence[tuple[int, int]]) -> Mapping[str, Any]:
        kept = _NOTHING if row is None else {name: row[name] for name in _NOTHING}
        latency = channelstate.quantiles([due for due, _ in times])
        attempt = channelstate.quantiles([took for _, took in times])
        return {
            "person": lane[0],
            "channel": lane[1],
            "state": self._word(lane, row),
            **kept,
            "refused": bool(kept["refused"]),
            **self._notifier.traffic.facts(lane),
            "latency_s": {"p50": latency[0], "p95": latency[1]},
            "attempt_s": {"p50": attempt[0], "p95": attempt[1]},
        }

    def _word(self, lane: Lane, row: sqlite3.Row | None) -> str:
        if self._notifier.traffic.is_held(lane):
            return "waiting"
        if row is None:
            return "untried"
        return "failing" if channelstate.is_failing(row) else "fine"

    async def summary(self) -> Mapping[str, int]:
        """How many channels there are, and how many in each state."""
        kept = await self._kept()
        counts = Counter(self._word(lane, row) for lane, row in kept.items())
        states = {state: counts[state] for state in ("fine", "failing", "waiting", "untried")}
        return {"total": counts.total(), **states, "hung": self.hung()}

    async def test(self, person: str, channel: str, severity: str, *, by: str) -> Sequence[Mapping[str, Any]]:
        """Send a test message over one channel of a person, or all (empty), now; raises RequestRefused."""
        who, names = chosen(self._site, person, channel)
        return await asyncio.gather(*(self._test(who.id, name, severity, by) for name in names))

    async def _test(self, person: str, channel: str, severity: str, by: str) -> Mapping[str, Any]:
        who, lane, traffic = self._site.notify.people[person], (person, channel), self._notifier.traffic
        began = traffic.start([lane])
        try:
            sent = await try_channel(self._channels, self._site, who, channel, now=self._now(), severity=severity)
        except BaseException:  # whoever asked has gone: it told nothing about the service
            traffic.leave(lane)
            raise
        back = traffic.end(lane, replace(sent, began=began))

        def write(db: sqlite3.Connection) -> None:
            channelstate.note(db, lane, sent, self._now(), is_test=True)
            waiting.release(db, back, self._now())

        await self._state.transact(write)
        self._notifier.wake()
        result = as_json(channel, sent)
        _LOG.info("channel_tried", person=person, channel=channel, by=by, result=result["result"])
        return result
