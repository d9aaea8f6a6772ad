"""What a row of the outbox says when it goes out: a message in the language of its person."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from monitor.duereport import RenderReport
from monitor.errors import ReportUnavailable
from monitor.notices import ALARMING, NoticeKind
from monitor.notify.attempt import Attempt
from monitor.notify.channels import is_mail
from monitor.notify.messages import render
from monitor.ports import Attachment, Message
from monitor.site import Site
from monitor.staff import Person

__all__ = ["Composer", "Paint", "SignLink"]

SignLink = Callable[[str, str], str]
"""Occurrence and person -> the address of a page on which this person acknowledges this alarm.

Empty while nobody would answer there.
"""

Paint = Callable[[str, str, Mapping[str, Any], int | None], Awaitable[bytes]]
"""Kind, language, body and end of the alarm (UTC ms) -> a PNG of the day around it; empty: there is none."""

_TO_ACKNOWLEDGE: Final = ALARMING | {NoticeKind.REMIND, NoticeKind.ASSIGNED}
_IMAGE: Final = "day.png"


async def _no_reports(_body: Mapping[str, Any], _language: str) -> Message:
    raise ReportUnavailable("this program builds no reports")


async def _no_picture(_kind: str, _language: str, _body: Mapping[str, Any], _cleared: int | None) -> bytes:
    return b""


class Composer:
    """Writes messages when they are sent.

    `render_report` builds a report; `sign` a link that acknowledges; `paint` the picture that goes with a mail.
    """

    def __init__(
        self,
        site: Site,
        *,
        render_report: RenderReport = _no_reports,
        sign: SignLink | None = None,
        paint: Paint = _no_picture,
    ) -> None:
        self._site = site
        self._render_report = render_report
        self._sign = sign
        self._paint = paint

    async def compose(self, attempt: Attempt, person: Person) -> Message:
        """Write the message of an attempt for one person; raises ReportUnavailable."""
        language = person.language or self._site.language
        if attempt.is_report:
            return await self._render_report(attempt.body, language)
        kind = attempt.kind if attempt.cleared is None else "combined"
        if attempt.is_gathered:
            kind = "gathered"
        body = self._body(attempt, person)
        picture = b""
        if is_mail(person.channels.get(attempt.lane[1], "")):
            picture = await self._paint(kind, language, body, attempt.cleared)
        image = _IMAGE if picture else ""
        # In a thread: the first message imports what writes languages, and reads their catalogues.
        message = await asyncio.to_thread(render, kind, language, body, cleared=attempt.cleared, image=image)
        if not picture:
            return message
        shown = Attachment(name=_IMAGE, media_type="image/png", content=picture, inline=True)
        return replace(message, attachments=(shown,))

    def _body(self, attempt: Attempt, person: Person) -> Mapping[str, Any]:
        """The facts of the message; with a `link` where there is something to acknowledge."""
        if self._sign is None or attempt.is_gathered or attempt.kind not in _TO_ACKNOWLEDGE:
            return attempt.body
        if attempt.kind == NoticeKind.ASSIGNED and "unacked" not in attempt.body:
            return attempt.body
        link = self._sign(attempt.occurrence, person.id)
        return {**attempt.body, "link": link} if link else attempt.body
