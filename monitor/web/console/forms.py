"""What people send off: forms, read with bounds, and only from pages of our own."""

import asyncio
import hmac
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from monitor.model import Command
from monitor.ports import Batch
from monitor.web import public
from monitor.web.callers import Via, caller_of
from monitor.web.parts import Parts
from monitor.wording import say

__all__ = ["form_of", "keep", "read_form"]

_LARGEST: Final = 16 * 1024
_MOST_FIELDS: Final = 64
_PATIENCE: Final = 2.0
_LOOK: Final = 0.02


async def form_of(request: Request) -> dict[str, list[str]]:
    """Read a form: name -> what was said under it, without spaces around.

    Raises HTTPException when it is none, too large, or when it does not carry what the session's pages carry.
    """
    said = await read_form(request)
    caller = caller_of(request)
    if caller.via is Via.SESSION and not _carries(said.pop("csrf", [""])[0], caller.csrf):
        raise HTTPException(403, say("this page is from before you signed in: load it again"))
    return {name: [value.strip() for value in values] for name, values in said.items()}


async def read_form(request: Request) -> dict[str, list[str]]:
    """Read a form of whoever sent it, as it is. Raises HTTPException when it is none, or too large."""
    return await public.read_form(request, largest=_LARGEST, most=_MOST_FIELDS)


def _carries(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


async def keep(parts: Parts, *commands: Command) -> None:
    """Keep what somebody asked for, and wait for a moment until it is judged, so that the next page shows it."""
    position = await parts.journal.append([Batch(entries=list(commands))])
    waited = 0.0
    while parts.judged() < position and waited < _PATIENCE:
        await asyncio.sleep(_LOOK)
        waited += _LOOK
