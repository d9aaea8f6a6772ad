"""What a person may do about an alarm beside acknowledging: checked before the command enters the journal."""

from collections.abc import Collection
from typing import Final

from monitor.alarms.cases import Case, cases_of
from monitor.alarms.commands import command, said
from monitor.alarms.store import AlarmView, show
from monitor.causes import CAUSES
from monitor.documents.finding import nearest
from monitor.errors import RequestRefused
from monitor.journal.state import State
from monitor.model import Command
from monitor.site import Site
from monitor.wording import Sentence, either

__all__ = ["ASSIGN", "CLOSE", "COMMENT", "REOPEN", "assign", "close", "comment", "reopen"]

ASSIGN: Final = "assign"
COMMENT: Final = "comment"
CLOSE: Final = "close_case"
REOPEN: Final = "reopen_case"


async def assign(  # noqa: PLR0913 - an alarm, a person, and who wants it why
    state: State, site: Site, occurrence: str, person: str, *, by: str, reason: str, now: int
) -> Command:
    """Make the command that gives an alarm to a person of the site file, or to nobody where `person` is empty.

    It does not acknowledge the alarm.
    """
    reason = said(reason, must=False)
    _, case = await _known(state, occurrence)
    people = site.notify.people
    if not person and not case.assigned_to:
        raise RequestRefused(Sentence("nobody was given {alarm}", alarm=occurrence))
    if person and person not in people:
        raise RequestRefused(_stranger(person, people))
    if case.closed_at is not None:
        raise RequestRefused(Sentence("the case of {alarm} is closed; reopen it first", alarm=occurrence))
    return command(ASSIGN, occurrence, by=by, reason=reason, now=now, arguments={"person": person})


async def comment(state: State, occurrence: str, text: str, *, by: str, now: int) -> Command:
    """Make the command that keeps what somebody says of an alarm."""
    await _known(state, occurrence)
    text = said(text, must=False)
    if not text:
        raise RequestRefused(Sentence("say something"))
    return command(COMMENT, occurrence, by=by, reason=text, now=now)


async def close(  # noqa: PLR0913 - an alarm, what it came of, and who says so
    state: State, occurrence: str, cause: str, *, by: str, note: str, now: int
) -> Command:
    """Make the command that closes the case of an alarm that is over: it neither clears nor acknowledges."""
    note = said(note, must=False)
    alarm, case = await _known(state, occurrence)
    if cause not in CAUSES:
        near, word = nearest(cause, CAUSES), repr(cause[:60])
        if near:
            raise RequestRefused(
                Sentence("{cause} is no cause that is counted: did you mean {near}?", cause=word, near=near)
            )
        raise RequestRefused(
            Sentence(
                "{cause} is no cause that is counted: write one of {known}", cause=word, known=", ".join(CAUSES)
            )
        )
    if alarm.state != "clear":
        raise RequestRefused(
            Sentence(
                "the alarm {alarm} is not over: a case is closed when its alarm has cleared", alarm=occurrence
            )
        )
    if case.closed_at is not None:
        raise RequestRefused(
            Sentence("the case of {alarm} is closed already, by {who}", alarm=occurrence, who=case.closed_by)
        )
    return command(CLOSE, occurrence, by=by, reason=note, now=now, arguments={"cause": cause})


async def reopen(state: State, occurrence: str, *, by: str, reason: str, now: int) -> Command:
    """Make the command that opens a closed case again."""
    reason = said(reason, must=False)
    _, case = await _known(state, occurrence)
    if case.closed_at is None:
        raise RequestRefused(Sentence("the case of {alarm} is not closed", alarm=occurrence))
    return command(REOPEN, occurrence, by=by, reason=reason, now=now)


def _stranger(person: str, people: Collection[str]) -> Sentence:
    told = Sentence("the site file has no person {person}", person=person[:60])
    near = nearest(person, people)
    if near:
        return either(told, near)
    if not people:
        return Sentence("{told}; there is nobody", told=told)
    return Sentence("{told}; there is {known}", told=told, known=", ".join(sorted(people)))


async def _known(state: State, occurrence: str) -> tuple[AlarmView, Case]:
    alarm = await show(state, occurrence)
    if alarm is None:
        raise RequestRefused(Sentence("there is no alarm {alarm}", alarm=occurrence[:60]))
    return alarm, (await cases_of(state, [occurrence])).get(occurrence, Case())
