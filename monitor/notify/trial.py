"""Trying a channel by hand: one message, sent at once, and what became of it in words for whoever asks."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from monitor.errors import ChannelRejected, ChannelUnavailable, RequestRefused
from monitor.notify.messages import render
from monitor.notify.selftest import facts
from monitor.notify.sending import Sent
from monitor.notify.store import Outcome
from monitor.ports import Channel
from monitor.site import Site
from monitor.staff import Person
from monitor.wording import Sentence

__all__ = ["LONGEST_TRIAL", "as_json", "chosen", "try_channel"]

LONGEST_TRIAL: Final = 60.0
"""Seconds that one channel may take."""


def chosen(site: Site, name: str, channel: str) -> tuple[Person, Sequence[str]]:
    """The person and their channels (or the one that is wanted) to be tried; raises RequestRefused."""
    person = site.notify.people.get(name)
    if person is None:
        raise RequestRefused(
            Sentence(
                "nobody has the id {name}; there is {known}",
                name=repr(name[:60]),
                known=_listed(site.notify.people),
            )
        )
    if not person.channels:
        raise RequestRefused(Sentence("{person} has no channel", person=person.id))
    if channel and channel not in person.channels:
        raise RequestRefused(
            Sentence(
                "{person} has no channel {channel}; there is {known}",
                person=person.id,
                channel=repr(channel[:60]),
                known=_listed(person.channels),
            )
        )
    return person, [channel] if channel else list(person.channels)


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "nobody"


async def try_channel(  # noqa: PLR0913 - to whom, over what, when, and how urgent it looks
    channels: Callable[[str], Channel], site: Site, person: Person, channel: str, *, now: int, severity: str
) -> Sent:
    """Send a message of the kind `self_test` once; never raises for what the channel does."""
    message = render(
        "self_test", person.language or site.language, facts(site, person, channel, now, severity=severity)
    )
    address, began = person.channels[channel], time.monotonic()
    answered = put_off = False
    try:
        async with asyncio.timeout(LONGEST_TRIAL):
            await (await asyncio.to_thread(channels, address)).send(address, message)
    except ChannelRejected as error:
        outcome, answered = Outcome(state="dead", error=str(error), refused=True), True
    except ChannelUnavailable as error:
        state, put_off = "unknown" if error.maybe_delivered else "failed", error.answered
        outcome = Outcome(state=state, error=str(error), maybe=error.maybe_delivered)
    except TimeoutError:
        outcome = Outcome(state="unknown", error="no answer in time; it may have been delivered", maybe=True)
    else:
        outcome, answered = Outcome(state="sent"), True
    took = round(1000 * (time.monotonic() - began))
    return Sent(outcome=outcome, asked=True, answered=answered, put_off=put_off, took=took)


def as_json(channel: str, sent: Sent) -> Mapping[str, Any]:
    """What became of a trial: `result` is taken, refused, failed or no_answer; `reason` is empty when taken."""
    outcome = sent.outcome
    result = {"sent": "taken", "dead": "refused", "unknown": "no_answer"}.get(outcome.state, "failed")
    return {"channel": channel, "result": result, "reason": outcome.error, "took_s": sent.took / 1000}
