"""The pages behind links in messages, on a listener of their own: whoever can connect may ask.

Only a form that was sent off acknowledges; to open or fetch an address does nothing. Whoever guesses pays with an
allowance of their own, so that nobody who holds a link is kept out by it.
"""

import hmac
import time
from collections.abc import Callable, MutableMapping
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from monitor.errors import JournalError
from monitor.notify.links import Claim
from monitor.site import Site
from monitor.web.allowance import Allowance, client_key
from monitor.web.linkdesk import LinkDesk, Seen, Stand
from monitor.web.linkpage import STYLE_HASH, draw, plain
from monitor.web.public import Guarded, form_of

__all__ = ["CLIENTS", "make_link_pages"]

_LOG = structlog.get_logger()

CLIENTS: Final = 50
"""How many may be connected at once."""
_WRONG, _ALL_WRONG = 10, 300
"""Addresses that are no links, a minute: of one client and of all."""
_GOOD, _ALL_GOOD = 60, 600
_NO_LINK: Final = plain("This link is not valid.", "此链接无效。")
_TOO_MANY: Final = plain("Too many requests: wait a minute.", "请求过多，请稍后再试。")  # noqa: RUF001 - Chinese
_NOT_NOW: Final = plain("The monitor cannot answer now: try again.", "监控系统暂时无法应答，请重试。")  # noqa: RUF001
_NO_FORM: Final = plain("Press the button on the page.", "请使用页面上的按钮。")


class _Pages:
    """Answers one address; `counts` says how often links were opened, used and refused."""

    def __init__(
        self, site: Site, desk: LinkDesk, counts: MutableMapping[str, int], monotonic: Callable[[], float]
    ) -> None:
        self._site = site
        self._desk = desk
        self._counts = counts
        self._wrong = Allowance(_WRONG, _ALL_WRONG, monotonic)
        self._good = Allowance(_GOOD, _ALL_GOOD, monotonic)

    async def answer(self, request: Request) -> Response:
        """Answer GET and HEAD with the page as things stand, and POST by acknowledging."""
        token = str(request.path_params["token"])
        claim = self._desk.claim_of(token)
        client = client_key(request.client.host if request.client else "")
        if claim is None:
            return self._refuse_wrong(client)
        if not self._good.take(client):
            return self._refuse(_TOO_MANY, 429)
        try:
            if request.method == "POST":
                return await self._post(request, token, claim)
            seen = await self._desk.look(claim)
        except JournalError:
            return HTMLResponse(_NOT_NOW, 503)
        if seen is None:
            return self._refuse_wrong(client)
        self._counts["opened"] += 1
        return self._page(seen, token, 200)

    def _refuse_wrong(self, client: str) -> Response:
        return self._refuse(_NO_LINK, 404) if self._wrong.take(client) else self._refuse(_TOO_MANY, 429)

    def _refuse(self, page: str, status: int) -> Response:
        self._counts["refused"] += 1
        return HTMLResponse(page, status, {"retry-after": "60"} if status == 429 else None)  # noqa: PLR2004

    async def _post(self, request: Request, token: str, claim: Claim) -> Response:
        form = await form_of(request)
        if form is None or not hmac.compare_digest(form.get("token", "").encode(), token.encode()):
            return self._refuse(_NO_FORM, 400)
        try:
            seen = await self._desk.acknowledge(claim, resets=form.get("resets") == "1")
        except JournalError as error:
            _LOG.warning("link_not_kept", occurrence=claim.occurrence, error=str(error))
            seen = await self._desk.look(claim)
            return HTMLResponse(_NOT_NOW, 503) if seen is None else self._page(seen, token, 503, kept=False)
        if seen is None:
            return self._refuse(_NO_LINK, 404)
        if seen.stand is Stand.DONE:
            self._counts["used"] += 1
            _LOG.info("link_used", occurrence=claim.occurrence, person=claim.person)
        elif seen.stand is not Stand.RESETS:
            self._counts["refused"] += 1
        return self._page(seen, token, 410 if seen.stand is Stand.EXPIRED else 200)

    def _page(self, seen: Seen, token: str, status: int, *, kept: bool = True) -> Response:
        return HTMLResponse(draw(self._site, seen, token, kept=kept), status)


def make_link_pages(
    site: Site,
    desk: LinkDesk,
    counts: MutableMapping[str, int],
    *,
    path: str = "",
    monotonic: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Make the app. `path`: where a proxy may pass it on from, as in the site's `base`; `monotonic`: seconds."""
    pages = _Pages(site, desk, counts, monotonic)
    places = dict.fromkeys(("/a/{token}", f"{path}/a/{{token}}"))
    app = Starlette(
        routes=[Route(place, pages.answer, methods=["GET", "POST"]) for place in places],
        exception_handlers={HTTPException: _of_http, Exception: _of_mistake},
    )
    app.router.redirect_slashes = False
    return Guarded(app, STYLE_HASH)


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return HTMLResponse(_NO_LINK, error.status_code, error.headers)


async def _of_mistake(_: Request, error: Exception) -> Response:
    _LOG.error("link_page_defect", error=type(error).__name__)
    return HTMLResponse(_NOT_NOW, 500)
