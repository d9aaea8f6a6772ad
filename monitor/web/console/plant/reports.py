"""Reports: which, of when, in which language; opened as a page of their own, or taken as a file."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.notify.languages import LANGUAGES
from monitor.periods import parse
from monitor.reports.report import KINDS, Report
from monitor.web.callers import Caller, NotAllowed, caller_of
from monitor.web.console.page import Pages, language_of
from monitor.web.console.plant.words import words
from monitor.web.parts import Parts
from monitor.wording import Sentence

__all__ = ["make_reports"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
_AT_ONCE: Final = 1
_WAITING: Final = 4
_PATIENCE: Final = 90.0
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9.-]+")
_USUAL: Final = "last-month"


def make_reports(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes."""
    maker = _Maker()

    async def choose(request: Request, *, error: str = "", typed: Mapping[str, str] | None = None) -> Response:
        told = words(pages.words(request)).reports
        kinds = [] if parts.reports is None else [each for each in KINDS if _may_see(caller_of(request), each)]
        return pages.draw(
            request,
            "plant/reports.html.j2",
            status=422 if error else 200,
            kinds=[(each, told[each]) for each in kinds],
            language=language_of(request, parts.site),
            error=error,
            typed={"kind": "", "period": _USUAL, "other": "", **(typed or {})},
        )

    async def report(request: Request) -> Response:
        kind, asked, say = str(request.path_params["kind"]), request.query_params, pages.words(request)
        kind = asked.get("kind", "") if kind == "open" else kind
        if parts.reports is None or kind not in KINDS:
            raise HTTPException(404, say("There is no such report."))
        if not _may_see(caller_of(request), kind):
            raise NotAllowed(Sentence("somebody who may see who came and went"))
        wanted = asked.get("other", "").strip() or asked.get("period") or _USUAL
        try:
            period = parse(wanted[:50], parts.site.timezone, parts.now())
        except ValueError as wrong:
            return await choose(request, error=str(wrong), typed={"kind": kind, "other": wanted[:50]})
        language = asked.get("language", "")
        form = asked.get("form", "html")
        spoken = language if language in LANGUAGES else language_of(request, parts.site)
        made = await maker.make(say, lambda: parts.reports.build(kind, period, None), form, spoken)
        return _answer(made, form, f"{kind}-{_NO_NAME.sub('-', period.name)}")

    return [Route("/reports", choose, methods=["GET"]), Route("/reports/{kind}", report, methods=["GET"])]


def _may_see(caller: Caller, kind: str) -> bool:
    return kind != "access" or caller.sees_people


class _Maker:
    """Makes one report at a time: a year of many meters takes seconds."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def make(self, say: Callable[[str], str], build: Any, form: str, language: str) -> bytes:
        """Answer a report in a form. Raises HTTPException when too many are asked for."""
        if self._waiting >= _WAITING:
            raise HTTPException(503, say("Other reports are being made: try again in a minute."))
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE), self._one:
                return await asyncio.to_thread(_written, await build(), form, language)
        except TimeoutError as late:
            raise HTTPException(503, say("It takes too long: ask for a shorter period.")) from late
        finally:
            self._waiting -= 1


def _written(report: Report, form: str, language: str) -> bytes:
    """In a thread."""
    if form == "csv":
        from monitor.reports.csvfile import csv_file

        return csv_file(report).encode("utf-8-sig")
    if form == "json":
        import orjson

        return orjson.dumps(report.as_json())
    from monitor.reports.html import html

    return html([report], language=language).encode()


def _answer(body: bytes, form: str, name: str) -> Response:
    headers = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}
    if form not in {"csv", "json"}:
        return Response(body, headers={**headers, "content-security-policy": _POLICY}, media_type="text/html")
    media = "text/csv" if form == "csv" else "application/json"
    return Response(
        body, headers={**headers, "content-disposition": f'attachment; filename="{name}.{form}"'}, media_type=media
    )
