"""The pages of residents, on a listener of their own: whoever stands before a code may open them.

No cookie, no script, no account. Who guesses addresses pays with an allowance of his own; who floods a place
with reports is told to call instead. Reports of danger have allowances of their own: no flood keeps them out.
"""

import time
from collections.abc import Callable, MutableMapping
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from monitor.errors import JournalError
from monitor.places import Place, Report
from monitor.site import Site
from monitor.web.allowance import Allowance, client_key
from monitor.web.linkpage import plain
from monitor.web.public import Guarded, form_of
from monitor.web.residents.codes import Fits
from monitor.web.residents.desk import ResidentDesk
from monitor.web.residents.drawing import LONGEST, STYLE_HASH, Drawing
from monitor.web.residents.tokens import form_token, is_form

__all__ = ["CLIENTS", "make_resident_pages"]

_LOG = structlog.get_logger()

CLIENTS: Final = 100
"""How many may be connected at once."""
_WRONG, _ALL_WRONG = 10, 300
_GOOD, _ALL_GOOD = 60, 1200
"""Pages a minute: of one client and of all, for addresses that are none of ours and for those that are."""
_SENT, _ALL_SENT = 20, 300
_AT_PLACE: Final = 60
"""Reports an hour: of one client, of all, of one place."""
_ANY: Final = 1_000_000
_LARGEST: Final = 8192
"""Bytes of a form: a letter of Chinese takes nine of them."""
_HONEYPOT: Final = "website"
_NO_PAGE: Final = plain("There is no such page.", "没有此页面。")
_TOO_MANY: Final = plain("Too many requests: wait a minute.", "请求过多，请稍后再试。")  # noqa: RUF001 - Chinese
_NOT_NOW: Final = plain(
    "The monitor cannot answer now. If somebody is in danger call for help.",
    "监控系统暂时无法应答。如有人身危险，请立即打电话求助。",  # noqa: RUF001
)


class _Pages:
    """Answers; `counts` says how often pages were opened and reports taken and refused."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        site: Site,
        desk: ResidentDesk,
        key: bytes,
        counts: MutableMapping[str, int],
        *,
        now: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        assert site.residents is not None
        self._languages = site.residents.languages
        self._desk = desk
        self._key = key
        self._counts = counts
        self._now = now
        self._drawing = Drawing(site, site.residents)
        self._wrong = Allowance(_WRONG, _ALL_WRONG, monotonic)
        self._good = Allowance(_GOOD, _ALL_GOOD, monotonic)
        # One for those in danger, one for all others; what they call a minute is an hour.
        self._clients, self._places = (
            [Allowance(each, whole, lambda: monotonic() / 60) for _ in range(2)]
            for each, whole in ((_SENT, _ALL_SENT), (_AT_PLACE, _ANY))
        )

    async def place(self, request: Request) -> Response:
        """Answer the page of a place, and take what was reported there."""
        place, fits = self._desk.codes.find(str(request.path_params["place"]))
        client = _client(request)
        if place is None:
            return self._refuse_wrong(client)
        if not self._good.take(client):
            return self._refuse(_TOO_MANY, 429)
        language = self._language(request)
        if fits is not Fits.WELL:
            return self._refuse(self._drawing.message(fits, language), 410)
        if request.method == "POST":
            return await self._post(request, place, client, language)
        self._counts["opened"] += 1
        token = form_token(self._key, place.id)
        return HTMLResponse(self._drawing.form(place, language, token=token, said={}))

    async def followed(self, request: Request) -> Response:
        """Answer how a report stands."""
        client = _client(request)
        if not self._good.take(client):
            return self._refuse(_TOO_MANY, 429)
        try:
            one = await self._desk.follow(str(request.path_params["token"]))
        except JournalError:
            return HTMLResponse(_NOT_NOW, 503)
        if one is None:
            return self._refuse_wrong(client)
        return HTMLResponse(self._drawing.followed(one, self._language(request), self._now()))

    async def _post(self, request: Request, place: Place, client: str, language: str) -> Response:
        form = await form_of(request, largest=_LARGEST)
        token = "" if form is None else form.get("form", "")
        if form is None or not is_form(self._key, place.id, token) or _HONEYPOT in form:
            return self._refuse(self._drawing.message("press", language), 400)
        text = _clean(form.get("text", ""))
        report = next((each for each in place.reports if each.id == form.get("kind")), None)
        if report is None or len(text) > LONGEST:
            wrong = "kind" if report is None else "text"
            said = {"kind": form.get("kind", ""), "text": text[:LONGEST]}
            page = self._drawing.form(place, language, token=token, said=said, wrong=wrong)
            return HTMLResponse(page, 422)
        if not self._may_send(client, place, report):
            return self._refuse(self._drawing.message("too_many", language), 429)
        try:
            follow = await self._desk.take(place, report, text=text, form=token, language=language)
        except JournalError as error:
            _LOG.warning("resident_report_not_kept", place=place.id, report=report.id, error=str(error))
            return self._refuse(self._drawing.message("not_noted", language), 503)
        self._counts["taken"] += 1
        return RedirectResponse(f"s/{follow}?lang={language}", 303)

    def _may_send(self, client: str, place: Place, report: Report) -> bool:
        kind = int(report.is_danger)
        return self._clients[kind].take(client) and self._places[kind].take(place.id)

    def _language(self, request: Request) -> str:
        """What was chosen, what the browser prefers, or the first that is offered."""
        offered = self._languages
        preferred = request.headers.get("accept-language", "").split(",")
        wanted = (each.split(";")[0].strip()[:2].lower() for each in preferred)
        return next(
            (each for each in (request.query_params.get("lang", ""), *wanted) if each in offered), offered[0]
        )

    def _refuse_wrong(self, client: str) -> Response:
        return self._refuse(_NO_PAGE, 404) if self._wrong.take(client) else self._refuse(_TOO_MANY, 429)

    def _refuse(self, page: str, status: int) -> Response:
        self._counts["refused"] += 1
        return HTMLResponse(page, status, {"retry-after": "60"} if status == 429 else None)  # noqa: PLR2004


def _client(request: Request) -> str:
    return client_key(request.client.host if request.client else "")


def _clean(text: str) -> str:
    """What somebody wrote, without letters that nobody sees."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("".join(each if each.isprintable() else " " for each in line) for line in lines).strip()


def make_resident_pages(  # noqa: PLR0913 - as `_Pages`
    site: Site,
    desk: ResidentDesk,
    key: bytes,
    counts: MutableMapping[str, int],
    *,
    now: Callable[[], int],
    path: str = "",
    monotonic: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Make the app. `path`: where a proxy may pass it on from, as in the site's `base`; `monotonic`: seconds."""
    pages = _Pages(site, desk, key, counts, now=now, monotonic=monotonic)
    routes = []
    for base in dict.fromkeys(("", path)):
        routes.append(Route(f"{base}/r/s/{{token}}", pages.followed, methods=["GET"]))
        routes.append(Route(f"{base}/r/{{place}}", pages.place, methods=["GET", "POST"]))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _of_http, Exception: _of_mistake})
    app.router.redirect_slashes = False
    return Guarded(app, STYLE_HASH)


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return HTMLResponse(_NO_PAGE, error.status_code, error.headers)


async def _of_mistake(_: Request, error: Exception) -> Response:
    _LOG.error("resident_page_defect", error=type(error).__name__)
    return HTMLResponse(_NOT_NOW, 500)
