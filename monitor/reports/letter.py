"""The mail that brings a report: its totals and what is estimated in short, the report itself attached.

It is built when it is sent, from what metering knows then, in the language of whoever gets it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from markupsafe import escape

from monitor.errors import JournalError, ReportUnavailable
from monitor.periods import Period, parse
from monitor.ports import Attachment, Message
from monitor.reports.books import Books
from monitor.reports.build import build
from monitor.reports.csvfile import csv_file
from monitor.reports.html import html
from monitor.reports.report import Headline, Report
from monitor.reports.words import LANGUAGES, number, say, word
from monitor.schema import unit_sign
from monitor.site import Site

__all__ = ["Letters", "letter"]

_LONGEST_BUILD: Final = 300.0
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.2
_LONGEST_TEXT: Final = 1900
"""Characters of the plain text, which goes to messengers: some refuse more than 2000."""

_TAGS: Final[Mapping[str, str]] = {"en": "en", "zh": "zh-Hans"}
"""Language -> what HTML calls it."""

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "{site}: {name}, {period}",
        "from_to": "{first} to {last}",
        "again": "This report may have reached you before.",
        "attached": "The whole report, with tables and pictures, is attached: {files}.",
        "list": "{name}: {value}",
        "aside": " ({text})",
        "and": "; ",
    },
    "zh": {
        "title": "{site}：{name}，{period}",  # noqa: RUF001 - Chinese punctuation
        "from_to": "{first} 至 {last}",
        "again": "您可能已经收到过这份报告。",
        "attached": "完整报告（含表格和图）见附件：{files}。",  # noqa: RUF001 - Chinese punctuation
        "list": "{name}：{value}",  # noqa: RUF001 - Chinese punctuation
        "aside": "（{text}）",  # noqa: RUF001 - Chinese punctuation
        "and": "；",  # noqa: RUF001 - Chinese punctuation
    },
}  # fmt: skip


class Letters:
    """Builds the mails of reports: the `RenderReport` of the notifier.

    `now` is UTC ms. `is_current` says whether metering has taken in what the journal holds: a report is not built
    from half of it, and waits for the rest up to `patience` seconds. `do` does what blocks in a
    thread; that takes a minute at most.
    """

    def __init__(  # noqa: PLR0913 - what it works with, from the composition root
        self,
        site: Site,
        books: Books,
        *,
        now: Callable[[], int],
        is_current: Callable[[], bool],
        do: Callable[[Callable[[], Message]], Awaitable[Message]] = asyncio.to_thread,
        patience: float = _PATIENCE,
    ) -> None:
        self._site = site
        self._books = books
        self._now = now
        self._is_current = is_current
        self._do = do
        self._patience = patience

    async def __call__(self, body: Mapping[str, Any], language: str) -> Message:
        """Build what the body of a row asks for; raises ReportUnavailable when that cannot be done now."""
        await self._wait_for_all()
        period = parse(body["period"], self._site.timezone, self._now())
        try:
            async with asyncio.timeout(_LONGEST_BUILD):
                reports = [
                    await build(kind, self._books, self._site, period, now=self._now(), devices=body["devices"])
                    for kind in body["kinds"]
                ]
                return await self._do(
                    lambda: letter(
                        reports, self._site, period, language, name=body["name"], is_again=body["again"]
                    )
                )
        except JournalError as error:
            raise ReportUnavailable(f"what was recorded cannot be read: {error}") from error
        except TimeoutError:
            raise ReportUnavailable(f"it was not built within {_LONGEST_BUILD:.0f} s") from None

    async def _wait_for_all(self) -> None:
        for _ in range(round(self._patience / _LOOK_EVERY)):
            if self._is_current():
                return
            await asyncio.sleep(_LOOK_EVERY)
        raise ReportUnavailable("what was recorded has not all been metered yet")


def letter(  # noqa: PLR0913 - what stands in a letter
    reports: Sequence[Report], site: Site, period: Period, language: str, *, name: str, is_again: bool = False
) -> Message:
    """Write the mail about a period; draws pictures, so call it in a thread where nothing may wait."""
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    words = _WORDS[spoken]
    files = _files(reports, site, period, spoken)
    title = words["title"].format(
        site=site.name, name=name or ", ".join(say(one.title, spoken) for one in reports), period=period.name
    )
    top = words["from_to"].format(first=period.first.isoformat(), last=period.last.isoformat())
    again = [words["again"]] if is_again else []
    attached = words["attached"].format(files=", ".join(file.name for file in files))
    parts = [_Part(report, spoken) for report in reports]
    text = _fitting([f"{site.name}, {top}", *again, *(line for part in parts for line in part.as_text())])
    page = "".join(
        [
            f'<html lang="{_TAGS[spoken]}"><body><h1>{escape(title)}</h1><p>{escape(top)}</p>',
            *(f"<p><strong>{escape(line)}</strong></p>" for line in again),
            *(line for part in parts for line in part.as_html()),
            f"<p>{escape(attached)}</p></body></html>",
        ]
    )
    return Message(title=title, text=text, severity="low", html=page, attachments=files)


def _fitting(lines: Sequence[str]) -> str:
    """As many whole lines as a messenger takes."""
    text = "\n".join(lines)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT].rpartition("\n")[0] + "\n…"


class _Part:
    """What a letter says of one report: its headlines, and its notes."""

    def __init__(self, report: Report, language: str) -> None:
        self._language = language
        status = word("complete" if report.is_complete else "incomplete", language)
        self._heading = say(report.title, language) + _WORDS[language]["aside"].format(text=status)
        self._numbers = [self._number(headline) for headline in report.headlines]
        self._notes = [say(note, language) for note in report.notes]

    def _number(self, headline: Headline) -> str:
        language, words = self._language, _WORDS[self._language]
        asides = []
        if headline.before is not None:
            asides.append(
                word("before_value", language).format(value=_quantity(headline.before, headline, language))
            )
        if headline.change is not None:
            asides.append(f"{'+' if headline.change > 0 else ''}{number(headline.change, 1)} %")
        if headline.remark is not None:
            asides.append(say(headline.remark, language))
        value = _quantity(headline.value, headline, language)
        told = words["list"].format(name=say(headline.name, language), value=value)
        return told + (words["aside"].format(text=words["and"].join(asides)) if asides else "")

    def as_text(self) -> Iterator[str]:
        """Lines of plain text."""
        yield ""
        yield self._heading
        yield from (f"- {line}" for line in self._numbers)
        yield from (f"* {line}" for line in self._notes)

    def as_html(self) -> Iterator[str]:
        """The same as HTML."""
        yield f"<h2>{escape(self._heading)}</h2>"
        yield from (f"<p>{escape(line)}</p>" for line in self._numbers)
        if self._notes:
            yield "<ul>"
            yield from (f"<li>{escape(line)}</li>" for line in self._notes)
            yield "</ul>"


def _quantity(value: Any, headline: Headline, language: str) -> str:
    if value is None:
        return word("not_known", language)
    if isinstance(value, str):
        return value
    unit = unit_sign(headline.unit)
    return f"{number(value, headline.digits)} {unit}".rstrip()


def _files(reports: Sequence[Report], site: Site, period: Period, language: str) -> tuple[Attachment, ...]:
    """The page about all reports, and the tables of each."""
    name = f"{site.id}-{period.name}"
    page = html(reports, language=language).encode()
    return (
        Attachment(name=f"{name}.html", media_type="text/html", content=page),
        *(
            Attachment(
                name=f"{name}-{report.kind}.csv",
                media_type="text/csv",
                content=csv_file(report).encode("utf-8-sig"),
            )
            for report in reports
        ),
    )
