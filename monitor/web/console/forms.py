"""What people send off: forms, read with bounds, and only from pages of our own."""

import asyncio
import hmac
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from monitor.model import Command
from monitor.ports import Batch
from monitor.web.callers import Via, caller_of
from monitor.web.parts import Parts

__all__ = ["form_of", "keep"]

_FORM: Final = "application/x-www-form-urlencoded"
_LARGEST: Final = 16 * 1024
_MOST_FIELDS: Final = 64
_PATIENCE: Final = 2.0
_LOOK: Final = 0.02


async def form_of(request: Request) -> dict[str, list[str]]:
    """Read a form: name -> what was said under it, without spaces around.

    Raises HTTPException when it is none, too large, or when it does not carry what the session's pages carry.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415, "send the form of a page")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST:
            raise HTTPException(413, "what was written is too long")
    try:
        said = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise HTTPException(400, "this is no form of ours") from error
    caller = caller_of(request)
    if caller.via is Via.SESSION and not _carries(said.pop("csrf", [""])[0], caller.csrf):
        raise HTTPException(403, "this page is from before you signed in: load it again")
    return {name: [value.strip() for value in values] for name, values in said.items()}


def _carries(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


async def keep(parts: Parts, *commands: Command) -> None:
    """Keep what somebody asked for, and wait for a moment until it is judged, so that the next page shows it."""
    position = await parts.journal.append([Batch(entries=list(commands))])
    waited = 0.0
    while parts.judged() < position and waited < _PATIENCE:
        await asyncio.sleep(_LOOK)
        waited += _LOOK
