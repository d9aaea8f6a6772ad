"""What pages have in common that strangers may open: headers that keep a page to itself, forms with bounds."""

from typing import Any, Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guarded", "form_of", "read_form"]

_FORM: Final = "application/x-www-form-urlencoded"
_LARGEST: Final = 4096
_MOST_FIELDS: Final = 8


async def form_of(request: Request, *, largest: int = _LARGEST) -> dict[str, str] | None:
    """What a form says, without what is empty; None when it is none, or has more bytes than `largest`."""
    try:
        said = await read_form(request, largest=largest, most=_MOST_FIELDS)
    except HTTPException:
        return None
    return {name: first for name, values in said.items() if (first := next(filter(None, values), ""))}


async def read_form(request: Request, *, largest: int, most: int) -> dict[str, list[str]]:
    """Read a form of whoever sent it: name -> what was said under it, as it is.

    Raises HTTPException when it is none, or has more bytes than `largest`, or more than `most` fields.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415, "send the form of a page")
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > largest:
                raise HTTPException(413, "what was written is too long")
    except ClientDisconnect as error:  # no defect of ours: strangers could fill the log with it
        raise HTTPException(400, "the form did not come as a whole") from error
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=most, errors="strict")
    except ValueError as error:
        raise HTTPException(400, "this is no form of ours") from error


class Guarded:
    """Puts the headers on each answer that keep a page to itself. `style_hash`: of the only style it may have."""

    def __init__(self, app: ASGIApp, style_hash: str) -> None:
        self._app = app
        self._headers = [
            (name.encode(), value.encode())
            for name, value in {
                "cache-control": "no-store",
                "content-security-policy": (
                    f"default-src 'none'; style-src 'sha256-{style_hash}'; form-action 'self'; base-uri 'none'; "
                    "frame-ancestors 'none'"
                ),
                "referrer-policy": "no-referrer",
                "x-content-type-options": "nosniff",
                "x-frame-options": "DENY",
                "x-robots-tag": "noindex, nofollow",
                "cross-origin-opener-policy": "same-origin",
            }.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[Any] = list(message.get("headers", ()))
                message = {**message, "headers": [*headers, *self._headers]}
            await send(message)

        await self._app(scope, receive, guarded)
