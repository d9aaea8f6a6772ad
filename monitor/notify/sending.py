"""One attempt to send: the message is written, handed to its channel, and what came of it is put into words."""

import asyncio
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from monitor.errors import ChannelRejected, ChannelUnavailable, ReportUnavailable
from monitor.model import SEVERITY_RANK
from monitor.notify.attempt import Attempt
from monitor.notify.composing import Composer
from monitor.notify.store import Outcome
from monitor.ports import Channel
from monitor.staff import Notify

__all__ = ["Sender", "Sent"]

_LONGEST_SEND: Final = 60.0
_LONGEST_REPORT: Final = 180.0

_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What an attempt came to. `asked`: the channel was; `took`: how long that lasted, ms.

    `answered`: its service works, whatever it said; `put_off`: it puts off this message, and perhaps no other.
    `began`: seconds of the clock that nobody sets.
    """

    outcome: Outcome
    asked: bool = False
    answered: bool = False
    put_off: bool = False
    began: float = 0.0
    took: int = 0


class Sender:
    """Sends one message over one channel. `monotonic`: seconds that nobody sets."""

    def __init__(
        self,
        notify: Notify,
        channels: Callable[[str], Channel],
        composer: Composer,
        monotonic: Callable[[], float],
    ) -> None:
        self._notify = notify
        self._channels = channels
        self._composer = composer
        self._monotonic = monotonic

    async def send(self, attempt: Attempt) -> Sent:
        """Send, and say what came of it; never raises for what messages and channels do."""
        person = self._notify.people.get(attempt.lane[0])
        address = person.channels.get(attempt.lane[1]) if person else None
        if person is None or address is None:
            return Sent(outcome=Outcome(state="dead", error="the person or channel is no longer in the settings"))
        began, asked = self._monotonic(), 0.0
        try:
            message = await self._composer.compose(attempt, person)
            asked = time.monotonic()
            async with asyncio.timeout(_LONGEST_REPORT if attempt.is_report else _LONGEST_SEND):
                await self._channels(address).send(address, message)
        except ReportUnavailable as error:
            return Sent(outcome=Outcome(state="failed", error=str(error), unbuilt=True))
        except ChannelRejected as error:
            state = "failed" if attempt.is_report else "dead"
            outcome, answered, put_off = Outcome(state=state, error=str(error), refused=True), True, False
        except ChannelUnavailable as error:
            outcome = _again(attempt, str(error), maybe=error.maybe_delivered)
            answered, put_off = False, error.answered
        except TimeoutError:
            outcome = _again(attempt, "no answer in time; it may have been delivered", maybe=True)
            answered, put_off = False, False
        except Exception as error:  # noqa: BLE001 - one message may not end the others
            return Sent(outcome=_again(attempt, _defect(attempt, error), maybe=False))
        else:
            outcome, answered, put_off = Outcome(state="sent"), True, False
        took = round(1000 * (time.monotonic() - asked))
        return Sent(outcome=outcome, asked=True, answered=answered, put_off=put_off, began=began, took=took)


def _again(attempt: Attempt, error: str, *, maybe: bool) -> Outcome:
    """Try again, unless it may have arrived and is not worth the risk of telling somebody twice.

    A report is worth that risk once.
    """
    urgent = SEVERITY_RANK[attempt.severity] >= SEVERITY_RANK["high"]
    risky = urgent or (attempt.is_report and not attempt.maybe_delivered)
    return Outcome(state="unknown" if maybe and not risky else "failed", error=error, maybe=maybe)


def _defect(attempt: Attempt, error: Exception) -> str:
    """Log a defect by its place alone: its text or its variables could hold an address."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    name = type(error).__name__
    _LOG.error("notification_defect", channel=attempt.lane[1], error=name, at=f"{frame.name}:{frame.lineno}")
    return f"a defect of this program ({name})"
