"""Who stands in for whom, said by command: checked before it enters the journal, and written down in its turn."""

import sqlite3
from collections.abc import Iterable
from typing import Final

from monitor.alarms.commands import command, said
from monitor.documents.finding import nearest
from monitor.duty import Override
from monitor.errors import RequestRefused
from monitor.model import Command
from monitor.site import Site
from monitor.wording import Sentence, either

__all__ = ["END", "MOST", "OVERRIDE", "book_end", "book_override", "end", "override"]

OVERRIDE: Final = "duty_override"
END: Final = "duty_override_end"

MOST: Final = 500
"""Overrides that are not over: more of them is a mistake of a program."""

_LONGEST: Final = 366 * 86_400_000
_KEPT: Final = 400 * 86_400_000


def override(  # noqa: PLR0913 - who stands in when, and who says so why
    site: Site,
    known: Iterable[Override],
    *,
    roster: str,
    person: str,
    starts: int,
    ends: int,
    by: str,
    reason: str,
    now: int,
) -> Command:
    """Make the command that somebody stands in at [starts, ends), UTC ms; RequestRefused says why it cannot be."""
    reason = said(reason, must=False)
    if roster not in site.notify.rosters:
        told = Sentence("there is no roster {name}", name=roster[:60])
        raise RequestRefused(either(told, nearest(roster, site.notify.rosters)))
    if person not in site.notify.people:
        told = Sentence("there is no person {name}", name=person[:60])
        raise RequestRefused(either(told, nearest(person, site.notify.people)))
    if not site.notify.people[person].channels:
        raise RequestRefused(Sentence("{person} has no channel: no message would reach anybody", person=person))
    if ends <= starts:
        raise RequestRefused(Sentence("the end has to be later than the begin"))
    if ends <= now:
        raise RequestRefused(Sentence("it would be over already"))
    if ends - starts > _LONGEST:
        raise RequestRefused(Sentence("somebody stands in for a year at most: write it into the site file"))
    if starts - now > _LONGEST:
        raise RequestRefused(Sentence("it begins within a year: write what comes later into the site file"))
    if sum(one.ends > now for one in known) >= MOST:
        raise RequestRefused(Sentence("there are {count} already: cancel some that nobody needs", count=MOST))
    arguments: dict[str, str | float] = {"person": person, "starts": starts, "ends": ends}
    return command(OVERRIDE, roster, by=by, reason=reason, now=now, arguments=arguments)


def end(known: Iterable[Override], ident: str, *, by: str, reason: str, now: int) -> Command:
    """Make the command that takes back what somebody said, by its id or by how that begins."""
    reason = said(reason, must=False)
    found = [one for one in known if one.ends > now and one.id.startswith(ident)] if ident else []
    if not found:
        raise RequestRefused(Sentence("nobody stands in by the id {id}, or it is over", id=ident[:60]))
    if len(found) > 1:
        raise RequestRefused(
            Sentence("{count} ids begin with {id}: write more of it", count=len(found), id=ident[:60])
        )
    return command(END, found[0].id, by=by, reason=reason, now=now)


def book_override(db: sqlite3.Connection, asked: Command) -> str:
    """Within `State.transact`: write it down, and forget what was over long ago."""
    db.execute("DELETE FROM duty_override WHERE ends < ?", (asked.time - _KEPT,))
    db.execute(
        "INSERT OR IGNORE INTO duty_override (id, roster, person, starts, ends, by, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            asked.id,
            asked.target,
            str(asked.arguments["person"]),
            int(asked.arguments["starts"]),
            int(asked.arguments["ends"]),
            asked.by,
            asked.reason,
        ),
    )
    return ""


def book_end(db: sqlite3.Connection, asked: Command) -> str:
    """Within `State.transact`: what has begun ends now, what has not is forgotten."""
    forgotten = db.execute("DELETE FROM duty_override WHERE id = ? AND starts >= ?", (asked.target, asked.time))
    ended = db.execute(
        "UPDATE duty_override SET ends = :now WHERE id = :id AND starts < :now AND ends > :now",
        {"id": asked.target, "now": asked.time},
    )
    return "" if forgotten.rowcount or ended.rowcount else "it is over, or was taken back already"
