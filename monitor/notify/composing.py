"""What a row of the outbox says when it goes out: a message in the language of its person."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from monitor.duereport import RenderReport
from monitor.errors import ReportUnavailable
from monitor.notify.attempt import Attempt
from monitor.notify.messages import render
from monitor.ports import Message, NoticeKind
from monitor.site import Site
from monitor.staff import Person

__all__ = ["Composer", "SignLink"]

SignLink = Callable[[str, str], str]
"""Occurrence and person -> the address of a page on which this person acknowledges this alarm.

Empty while nobody would answer there.
"""

_TO_ACKNOWLEDGE: Final = frozenset({"raise", "severity", "chatter", "assigned"})


async def _no_reports(_body: Mapping[str, Any], _language: str) -> Message:
    raise ReportUnavailable("this program builds no reports")


class Composer:
    """Writes messages when they are sent. `render_report` builds a report; `sign` a link that acknowledges."""

    def __init__(
        self, site: Site, *, render_report: RenderReport = _no_reports, sign: SignLink | None = None
    ) -> None:
        self._site = site
        self._render_report = render_report
        self._sign = sign

    async def compose(self, attempt: Attempt, person: Person) -> Message:
        """Write the message of an attempt for one person; raises ReportUnavailable."""
        language = person.language or self._site.language
        if attempt.is_report:
            return await self._render_report(attempt.body, language)
        kind = attempt.kind if attempt.cleared is None else "combined"
        if attempt.gathered:
            kind = "gathered"
        return render(kind, language, self._body(attempt, person), cleared=attempt.cleared)

    def _body(self, attempt: Attempt, person: Person) -> Mapping[str, Any]:
        """The facts of the message; with a `link` where there is something to acknowledge."""
        if self._sign is None or attempt.gathered or attempt.kind not in _TO_ACKNOWLEDGE:
            return attempt.body
        if attempt.kind == NoticeKind.ASSIGNED and "unacked" not in attempt.body:
            return attempt.body
        link = self._sign(attempt.occurrence, person.id)
        return {**attempt.body, "link": link} if link else attempt.body
