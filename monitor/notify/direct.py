"""Telling people past the outbox, which may be on the same full disk: what is sent is remembered only here."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from monitor.duty import Override
from monitor.errors import ChannelError, ChannelUnavailable
from monitor.notices import Notice
from monitor.notify.messages import render
from monitor.notify.outbox import backoff
from monitor.notify.routing import Chosen, choose, facts
from monitor.ports import Channel
from monitor.site import Site

__all__ = ["Direct", "Told"]

Told = set[tuple[str, str]]
"""Persons and channels at which something has, or may have, arrived."""

_LOG = structlog.get_logger()

_LONGEST_SEND: Final = 60.0


class Direct:
    """Sends to people at once, until it is taken, or may have been, or never will be.

    `stand_ins`: answers what people said of rosters, as far as it is known without asking the disk.
    """

    def __init__(
        self,
        site: Site,
        channels: Callable[[str], Channel],
        stand_ins: Callable[[], Sequence[Override]] = tuple,
    ) -> None:
        self._site = site
        self._channels = channels
        self.stand_ins = stand_ins

    async def alarm(self, notice: Notice, told: Told) -> None:
        """Tell of an alarm that cannot be recorded, along its route: each step of an escalation when it is due.

        Nobody can acknowledge meanwhile: only the end of the alarm, which cancels this, ends an escalation.
        """
        body = {**facts(self._site, notice), "unrecorded": True}
        chosen = choose(self._site, notice, stand_ins=self.stand_ins(), everywhere=True)
        chosen = [one for one in chosen if one.tells]
        if not chosen and not notice.told:
            _LOG.warning("alarm_reaches_nobody", rule=notice.rule.id, reasons=["cannot be recorded"])
        async with asyncio.TaskGroup() as group:
            for one in chosen:
                group.create_task(self._when_due(notice, one, body, told))

    async def _when_due(self, notice: Notice, one: Chosen, body: Mapping[str, Any], told: Told) -> None:
        await asyncio.sleep(one.after / 1000)
        await self.insist(notice.kind, one, {**body, "after": one.after}, told)

    async def insist(self, kind: str, one: Chosen, body: Mapping[str, Any], told: Told) -> None:
        """Send a message of a kind to one person, again and again while the channel cannot take it."""
        attempt = 0
        address = (one.person, one.channel)
        while True:
            attempt += 1
            told.add(address)  # from here on it may arrive, whatever happens
            try:
                await self._send(kind, one, body)
            except ChannelUnavailable as error:
                failure, maybe, again = str(error), error.maybe_delivered, not error.maybe_delivered
            except TimeoutError:
                failure, maybe, again = "no answer in time", True, False
            except ChannelError as error:
                failure, maybe, again = str(error), False, False
            except Exception as error:  # noqa: BLE001 - a defect of one channel must not keep the others from it
                failure, maybe, again = f"a defect of this program ({type(error).__name__})", False, False
            else:
                return
            if not maybe:
                told.discard(address)
            if attempt == 1:
                _LOG.warning("outage_not_told", person=one.person, channel=one.channel, error=failure)
            if not again:
                return
            await asyncio.sleep(backoff(attempt, random.uniform(-1, 1)) / 1000)  # noqa: S311 - spreads the load

    async def _send(self, kind: str, one: Chosen, body: Mapping[str, Any]) -> None:
        person = self._site.notify.people[one.person]
        address = person.channels[one.channel]
        message = await asyncio.to_thread(render, kind, person.language, body)
        async with asyncio.timeout(_LONGEST_SEND):
            await self._channels(address).send(address, message)
