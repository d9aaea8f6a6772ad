"""What a person may ask of an alarm: checked before the command enters the journal, in words for that person."""

from uuid import uuid4

from monitor.alarms.store import AlarmView, show
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.model import Command

__all__ = ["ACKNOWLEDGE", "acknowledge", "check"]

ACKNOWLEDGE = "acknowledge"
_LONGEST = 500


async def check(state: State, occurrence: str) -> AlarmView:
    """Answer the alarm if it can be acknowledged now; RequestRefused says why it cannot.

    The engine checks again when the command's turn comes: somebody else may have been quicker.
    """
    alarm = await show(state, occurrence)
    if alarm is None:
        raise RequestRefused(f"there is no alarm {occurrence}")
    if alarm.response == "unacked" or alarm.normal:
        return alarm
    if alarm.response == "acked":
        who = f" by {alarm.acknowledged_by}" if alarm.acknowledged_by else ""
        still = "; it can be reset when its condition is over" if alarm.latched else ""
        raise RequestRefused(f"the alarm {occurrence} is acknowledged already{who}{still}")
    raise RequestRefused(f"the alarm {occurrence} is over and waits for nobody")


async def acknowledge(state: State, occurrence: str, *, by: str, reason: str, now: int) -> Command:
    """Make the command that acknowledges an alarm, or resets a latched one whose condition is over.

    `now` is UTC ms. Raises RequestRefused.
    """
    if len(reason) > _LONGEST:
        raise RequestRefused(f"a reason has at most {_LONGEST} characters")
    await check(state, occurrence)
    return Command(id=str(uuid4()), time=now, by=by, kind=ACKNOWLEDGE, target=occurrence, reason=reason)
